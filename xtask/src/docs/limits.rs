//! The page of all bounds: name, value, and the reason that stands at each constant.

use std::fmt::Write as _;

use syn::spanned::Spanned;
use syn::{Attribute, Expr, Item, ItemConst, Lit, Meta};

use crate::source::Source;
use crate::tree::Tree;

const HEAD: &str = "\
# Bounds

Everything that somebody else controls is bounded, and each bound stands in the `limits.rs` of its
crate with unit and reason. This page is written from there by `cargo xtask docs`. Without one of
these a bound does not exist: there is no idle timeout, and no limit of connections but the
descriptors of the process.
";

/// The page.
pub(super) fn page(tree: &Tree) -> String {
    let mut page = HEAD.to_owned();
    for package in tree.packages().filter(|it| it.starts_with("crates/")) {
        let path = format!("{package}/src/limits.rs");
        let Some(source) = tree.sources.iter().find(|source| source.path == path) else {
            continue;
        };
        let name = package.trim_start_matches("crates/");
        let rows = rows(source);
        if !rows.is_empty() {
            _ = write!(
                page,
                "\n## {name}\n\n| bound | value | what and why |\n|---|---|---|\n"
            );
            page.push_str(&rows);
        }
    }
    page
}

fn rows(source: &Source) -> String {
    let items = source.code.items.iter();
    let constants = items.filter_map(|item| match item {
        Item::Const(constant) => Some(constant),
        _ => None,
    });
    constants.map(|constant| row(source, constant)).collect()
}

fn row(source: &Source, constant: &ItemConst) -> String {
    let name = &constant.ident;
    let value = value(source, &constant.expr).replace('|', "\\|");
    let reason = doc(&constant.attrs).replace('|', "\\|");
    format!("| `{name}` | {value} | {reason} |\n")
}

/// A wait as people say it, anything else as it is written.
fn value(source: &Source, expr: &Expr) -> String {
    let span = expr.span();
    let (start, end) = (span.start(), span.end());
    let lines = source.text.lines().skip(start.line - 1);
    let mut lines: Vec<&str> = lines.take(end.line + 1 - start.line).collect();
    if let Some(last) = lines.last_mut() {
        *last = last.get(..end.column).unwrap_or(last);
    }
    if let Some(first) = lines.first_mut() {
        *first = first.get(start.column..).unwrap_or(first);
    }
    let words: Vec<&str> = lines
        .iter()
        .flat_map(|line| line.split_whitespace())
        .collect();
    let written = words.join(" ").replace('_', "");
    for (unit, call) in [
        ("s", "Duration::fromsecs("),
        ("ms", "Duration::frommillis("),
        ("µs", "Duration::frommicros("),
    ] {
        if let Some(number) = written.strip_prefix(call) {
            return format!("{} {unit}", number.trim_end_matches(')'));
        }
    }
    // A bound that is another's is called by that one's name, which keeps its underscores.
    match written.starts_with(|first: char| first.is_ascii_digit()) {
        true => written,
        false => format!("`{}`", words.join(" ")),
    }
}

/// The comment of an item as one line; links become what they show.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        let Expr::Lit(literal) = &pair.value else {
            return None;
        };
        match &literal.lit {
            Lit::Str(text) if pair.path.is_ident("doc") => Some(text.value()),
            _ => None,
        }
    });
    let text: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
    text.join(" ").replace("[`", "`").replace("`]", "`")
}
