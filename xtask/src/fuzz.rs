//! `cargo xtask fuzz`: each target of `fuzz/` for a while.
//!
//! In: names of targets, a time. Out: how many inputs each tried; what made it crash stays under
//! `fuzz/artifacts`. Never: the stable toolchain: libFuzzer's instruments need nightly.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::repo::{at_root, root};
use crate::tally::{Count, Tally, say};
use crate::tools;

/// Fuzz each target for a minute
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask fuzz                           a minute each
  cargo xtask fuzz manifest --seconds 600    one of them, for longer")]
pub(crate) struct Args {
    /// Which targets; by default all.
    #[arg(value_name = "TARGET", value_parser = names())]
    targets: Vec<String>,

    /// How long each is tried.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 60,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    seconds: u32,
}

/// A target, and where inputs lie that lead into its depth.
struct Target {
    name: &'static str,
    seeds: &'static [&'static str],
    /// Longest input it is given, in bytes.
    bytes_max: u32,
}

const TARGETS: [Target; 4] = [
    Target {
        name: "admin",
        seeds: &["fuzz/seeds/admin"],
        bytes_max: 2 * 1024,
    },
    Target {
        name: "feed",
        seeds: &["fuzz/seeds/feed"],
        bytes_max: 4 * 1024,
    },
    Target {
        name: "manifest",
        seeds: &["crates/portway-control/tests/golden", "examples"],
        bytes_max: 16 * 1024,
    },
    Target {
        name: "table",
        seeds: &[],
        bytes_max: 4 * 1024,
    },
];

/// Longest time for one input, in seconds: at the bounds of the reader it is under two without the
/// sanitizer, which makes it ten times as long, and CI machines are slow.
const INPUT_SECONDS_MAX: u32 = 60;

/// Memory of a target, in MiB; AddressSanitizer takes most of it.
const MEMORY_MIB_MAX: u32 = 3072;

/// Lines shown of a target that crashed.
const LINES_SHOWN: usize = 40;

fn names() -> clap::builder::PossibleValuesParser {
    TARGETS.map(|target| target.name).into()
}

/// Tries all targets that were asked for.
///
/// # Errors
/// When the toolchain is absent or a target does not build.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let nightly = nightly("cargo").arg("--version").output();
    ensure!(
        nightly.is_ok_and(|output| output.status.success()),
        "fuzzing needs a nightly toolchain: `rustup toolchain install nightly --profile minimal`"
    );
    tools::cargo_fuzz()?;
    let mut tally = Tally::new("fuzz");
    let is_asked = |target: &&Target| {
        args.targets.is_empty() || args.targets.iter().any(|name| name == target.name)
    };
    for target in TARGETS.iter().filter(is_asked) {
        // Built apart, so that the time of a target is spent on it alone.
        tally.part(target.name, || {
            build(target)?;
            try_for(target, args.seconds)
        });
    }
    Ok(tally.end())
}

/// A program of the nightly toolchain.
fn nightly(program: &str) -> Command {
    let mut command = at_root("rustup");
    command.args(["run", "nightly", program]);
    // What the stable toolchain that runs us was told is not for this one.
    for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_TARGET_DIR"] {
        command.env_remove(variable);
    }
    command
}

fn build(target: &Target) -> Result<()> {
    let status = nightly("cargo")
        .args(["fuzz", "build", target.name])
        .status()
        .context("run cargo fuzz build")?;
    ensure!(status.success(), "the target does not build");
    Ok(())
}

fn try_for(target: &Target, seconds: u32) -> Result<Count> {
    let corpus = format!("fuzz/corpus/{}", target.name);
    std::fs::create_dir_all(root().join(&corpus)).context("create the corpus")?;
    let mut command = nightly("cargo");
    command.args(["fuzz", "run", target.name, &corpus]);
    command.args(target.seeds);
    command.arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={}", target.bytes_max),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
        "-print_final_stats=1".to_owned(),
    ]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("run cargo fuzz run")?;
    let stderr = child.stderr.take().context("no stderr of cargo fuzz")?;
    let mut last = VecDeque::new();
    let mut done = None;
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if line.starts_with("Done ") {
            done = Some(line.clone());
        }
        if last.len() == LINES_SHOWN {
            last.pop_front();
        }
        last.push_back(line);
    }
    let status = child.wait().context("wait for cargo fuzz")?;
    match done.filter(|_| status.success()) {
        Some(done) => {
            say(&format!("  {}: {done}", target.name));
            Ok(Count::ONE)
        }
        None => {
            last.iter().for_each(|line| say(&format!("  | {line}")));
            bail!("the target crashed: see fuzz/artifacts/{}", target.name)
        }
    }
}
