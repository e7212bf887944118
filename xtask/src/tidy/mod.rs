//! `cargo xtask tidy`: the rules of style and structure that a machine can see.
//!
//! ```text
//!  files of the repository ──► Tree ──► rules, each a function ──► findings: place, what, way out
//! ```
//!
//! In: the tree as it stands. Out: findings, and for each rule whether it holds. Never: a change of
//! the tree; an opinion that docs/STYLE.md, docs/LEXICON.md or ARCHITECTURE.md does not state.

mod rooms;
mod rules;

mod modules;

mod finding;

use std::process::ExitCode;

use anyhow::Result;

use self::rooms::{DIRECT_MAX, LOCKED_MAX};
use self::rules::RULES;
use crate::tally::{Count, say};
use crate::tree::Tree;

/// Hold the rules of style and structure that a machine can see
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask tidy          all rules
  cargo xtask tidy --list   what the rules are")]
pub(crate) struct Args {
    /// Only tell which rules there are.
    #[arg(long)]
    list: bool,
}

/// Looks at the tree and tells what it found.
///
/// # Errors
/// When the tree cannot be read.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        for rule in RULES {
            say(&format!("{:<14}{}", rule.name, rule.what));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let count = check()?;
    let Count { passed, failed } = count;
    say(&format!("tidy: {passed} passed, {failed} failed"));
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Looks at the tree, tells what it found, and counts the rules that hold.
///
/// # Errors
/// When the tree cannot be read.
pub(crate) fn check() -> Result<Count> {
    let tree = Tree::read()?;
    let mut count = Count::default();
    for rule in RULES {
        let mut findings = (rule.check)(&tree);
        findings.sort();
        findings.dedup();
        for finding in &findings {
            say(&format!("tidy {}: {finding}", rule.name));
        }
        match findings.is_empty() {
            true => count.passed += 1,
            false => count.failed += 1,
        }
    }
    let (n_direct, n_locked) = rules::n_dependencies(&tree);
    say(&format!(
        "tidy: {n_direct} of {DIRECT_MAX} direct dependencies, {n_locked} of {LOCKED_MAX} locked"
    ));
    Ok(count)
}

#[cfg(test)]
mod tests;
