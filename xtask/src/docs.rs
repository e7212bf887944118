//! `cargo xtask docs`: docs/reference as the code says it.
//!
//! What a crate knows of itself (diagnostics, reasons, flags) its own tests write: those whose name
//! begins with `the_reference`. They hold the pages current in every `cargo test`. Bounds have no
//! test of their own, since they stand in every crate: they are read from each `limits.rs` here.
//!
//! In: the tree. Out: pages, or with `--check` whether they are current. Never: words that are not
//! in the code.

mod limits;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::bless::blessing;
use crate::repo::{cargo, root};
use crate::tally::{Count, say, succeed};
use crate::tree::Tree;

/// Write docs/reference from the code
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask docs           write the pages that are out of date
  cargo xtask docs --check   only say whether there are any")]
pub(crate) struct Args {
    /// Write nothing; end with 1 when a page is out of date.
    #[arg(long)]
    check: bool,
}

const LIMITS: &str = "docs/reference/limits.md";

/// Writes the pages, or looks at them.
///
/// # Errors
/// When a page is out of date, or cannot be written.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    match args.check {
        true => _ = check()?,
        false => write()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write() -> Result<()> {
    let page = limits::page(&Tree::read()?);
    let path = root().join(LIMITS);
    if fs::read_to_string(&path).is_ok_and(|written| written == page) {
        say(&format!("docs: {LIMITS} is current"));
    } else {
        fs::write(&path, page).with_context(|| format!("write {LIMITS}"))?;
        say(&format!("docs: {LIMITS} written"));
    }
    let mut tests = cargo();
    tests.args(["test", "--quiet", "the_reference"]);
    succeed(
        blessing(&mut tests),
        "the tests that write docs/reference failed",
    )?;
    Ok(())
}

/// Whether all pages are current.
///
/// # Errors
/// When one is not.
pub(crate) fn check() -> Result<Count> {
    let page = limits::page(&Tree::read()?);
    let written = fs::read_to_string(root().join(LIMITS)).unwrap_or_default();
    ensure!(
        page == written,
        "{LIMITS} is out of date: `cargo xtask docs` writes it"
    );
    let mut tests = cargo();
    tests.args(["test", "--quiet", "the_reference"]);
    let mut count = Count::ONE;
    count.add(succeed(
        &mut tests,
        "a page of docs/reference is out of date: `cargo xtask docs` writes it",
    )?);
    Ok(count)
}
