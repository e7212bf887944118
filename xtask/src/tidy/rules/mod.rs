//! All rules, in the order of docs/STYLE.md where it has them.
//!
//! A rule is a function from the [`Tree`] to findings. It must not find fault where there is none:
//! whoever lands a change passes through here.

mod docs;
mod exports;
mod files;
mod functions;
mod graph;
mod lints;
mod map;
mod messages;
mod names;
mod packages;
mod purity;
mod test_code;
mod unsafety;

pub(super) use packages::n_dependencies;

use super::finding::Finding;
use crate::tree::Tree;

/// A rule.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// What is so when it holds.
    pub(super) what: &'static str,
    pub(super) check: fn(&Tree) -> Vec<Finding>,
}

const fn rule(name: &'static str, what: &'static str, check: fn(&Tree) -> Vec<Finding>) -> Rule {
    Rule { name, what, check }
}

/// All of them.
pub(super) const RULES: &[Rule] = &[
    rule(
        "head",
        "a Rust file starts with `//!`: what it is, In, Out, Never",
        files::head,
    ),
    rule(
        "columns",
        "a line of code has at most 100 columns",
        files::columns,
    ),
    rule(
        "length",
        "a file has at most 600 lines, tests not counted",
        files::length,
    ),
    rule(
        "blanks",
        "no blanks at the end of lines, a newline at the end of files",
        files::blanks,
    ),
    rule(
        "functions",
        "a function has at most 70 lines of code and 5 arguments",
        functions::sizes,
    ),
    rule(
        "bool",
        "no `bool` parameter in functions that others call",
        functions::bools,
    ),
    rule(
        "modules",
        "the modules of a crate use each other without cycles",
        graph::cycles,
    ),
    rule(
        "exports",
        "a module re-exports only what lies in it",
        exports::check,
    ),
    rule(
        "names",
        "names are of docs/LEXICON.md, without words that say nothing",
        names::check,
    ),
    rule(
        "tests",
        "tests stand in tests.rs, have sentences for names, and never sleep",
        test_code::check,
    ),
    rule(
        "unsafe",
        "`unsafe` only where a room may have it, forbidden elsewhere",
        unsafety::check,
    ),
    rule(
        "lints",
        "every package has the lints, and none of the limits is lifted",
        lints::check,
    ),
    rule(
        "pure",
        "what decides touches no clock, file, socket or thread",
        purity::check,
    ),
    rule(
        "packages",
        "a room depends on what its row allows, and on nothing else",
        packages::check,
    ),
    rule(
        "budget",
        "the number of dependencies stays within its budget",
        packages::budget,
    ),
    rule(
        "messages",
        "texts are lower case, without a full stop, and constant in logs",
        messages::check,
    ),
    rule(
        "codes",
        "every diagnostic code is in a golden and in docs/reference",
        docs::codes,
    ),
    rule(
        "map",
        "ARCHITECTURE.md names every crate and every top module",
        map::check,
    ),
    rule(
        "links",
        "links between our pages lead somewhere",
        docs::links,
    ),
    rule(
        "decisions",
        "decisions are numbered pages; each dependency is in one",
        docs::decisions,
    ),
    rule(
        "changelog",
        "CHANGELOG.md has a line an entry, said to users",
        docs::changelog,
    ),
];
