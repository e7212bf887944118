//! `cargo xtask ci`: what a change must pass, one door for people and CI.
//!
//! In: the tree as it stands. Out: a line a step, its seconds, what it came to. Never: a change of
//! the tree; each failure names the command that mends it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::repo::{at_root, cargo, root};
use crate::tally::{Count, Tally, say, succeed};
use crate::{docs, tidy, tools};

/// Check everything that a change must pass
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask ci               all steps
  cargo xtask ci --skip test   without the tests
  cargo xtask ci --skip deny --skip test")]
pub(crate) struct Args {
    /// Leave a step out; may be given several times.
    #[arg(long, value_name = "STEP", value_enum)]
    skip: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// The code is formatted
    Fmt,
    /// The rules of style and structure hold
    Tidy,
    /// Clippy finds nothing
    Clippy,
    /// All tests pass, also those of xtask
    Test,
    /// Licences, bans, sources and advisories of dependencies
    Deny,
    /// The documentation builds without a warning
    Doc,
    /// Generated files are current
    Generated,
    /// systemd understands the unit
    Unit,
}

/// In the order they run: what fails fast first.
const STEPS: [Step; 8] = [
    Step::Fmt,
    Step::Tidy,
    Step::Clippy,
    Step::Test,
    Step::Deny,
    Step::Doc,
    Step::Generated,
    Step::Unit,
];

/// The unit, and the program in it, which need not be installed where it is checked.
const UNIT: &str = "deploy/systemd/portway.service";
const UNIT_PROGRAM: &str = "/usr/local/bin/portway";

/// How long the database of advisories may take to arrive.
const ADVISORIES_TIME_MAX: Duration = Duration::from_secs(60);

/// Runs all steps that are not left out, whatever fails.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut tally = Tally::new("ci");
    for step in STEPS {
        if !args.skip.contains(&step) {
            tally.part(&format!("{step:?}").to_lowercase(), || step.run());
        }
    }
    tally.end()
}

impl Step {
    fn run(self) -> Result<Count> {
        match self {
            Self::Fmt => fmt(),
            Self::Tidy => tidy::check(),
            Self::Clippy => clippy(),
            Self::Test => test(),
            Self::Deny => deny(),
            Self::Doc => doc(),
            Self::Generated => docs::check(),
            Self::Unit => unit(),
        }
    }
}

fn fmt() -> Result<Count> {
    succeed(
        cargo().args(["fmt", "--all", "--check"]),
        "`cargo fmt --all` formats it",
    )
}

fn clippy() -> Result<Count> {
    let mut clippy = cargo();
    clippy.args(["clippy", "--quiet", "--workspace", "--all-targets"]);
    clippy.args(["--", "-D", "warnings"]);
    succeed(&mut clippy, "clippy says above what to do")
}

/// All tests; what they print is passed on and counted.
fn test() -> Result<Count> {
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]);
    let mut child = tests
        .stdout(Stdio::piped())
        .spawn()
        .context("run cargo test")?;
    let stdout = child.stdout.take().context("no stdout of cargo test")?;
    let mut count = Count::default();
    for line in BufReader::new(stdout).lines() {
        let line = line.context("read what cargo test says")?;
        count.add(tests_in(&line));
        say(&line);
    }
    let status = child.wait().context("wait for cargo test")?;
    ensure!(
        status.success() || count.failed > 0,
        "cargo test ended with {status}, and no test failed: does it compile?"
    );
    ensure!(count.passed + count.failed > 0, "no test ran");
    Ok(count)
}

/// What `test result: ok. 12 passed; 0 failed; …` says; nothing for other lines.
fn tests_in(line: &str) -> Count {
    let Some(result) = line.strip_prefix("test result: ") else {
        return Count::default();
    };
    let number_before = |word: &str| -> usize {
        let before = result.split(word).next().unwrap_or_default();
        let number = before.trim_end().rsplit(' ').next().unwrap_or_default();
        number.parse().unwrap_or(0)
    };
    Count {
        passed: number_before(" passed"),
        failed: number_before(" failed"),
    }
}

/// What systemd itself says of the unit; without systemd there is nobody to ask.
fn unit() -> Result<Count> {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        say("  not checked: systemd-analyze is absent (Debian: apt-get install systemd)");
        return Ok(Count::default());
    }
    let text = fs::read_to_string(root().join(UNIT)).context("read the unit")?;
    ensure!(
        text.contains(UNIT_PROGRAM),
        "{UNIT} does not start {UNIT_PROGRAM}"
    );
    let folder = root().join("target/unit");
    fs::create_dir_all(&folder).context("make a folder for the unit")?;
    let path = folder.join("portway.service");
    let itself = std::env::current_exe().context("find this program")?;
    let text = text.replace(UNIT_PROGRAM, &itself.display().to_string());
    fs::write(&path, text).context("write the unit to check")?;
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&path);
    let output = verify.output().context("run systemd-analyze")?;
    // A setting that it does not know is ignored with a word about it, and no exit code.
    let said = String::from_utf8_lossy(&output.stderr);
    let about = said.lines().filter(|line| line.contains("portway.service"));
    let about: Vec<&str> = about.collect();
    ensure!(about.is_empty(), "{UNIT}: {}", about.join("; "));
    ensure!(
        output.status.success(),
        "systemd-analyze verify: {}",
        said.trim()
    );
    Ok(Count::ONE)
}

/// Two things: what is in the tree, and what is known against it.
fn deny() -> Result<Count> {
    let deny = tools::cargo_deny()?;
    let check = || {
        let mut check = at_root(&deny);
        check.args(["--log-level", "warn", "check", "--hide-inclusion-graph"]);
        check
    };
    let mut count = succeed(
        check()
            // An exception waits in deny.toml for the crate that needs it.
            .args(["-A", "license-exception-not-encountered"])
            .args(["bans", "licenses", "sources"]),
        "deny.toml says what is allowed, and why",
    )?;
    let mut fetch = at_root(&deny);
    fetch.args(["--log-level", "off", "fetch", "db"]);
    fetch.stdout(Stdio::null()).stderr(Stdio::null());
    if !succeeds_within(ADVISORIES_TIME_MAX, &mut fetch)? {
        say("  advisories were not checked: their database cannot be reached from here");
        return Ok(count);
    }
    count.add(succeed(
        check().args(["--disable-fetch", "advisories"]),
        "a dependency has a hole: update it, or say in deny.toml why it does not matter",
    )?);
    Ok(count)
}

/// Whether a command succeeds in time; it is ended when the time is over.
fn succeeds_within(wait: Duration, command: &mut Command) -> Result<bool> {
    let mut child = command.spawn().context("start it")?;
    let deadline = Instant::now() + wait;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn doc() -> Result<Count> {
    let mut doc = cargo();
    doc.args(["doc", "--quiet", "--workspace", "--no-deps"]);
    doc.arg("--document-private-items");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    succeed(&mut doc, "rustdoc says above what to do")
}

#[cfg(test)]
mod tests;
