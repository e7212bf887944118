//! A run of several parts: all that can run do, each says what it came to and how long it took.
//!
//! In: parts, one after the other. Out: a line a part, a last line with the sum, an exit code.
//! Never: an end at the first failure, which would hide the others.

use std::io::Write;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

/// How many of the things that a part looked at were as they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Count {
    /// One thing, and it is well.
    pub(crate) const ONE: Self = Self {
        passed: 1,
        failed: 0,
    };

    /// Adds what another part of the same came to.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// What a run came to so far.
#[derive(Debug)]
pub(crate) struct Tally {
    /// What the lines begin with.
    name: &'static str,
    start: Instant,
    failed_parts: Vec<String>,
    n_parts: usize,
}

impl Tally {
    /// A run of this name.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            start: Instant::now(),
            failed_parts: Vec::new(),
            n_parts: 0,
        }
    }

    /// Does one part and says what it came to.
    pub(crate) fn part(&mut self, part: &str, run: impl FnOnce() -> Result<Count>) {
        let name = self.name;
        say(&format!("{name} {part}: starts"));
        let start = Instant::now();
        let outcome = run();
        let seconds = start.elapsed().as_secs_f64();
        let count = outcome.unwrap_or_else(|error| {
            say(&format!("{name} {part}: {error:#}"));
            Count {
                passed: 0,
                failed: 1,
            }
        });
        self.n_parts += 1;
        if count.failed > 0 {
            self.failed_parts.push(part.to_owned());
        }
        let Count { passed, failed } = count;
        say(&format!(
            "{name} {part}: {passed} passed, {failed} failed in {seconds:.1} s"
        ));
    }

    /// Says what all came to.
    pub(crate) fn end(self) -> ExitCode {
        let seconds = self.start.elapsed().as_secs_f64();
        let n_failed = self.failed_parts.len();
        let n_passed = self.n_parts - n_failed;
        let name = self.name;
        say(&format!(
            "{name}: {n_passed} passed, {n_failed} failed in {seconds:.1} s"
        ));
        if n_failed == 0 {
            return ExitCode::SUCCESS;
        }
        say(&format!("{name}: failed: {}", self.failed_parts.join(", ")));
        ExitCode::FAILURE
    }
}

/// Runs a command as one thing that is well or not.
///
/// # Errors
/// When it cannot be started or ends with a failure; the way out is the reader's.
pub(crate) fn succeed(command: &mut Command, way_out: &str) -> Result<Count> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("run {program}"))?;
    ensure!(status.success(), "{way_out}");
    Ok(Count::ONE)
}

/// A line for people.
#[expect(clippy::print_stdout, reason = "this is where results go")]
pub(crate) fn say(line: &str) {
    println!("{line}");
    // A pipe that nobody reads any more is no reason to end in a panic.
    let _ = std::io::stdout().flush();
}
