//! `cargo xtask bench`: Portway between its peers, on this machine, from one command.
//!
//! ```text
//!  bench ─► arena: three namespaces ─► targets: direct, Portway, the peers, all at once
//!    │                                     ▲
//!    └─► schedule: round by round, each job on each target ─► results, one line a sample ─► report
//!            └─ portway-load drive ══► target ══► portway-load serve
//! ```
//!
//! In: which jobs. Out: `bench/results/DATE/*.jsonl`, and `bench/REPORT.md` made from them. Never:
//! a judgement by time in CI, a peer left out in silence, a process or an interface that stays.

mod arena;
mod part;

mod objects;
pub(crate) mod peers;
mod targets;

mod churn;
mod jobs;
mod metrics;
mod profile;
mod schedule;
mod tables;

pub(crate) mod report;
pub(crate) mod results;
pub(crate) mod sample;

mod limits;

pub(crate) use part::Part;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::builder::{PossibleValuesParser, RangedU64ValueParser};
use serde_json::{Value, json};

use self::arena::Arena;
use self::limits::{
    FULL_ROUNDS, MEASURE_MS, MEASURES_MS, NICENESS, RETRY_TIME, RETRY_TIME_QUICK, ROUNDS, TABLES,
    WARM_UP,
};
use self::results::{Lines, Results};
use self::schedule::Schedule;
use self::targets::{Kind, Target};
use crate::interrupt::Interrupt;
use crate::repo;
use crate::tally::{Count, say};

/// Measure Portway beside its peers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo -E cargo xtask bench --quick       a minute or two: direct, Portway, nginx, HAProxy
  sudo -E cargo xtask bench --full        ten to twenty: all peers, all jobs, 5 rounds
  sudo -E cargo xtask bench --only portway,nginx --jobs up,connects --rounds 3
  sudo -E cargo xtask bench --tables      1,000 and 5,000 routes: start, one change, memory
  sudo -E cargo xtask bench --profile     perf and strace on Portway, kept beside the results
  cargo xtask bench --report              bench/REPORT.md again, from the newest whole runs

Needs root for three network namespaces, and Python for peers that are not installed.")]
pub(crate) struct Args {
    /// Few targets, few jobs, 3 rounds of a second: to see that it works.
    #[arg(long)]
    quick: bool,

    /// All targets, all jobs, 5 rounds: what REPORT.md is made from.
    #[arg(long, conflicts_with = "quick")]
    full: bool,

    /// What large tables cost: 1,000 and 5,000 routes.
    #[arg(long, conflicts_with_all = ["quick", "full"])]
    tables: bool,

    /// Where Portway's time goes, job by job.
    #[arg(long, conflicts_with_all = ["quick", "full", "tables"])]
    profile: bool,

    /// Only write the report again.
    #[arg(long)]
    report: bool,

    /// Only these targets.
    #[arg(long, value_delimiter = ',', value_name = "TARGET", value_parser = targets())]
    only: Vec<String>,

    /// Only these jobs.
    #[arg(long, value_delimiter = ',', value_name = "JOB", value_parser = jobs())]
    jobs: Vec<String>,

    /// How often everything is measured.
    #[arg(long, value_name = "N", value_parser = range(ROUNDS))]
    rounds: Option<u32>,

    /// Milliseconds that each sample measures.
    #[arg(long, value_name = "MS", value_parser = range(MEASURES_MS), default_value_t = MEASURE_MS)]
    measure_ms: u32,

    /// Where results go instead of `bench/results/DATE`; no report is made then.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// A binary to measure; by default the release binary, built first.
    #[arg(long, value_name = "FILE")]
    portway: Option<PathBuf>,
}

/// Names of targets, checked before anything is built.
fn targets() -> PossibleValuesParser {
    Kind::ALL.map(Kind::name).into()
}

fn jobs() -> PossibleValuesParser {
    jobs::FULL.map(|job| job.name).into()
}

fn range(range: RangeInclusive<u64>) -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(range)
}

/// Measures what was asked for.
///
/// # Errors
/// When nothing can be measured here; it says what is missing.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.report {
        report::write()?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench-part", "session"]);
    // What follows `bench`.
    command.args(std::env::args_os().skip(2));
    let interrupt = Interrupt::listen()?;
    let status = interrupt.run(&mut command);
    let status = status.context("cut short; what was measured so far is kept")?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The same in the session that is there.
fn measure(args: &Args) -> Result<ExitCode> {
    let start = Instant::now();
    let load = build_load()?;
    let portway = repo::portway(args.portway.as_deref())?;
    let arena = Arena::set()?;
    let backend = arena.start_backend(&load)?;
    let (kinds, jobs) = choose(args);
    let mut results = Results::begin(
        name(args),
        out(args).as_deref(),
        &results::commit_of(&portway),
    )?;
    say(&format!(
        "bench: each sample is a line of {} at once",
        results.path.display()
    ));
    let rounds = args.rounds.unwrap_or(args.rounds_of_its_own());
    if !args.tables {
        results.add(&settings(args.measure_ms, rounds, &jobs))?;
    }
    let targets = match args.tables {
        true => Vec::new(),
        false => start_targets(&arena, &kinds, &portway, &mut results)?,
    };
    let mut schedule = Schedule {
        arena,
        load,
        backend,
        targets,
        results,
        measure_ms: args.measure_ms,
        retry_left: if args.full {
            RETRY_TIME
        } else {
            RETRY_TIME_QUICK
        },
        count: Count::default(),
    };
    take(args, &mut schedule, (&jobs, rounds), &portway)?;
    let Count { passed, failed } = schedule.count;
    let seconds = start.elapsed().as_secs();
    let path = schedule.results.path.clone();
    schedule
        .results
        .add(&json!({"kind": "end", "seconds": seconds}))?;
    schedule.end()?;
    if !args.tables && !args.profile {
        say(&report::summary(&Lines::read(&path)?));
    }
    say(&format!(
        "bench: over in {seconds} s, results in {}",
        path.display()
    ));
    let is_reported = matches!(name(args), "full" | "tables") && args.out.is_none();
    if is_reported && Lines::newest("full").is_some() {
        report::write()?;
    }
    if passed + failed > 0 {
        say(&format!(
            "bench: samples of what may not fail: {passed} passed, {failed} failed"
        ));
    }
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Takes what was asked for.
fn take(
    args: &Args,
    schedule: &mut Schedule,
    (jobs, rounds): (&[&jobs::Job], u32),
    portway: &Path,
) -> Result<()> {
    if args.tables {
        let programs = (portway, schedule.load.as_path());
        return tables::measure(&schedule.arena, programs, &TABLES, &mut schedule.results);
    }
    if args.profile {
        let dir = args.out.clone().unwrap_or_else(results::today);
        return profile::run(schedule, 0, jobs, &dir);
    }
    schedule.run(jobs, rounds)?;
    if let Err(error) = schedule.count_records() {
        say(&format!("bench: records are not counted: {error:#}"));
        schedule.count.failed += 1;
    }
    Ok(())
}

/// How samples are taken, as a line of results.
fn settings(measure_ms: u32, rounds: u32, jobs: &[&jobs::Job]) -> Value {
    let command = |job: &&jobs::Job| {
        let count = job.count_args(Kind::Portway);
        let count = count.iter().map(String::as_str);
        let words: Vec<&str> = job.args.iter().copied().chain(count).collect();
        json!({"job": job.name, "command": format!("portway-load drive {}", words.join(" "))})
    };
    json!({
        "kind": "settings",
        "measure_ms": measure_ms,
        "warm_up_ms": WARM_UP.as_millis(),
        "rounds": rounds,
        "niceness": NICENESS,
        "sysctls": arena::SETTINGS,
        "commands": jobs.iter().map(command).collect::<Vec<_>>(),
    })
}

impl Args {
    const fn rounds_of_its_own(&self) -> u32 {
        if self.full { FULL_ROUNDS } else { 3 }
    }

    /// Whether nothing of what `--quick`, `--full` or `--tables` means was left out.
    fn is_whole(&self) -> bool {
        let has_rounds = |rounds| rounds >= self.rounds_of_its_own();
        self.only.is_empty()
            && self.jobs.is_empty()
            && self.rounds.is_none_or(has_rounds)
            && self.measure_ms >= MEASURE_MS
    }
}

/// How its results are called. The report is made from whole runs.
fn name(args: &Args) -> &'static str {
    let names = [
        (args.quick, "quick"),
        (args.full, "full"),
        (args.tables, "tables"),
    ];
    let asked = names
        .into_iter()
        .find(|(asked, _)| *asked && args.is_whole());
    asked.map_or("some", |(_, name)| name)
}

/// What was asked for, by name.
fn choose(args: &Args) -> (Vec<Kind>, Vec<&'static jobs::Job>) {
    let quick = [
        Kind::Ceiling,
        Kind::Direct,
        Kind::Portway,
        Kind::Nginx,
        Kind::HaproxyAuto,
    ];
    let mut kinds = match (args.quick, args.profile) {
        (true, _) => quick.to_vec(),
        (_, true) => vec![Kind::Portway],
        _ => Kind::ALL.to_vec(),
    };
    let mut jobs = match (args.quick, args.profile) {
        (true, _) => jobs::QUICK.to_vec(),
        (_, true) => jobs::PROFILED.to_vec(),
        _ => jobs::FULL.to_vec(),
    };
    if !args.only.is_empty() {
        kinds = Kind::ALL.to_vec();
        kinds.retain(|it| args.only.iter().any(|name| name == it.name()));
    }
    if !args.jobs.is_empty() {
        jobs = jobs::FULL.to_vec();
        jobs.retain(|it| args.jobs.iter().any(|name| name == it.name));
    }
    (kinds, jobs)
}

/// Only a whole run is kept beside the code; what was tried on the way is not.
fn out(args: &Args) -> Option<PathBuf> {
    let is_kept = name(args) != "some";
    let aside = repo::root().join("target/bench");
    args.out.clone().or((!is_kept).then_some(aside))
}

fn build_load() -> Result<PathBuf> {
    let mut build = repo::cargo();
    build.args(["build", "--release", "-p", "portway-load"]);
    repo::executable(build)
}

/// Starts each target; what cannot be had is told and noted.
fn start_targets(
    arena: &Arena,
    kinds: &[Kind],
    portway: &Path,
    results: &mut Results,
) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for kind in kinds {
        match Target::start(arena, *kind, portway) {
            Ok(target) => {
                say(&format!("{:<18}{}", kind.name(), target.version));
                results.add(&target.to_json())?;
                targets.push(target);
            }
            Err(error) if *kind != Kind::Portway => {
                let why = format!("{error:#}");
                say(&format!("{:<18}MISSING: {why}", kind.name()));
                results.add(&json!({"kind": "missing", "target": kind.name(), "why": why}))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests;
