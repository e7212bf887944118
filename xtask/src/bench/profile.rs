//! `cargo xtask bench --profile`: where Portway's time goes, and what it asks of the kernel.
//!
//! In: jobs. Out: for each, how the CPU time is shared among kernel and programs and the functions
//! that take most of it (perf), and the calls for each unit of work (strace); with all jobs also
//! one start from nothing with a large table, which needs no calls of its own. Never: a rate
//! measured under strace, which slows everything.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::arena::{Arena, Place};
use super::jobs::{Job, PROFILED, Unit};
use super::limits::{START, TABLES};
use super::sample::number;
use super::schedule::Schedule;
use super::targets::{Kind, Target, wait_until_ready};
use super::{results, tables};
use crate::prove::process::Running;
use crate::tally::say;

/// Functions that are shown.
const SHOWN: usize = 40;

/// What perf is told of each sample: at a rate that no timer shares.
const SAMPLES: [&str; 6] = ["record", "--quiet", "-e", "cpu-clock", "-F", "1999"];

/// Profiles each job, and writes what was found to `profile-JOB-TARGET.txt` in `dir`.
///
/// # Errors
/// When neither perf nor strace can look into the gateway.
pub(crate) fn run(schedule: &Schedule, index: usize, jobs: &[&Job], dir: &Path) -> Result<()> {
    let target = schedule.targets.get(index).context("no such target")?;
    let pid = target.pids().first().copied();
    let pid = pid.context("the gateway does not run")?;
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    for job in jobs {
        let functions = functions(schedule, index, job, pid);
        let calls = calls(schedule, index, job, pid);
        if let (Err(perf), Err(strace)) = (&functions, &calls) {
            anyhow::bail!("neither perf ({perf:#}) nor strace ({strace:#})");
        }
        let said = |part: Result<String>| part.unwrap_or_else(|error| format!("none: {error:#}\n"));
        let found = format!("{}\ncalls\n{}", said(functions), said(calls));
        write(target, (job.name, job.what), &found, dir)?;
    }
    let is_all = jobs.len() == PROFILED.len();
    if is_all && target.kind == Kind::Portway {
        start_of_tables(&schedule.arena, target, pid, dir)?;
    }
    Ok(())
}

fn write(target: &Target, (name, what): (&str, &str), found: &str, dir: &Path) -> Result<()> {
    let (gateway, version) = (target.kind.name(), &target.version);
    let text = format!("{name}: {what}\n{gateway} {version}\n\n{found}");
    let name = format!("profile-{name}-{gateway}");
    let (mut file, path) = results::create(dir, &name, "txt")?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("write {}", path.display()))?;
    say(&text);
    Ok(())
}

/// One start from nothing with the largest table, from the first instruction until it is ready.
fn start_of_tables(arena: &Arena, target: &Target, pid: u32, dir: &Path) -> Result<()> {
    let n = TABLES.into_iter().max().context("no tables")?;
    // The binary that this target runs.
    let portway = fs::read_link(format!("/proc/{pid}/exe")).context("find the binary")?;
    let recorded = arena.dir().join("perf.data");
    let start = tables::start_of(arena, &portway, n)?;
    let control = Control::make(arena.dir())?;
    let mut perf = arena.command(Place::Gateway, Path::new("perf"))?;
    perf.args(SAMPLES).arg("-o").arg(&recorded);
    perf.arg(control.to_flag()).arg("--");
    perf.arg(start.get_program()).args(start.get_args());
    let mut running = Running::start("perf", perf, &arena.dir().join("perf.log"))?;
    wait_until_ready(&mut running)?;
    control.disable()?;
    // It ends what it started, and writes; its status is that of what it started.
    running.signal(Signal::INT)?;
    running.wait(START)?;
    let what = format!("start from nothing with {n} routes, a file for each, until it is ready");
    write(
        target,
        (&format!("tables-{n}"), &what),
        &report(&recorded)?,
        dir,
    )
}

/// The way to tell perf, while it records, that what follows is of no interest.
struct Control {
    orders: PathBuf,
    answers: PathBuf,
}

impl Control {
    fn make(dir: &Path) -> Result<Self> {
        let pipe = |name: &str| {
            let path = dir.join(name);
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).context("make a pipe")?;
            Ok::<_, anyhow::Error>(path)
        };
        Ok(Self {
            orders: pipe("perf-orders")?,
            answers: pipe("perf-answers")?,
        })
    }

    fn to_flag(&self) -> String {
        let (orders, answers) = (self.orders.display(), self.answers.display());
        format!("--control=fifo:{orders},{answers}")
    }

    /// Stops the recording, and waits until perf says that it has.
    fn disable(&self) -> Result<()> {
        // Both ways, so that opening waits for nobody.
        let open = |path: &Path| fs::File::options().read(true).write(true).open(path);
        open(&self.orders)?.write_all(b"disable\n")?;
        let answers = open(&self.answers)?;
        let mut wait = [PollFd::new(&answers, PollFlags::IN)];
        let longest = Timespec::try_from(START)?;
        ensure!(poll(&mut wait, Some(&longest))? > 0, "perf does not answer");
        let mut answer = String::new();
        BufReader::new(answers).read_line(&mut answer)?;
        ensure!(answer.contains("ack"), "perf answers {}", answer.trim());
        Ok(())
    }
}

/// Where the CPU time goes. Perf starts the load tool itself, so that it is there from the start.
fn functions(schedule: &Schedule, index: usize, job: &Job, pid: u32) -> Result<String> {
    let recorded = schedule.arena.dir().join("perf.data");
    let load = schedule.command(job, index)?;
    let mut perf = Command::new("perf");
    perf.args(SAMPLES).arg("-o").arg(&recorded);
    perf.args(["-p", &pid.to_string(), "--"]);
    perf.arg(load.get_program()).args(load.get_args());
    schedule.take_by(perf, job, index)?;
    report(&recorded)
}

/// What perf recorded: first kernel and programs as wholes, then functions.
fn report(recorded: &Path) -> Result<String> {
    let (wholes, functions) = (sorted(recorded, "dso")?, sorted(recorded, "dso,symbol")?);
    Ok(format!(
        "kernel and programs\n{wholes}\nfunctions\n{functions}"
    ))
}

fn sorted(recorded: &Path, by: &str) -> Result<String> {
    let mut report = Command::new("perf");
    report.args(["report", "--stdio", "--no-children", "--sort", by]);
    report.args(["--percent-limit", "0.4", "-i"]).arg(recorded);
    let report = report.output().context("run perf report")?;
    let text = String::from_utf8_lossy(&report.stdout);
    let lines = text
        .lines()
        .filter(|it| !it.starts_with('#') && !it.trim().is_empty());
    Ok(lines
        .take(SHOWN)
        .fold(String::new(), |text, line| text + line.trim_end() + "\n"))
}

/// What is asked of the kernel, for each unit of work.
fn calls(schedule: &Schedule, index: usize, job: &Job, pid: u32) -> Result<String> {
    let counted = schedule.arena.dir().join("strace.txt");
    let mut strace = Command::new("strace");
    strace
        .args(["-c", "-f", "-U", "calls,name", "-o"])
        .arg(&counted);
    strace.args(["-p", &pid.to_string()]);
    let watcher = start(strace, "strace")?;
    let load = schedule.take(job, index)?;
    end(watcher)?;
    let text = fs::read_to_string(&counted).context("read what strace counted")?;
    Ok(per_unit(&text, job.unit, &load))
}

/// The calls of a whole run by the work of its measured part; the warm-up is a part of both, so it
/// is taken out by time.
fn per_unit(text: &str, unit: Unit, load: &Value) -> String {
    let (work, name) = match unit {
        Unit::Bytes => (number(load, "/bytes") / 1e9, "GB"),
        _ => (number(load, "/units"), "unit"),
    };
    let seconds = number(load, "/seconds");
    let share = seconds / (seconds + super::limits::WARM_UP.as_secs_f64());
    let mut told = String::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let count = words.next().and_then(|it| it.parse::<f64>().ok());
        if let (Some(count), Some(call)) = (count, words.next()) {
            let each = count * share / work.max(f64::MIN_POSITIVE);
            told += &format!("{each:10.2} a {name}  {call}\n");
        }
    }
    told
}

/// Starts a watcher, and waits until it says that it watches.
fn start(mut command: Command, name: &str) -> Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("run {name}"))?;
    let said = child.stderr.take().context("no word from a watcher")?;
    let mut said = BufReader::new(said);
    let mut line = String::new();
    said.read_line(&mut line)?;
    ensure!(line.contains("attached"), "{}", line.trim());
    // Its last words must find somebody who reads, or they end it before it has written.
    thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    Ok(child)
}

/// Ends a watcher in order, so that it writes what it has.
fn end(mut watcher: Child) -> Result<()> {
    let pid = i32::try_from(watcher.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.context("a process without a number")?, Signal::INT)?;
    let status = watcher.wait()?;
    ensure!(status.code() != Some(1), "it could not attach");
    Ok(())
}

#[cfg(test)]
mod tests;
