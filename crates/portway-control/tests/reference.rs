//! The catalog of diagnostics is in order, and `docs/reference/diagnostics.md` is what it says.
//!
//! In: [`catalog`]. Out: the page; `cargo xtask docs` rewrites it.
#![cfg(test)]

use std::fmt::Write as _;

use expect_test::expect_file;
use portway_control::diagnostic::{Code, catalog};

/// Chapters by the hundreds of their codes.
const CHAPTERS: [(u16, &str); 6] = [
    (0, "Text and documents"),
    (1, "Schema"),
    (2, "References and backends"),
    (3, "Gateways and listeners"),
    (4, "Attachment"),
    (5, "This host"),
];

#[test]
fn codes_are_in_order_and_each_is_there_once() {
    let codes: Vec<Code> = catalog().map(|entry| entry.code).collect();
    assert!(codes.is_sorted_by(|one, next| one < next), "{codes:?}");
}

#[test]
fn the_reference_names_every_code() {
    expect_file!["../../../docs/reference/diagnostics.md"].assert_eq(&page());
}

fn page() -> String {
    let mut page = String::from(
        "# Diagnostics\n\nEvery finding of `check` and `run` has a code that keeps its meaning for \
         ever. An error means that a part of the input does nothing; a warning, that it hardly \
         does what was meant or that the input lacks what a cluster may supply; a note is worth \
         knowing.\n",
    );
    for (chapter, title) in CHAPTERS {
        let entries = catalog().filter(|entry| entry.code.0 / 100 == chapter);
        let mut entries = entries.peekable();
        if entries.peek().is_some() {
            _ = writeln!(page, "\n## {title}");
        }
        for entry in entries {
            _ = writeln!(
                page,
                "\n### {}: {}\n\n{}",
                entry.code, entry.title, entry.page
            );
        }
    }
    page
}
