//! Files as lines: how they start, how wide and how long they are.

use crate::tidy::finding::Finding;
use crate::tree::Tree;

/// Columns of a line, in characters.
const COLUMNS_MAX: usize = 100;

/// Lines of a file, tests not counted.
const LINES_MAX: usize = 600;

pub(super) fn head(tree: &Tree) -> Vec<Finding> {
    let sources = tree.sources.iter();
    let headless = sources.filter(|source| !source.text.starts_with("//! "));
    let finding = |path: &str| {
        let way_out = "begin with `//! What it is.`, then In, Out, Never and spec where they help";
        Finding::at(path, 1, "the file does not say what it is", way_out)
    };
    headless.map(|source| finding(&source.path)).collect()
}

pub(super) fn columns(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        let is_wide = |line: &str| line.chars().count() > COLUMNS_MAX;
        if source.is_generated() || !source.text.lines().any(is_wide) {
            continue;
        }
        let literals = source.literal_lines();
        for (number, line) in (1..).zip(source.text.lines()) {
            // An address cannot be broken, and text that is compared stands as it must.
            if is_wide(line) && !line.contains("://") && !literals.contains(&number) {
                let what = format!("{} columns", line.chars().count());
                let way_out = format!(
                    "break it at {COLUMNS_MAX}; rustfmt leaves comments and long texts alone"
                );
                findings.push(Finding::at(&source.path, number, what, way_out));
            }
        }
    }
    findings
}

pub(super) fn length(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree
        .sources
        .iter()
        .filter(|it| !it.is_test && !it.is_generated())
    {
        let numbers = 1..=source.text.lines().count();
        let n_lines = numbers.filter(|line| !source.is_test_line(*line)).count();
        if n_lines > LINES_MAX {
            let what = format!("{n_lines} lines, at most {LINES_MAX} without tests");
            let way_out = "split it by meaning: what would each half be called?";
            findings.push(Finding::of(&source.path, what, way_out));
        }
    }
    findings
}

pub(super) fn blanks(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let kinds = [".rs", ".md", ".toml", ".go", ".yaml", ".yml", ".sh", "/run"];
    let texts = tree.files.iter().filter(|(path, _)| {
        // Golden cases hold what people write, blanks too; expected output stands as it must.
        kinds.iter().any(|kind| path.ends_with(kind)) && !path.contains("/tests")
    });
    for (path, text) in texts {
        for (number, line) in (1..).zip(text.lines()) {
            if line.ends_with([' ', '\t']) {
                findings.push(Finding::at(
                    path,
                    number,
                    "blanks at the end",
                    "remove them",
                ));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            let number = text.lines().count();
            findings.push(Finding::at(path, number, "no newline at the end", "add it"));
        }
    }
    findings
}
