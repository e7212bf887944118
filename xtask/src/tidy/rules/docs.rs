//! Pages: codes that are shown and explained, links, decisions, the changelog.

use std::collections::{BTreeMap, BTreeSet};

use toml::Table;

use super::packages::dependencies;
use crate::tidy::finding::Finding;
use crate::tree::Tree;

const CATALOG: &str = "crates/portway-control/src/diagnostic/";
const GOLDENS: &str = "crates/portway-control/tests/golden/";
const BINARY_TESTS: &str = "crates/portway/";
const DIAGNOSTICS: &str = "docs/reference/diagnostics.md";
const DECISIONS: &str = "docs/decisions/";
const CHANGELOG: &str = "CHANGELOG.md";

/// Lines of a decision: one page.
const DECISION_LINES_MAX: usize = 60;

/// Columns of an entry of the changelog.
const ENTRY_COLUMNS_MAX: usize = 120;

/// What a changelog tells of.
const CHANGES: [&str; 5] = ["Added", "Changed", "Fixed", "Security", "Removed"];

/// Every code is shown by a golden, or by a test of the binary if only that gives it; and it has a
/// page.
pub(super) fn codes(tree: &Tree) -> Vec<Finding> {
    let catalog = tree
        .sources
        .iter()
        .filter(|it| it.path.starts_with(CATALOG) && !it.is_test);
    let shown: String = tree
        .files
        .iter()
        .filter(|(path, _)| {
            (path.starts_with(GOLDENS) && path.ends_with(".want"))
                || (path.starts_with(BINARY_TESTS) && path.contains("tests"))
        })
        .map(|(_, text)| text.as_str())
        .collect();
    let pages = tree.files.get(DIAGNOSTICS).map_or("", String::as_str);
    let mut findings = Vec::new();
    let mut first: BTreeMap<u16, String> = BTreeMap::new();
    for source in catalog {
        for (line, number) in codes_in(&source.text) {
            let code = format!("PW{number:04}");
            let mut find = |what: String, way_out: &str| {
                findings.push(Finding::at(&source.path, line, what, way_out));
            };
            if !shown.contains(&code) {
                let what = format!("no golden shows {code}");
                find(what, "add a case under crates/portway-control/tests/golden");
            }
            if !pages.contains(&format!("### {code}:")) {
                let what = format!("{DIAGNOSTICS} does not explain {code}");
                find(what, "`cargo xtask docs` writes it");
            }
            let here = format!("{}:{line}", source.path);
            if let Some(before) = first.insert(number, here) {
                find(
                    format!("{code} has an entry already: {before}"),
                    "take the next number",
                );
            }
        }
    }
    findings
}

/// `code: Code(203)` and its line.
fn codes_in(text: &str) -> Vec<(usize, u16)> {
    let numbered = (1..).zip(text.lines());
    let codes = numbered.filter_map(|(line, text)| {
        let (_, rest) = text.split_once("code: Code(")?;
        let (number, _) = rest.split_once(')')?;
        Some((line, number.parse().ok()?))
    });
    codes.collect()
}

/// Links to files of ours lead to a file.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pages = tree.files.iter().filter(|(path, _)| path.ends_with(".md"));
    for (path, text) in pages {
        let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
        for (line, target) in targets(text) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || target.contains(':') {
                continue;
            }
            let to = joined(dir, file);
            let below = format!("{to}/");
            let is_there = to.is_empty()
                || tree.files.contains_key(&to)
                || tree.files.keys().any(|it| it.starts_with(&below));
            if !is_there {
                let what = format!("the link to {target} leads nowhere");
                findings.push(Finding::at(path, line, what, "mend it, or leave it out"));
            }
        }
    }
    findings
}

/// What stands in `](…)`, outside code.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut targets = Vec::new();
    let mut is_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for rest in line.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                targets.push((number, target));
            }
        }
    }
    targets
}

fn joined(dir: &str, file: &str) -> String {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Numbered pages, each number once, not longer than a page; together they name all dependencies.
pub(super) fn decisions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    let pages = tree
        .files
        .iter()
        .filter(|(path, _)| path.starts_with(DECISIONS));
    let mut all = String::new();
    for (path, text) in pages {
        all.push_str(text);
        let name = &path[DECISIONS.len()..];
        let number = name.split('-').next().unwrap_or_default();
        let is_number = number.len() == 4 && number.chars().all(|it| it.is_ascii_digit());
        let is_titled = [" ", ": "]
            .iter()
            .any(|gap| text.starts_with(&format!("# {number}{gap}")));
        if !is_number || !is_titled {
            let way_out = "name it NNNN-title.md and begin with `# NNNN Title`";
            findings.push(Finding::of(path, "a decision without its number", way_out));
        }
        if let Some(other) = numbers.insert(number, path) {
            let what = format!("{number} is also the number of {other}");
            findings.push(Finding::of(path, what, "take the next free one"));
        }
        if text.lines().count() > DECISION_LINES_MAX {
            let what = format!("more than {DECISION_LINES_MAX} lines");
            findings.push(Finding::of(path, what, "a decision is one page"));
        }
    }
    for name in external(tree) {
        if !all.contains(&name) {
            let what = format!("no decision names the dependency {name}");
            let way_out = "write a page in docs/decisions, or a row in its list of dependencies";
            findings.push(Finding::of("Cargo.toml", what, way_out));
        }
    }
    findings
}

/// Dependencies of the workspace that are not its own.
fn external(tree: &Tree) -> BTreeSet<String> {
    let manifest = tree.files.get("Cargo.toml");
    let manifest: Option<Table> = manifest.and_then(|text| text.parse().ok());
    let workspace = manifest
        .as_ref()
        .and_then(|it| it.get("workspace")?.as_table());
    let mut names = workspace.map_or_else(BTreeSet::new, |it| dependencies(it, &["dependencies"]));
    names.retain(|name| name != "portway" && !name.starts_with("portway-"));
    names
}

pub(super) fn changelog(tree: &Tree) -> Vec<Finding> {
    let text = tree.files.get(CHANGELOG).map_or("", String::as_str);
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut find = |what: String, way_out: &str| {
            findings.push(Finding::at(CHANGELOG, number, what, way_out));
        };
        let n_columns = line.chars().count();
        if n_columns > ENTRY_COLUMNS_MAX {
            let what = format!("{n_columns} columns, at most {ENTRY_COLUMNS_MAX}");
            find(what, "say what users notice; the rest is in the commit");
        }
        if let Some(kind) = line.strip_prefix("### ")
            && !CHANGES.contains(&kind)
        {
            find(format!("no kind of change: {kind}"), &CHANGES.join(", "));
        }
        if line.starts_with("  ") || line.starts_with("* ") {
            find("an entry is one line after `- `".to_owned(), "shorten it");
        }
    }
    findings
}
