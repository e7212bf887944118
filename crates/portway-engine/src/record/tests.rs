//! Names of reasons are a promise to logs, metrics and docs.

use expect_test::expect_file;

use super::{CloseReason, DialError};

const HEAD: &str = "\
# Why connections close

Every connection ends for exactly one of these reasons. Logs and metrics use the names as they stand
here. `finished` ends with a FIN on both sides; every other reason resets both sides, so that nobody
takes a broken stream for a whole one. A rejected stream is accepted first: a client sees a
connection that is reset, never a refused port.

| reason | what happened |
|---|---|
";

const DIALS: &str = "
A record also names each endpoint that was tried in vain, and why:

| dial | what happened |
|---|---|
";

/// `cargo xtask docs` writes the page anew; read it before you commit.
#[test]
fn the_reference_names_every_reason() {
    let mut page = HEAD.to_owned();
    for reason in CloseReason::ALL {
        page += &format!("| `{}` | {} |\n", reason.name(), reason.sentence());
    }
    page += DIALS;
    for error in DialError::ALL {
        page += &format!("| `{}` | {} |\n", error.name(), error.sentence());
    }
    expect_file!["../../../../docs/reference/close-reasons.md"].assert_eq(&page);
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let mut names: Vec<_> = CloseReason::ALL.iter().map(|it| it.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CloseReason::ALL.len());
}
