//! `cargo xtask bless`: what tests expect becomes what the code gives.
//!
//! In: the tree. Out: rewritten goldens, expected texts and pages, to be read before they are
//! committed. Never: a test that is made to pass another way.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::repo::{at_root, cargo};
use crate::tally::{say, succeed};

/// Rewrite the expected output of goldens and expect-tests
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bless                          in all crates
  cargo xtask bless -p portway-control       in one
  cargo xtask bless -p portway-control golden   only tests whose names hold that word")]
pub(crate) struct Args {
    /// Only tests of this package; may be given several times.
    #[arg(short, long, value_name = "NAME")]
    package: Vec<String>,

    /// Only tests whose names hold this word.
    #[arg(value_name = "WORD")]
    word: Option<String>,
}

/// Makes a command one that rewrites what its tests expect.
pub(crate) fn blessing(tests: &mut Command) -> &mut Command {
    tests.env("UPDATE_EXPECT", "1").env("PORTWAY_BLESS", "1")
}

/// Runs the tests so that they rewrite what they expect, and shows which files changed.
///
/// # Errors
/// When a test fails even so.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut tests = cargo();
    tests.args(["test", "--quiet", "--no-fail-fast"]);
    for package in &args.package {
        tests.args(["--package", package]);
    }
    tests.args(&args.word);
    succeed(
        blessing(&mut tests),
        "a test fails for another reason than its expected output",
    )?;
    let changed = at_root("git")
        .args(["status", "--short"])
        .output()
        .context("ask git what changed")?;
    say("read these before you commit them:");
    say(String::from_utf8_lossy(&changed.stdout).trim_end());
    Ok(ExitCode::SUCCESS)
}
