//! `cargo xtask bench --profile`: where Portway's time goes, and what it asks of the kernel.
//!
//! In: jobs. Out: for each, the functions that take most of the CPU time (perf), and the calls for
//! each unit of work (strace). Never: a rate measured under strace, which slows everything.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::jobs::{Job, Unit};
use super::results;
use super::sample::number;
use super::schedule::Schedule;
use crate::tally::say;

/// Functions that are shown.
const SHOWN: usize = 40;

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
        let text = format!(
            "{}: {}\n{} {}\n\nfunctions\n{}\ncalls\n{}",
            job.name,
            job.what,
            target.kind.name(),
            target.version,
            said(functions),
            said(calls)
        );
        let name = format!("profile-{}-{}", job.name, target.kind.name());
        let (mut file, path) = results::create(dir, &name, "txt")?;
        file.write_all(text.as_bytes())
            .with_context(|| format!("write {}", path.display()))?;
        say(&text);
    }
    Ok(())
}

/// Where the CPU time goes. Perf starts the load tool itself, so that it is there from the start.
fn functions(schedule: &Schedule, index: usize, job: &Job, pid: u32) -> Result<String> {
    let recorded = schedule.arena.dir().join("perf.data");
    let load = schedule.command(job, index)?;
    let mut perf = Command::new("perf");
    perf.args(["record", "--quiet", "-e", "cpu-clock", "-F", "1999", "-o"]);
    perf.arg(&recorded).args(["-p", &pid.to_string(), "--"]);
    perf.arg(load.get_program()).args(load.get_args());
    schedule.take_by(perf, job, index)?;
    let mut report = Command::new("perf");
    report.args(["report", "--stdio", "--no-children", "--sort", "dso,symbol"]);
    report.args(["--percent-limit", "0.4", "-i"]).arg(&recorded);
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
