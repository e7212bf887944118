//! Takes the samples: round by round, job by job, each target in turn.
//!
//! In: targets that run, jobs. Out: lines of results. Never: all samples of one target in a row:
//! what changes on the machine over time then concerns all of them alike.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail, ensure};
use serde_json::{Value, json};

use super::arena::{Arena, BACKEND_PORT, Place};
use super::churn;
use super::jobs::{Job, Way};
use super::limits::{NOISE_MAX, RECORDS, SAMPLE, TRIES_MAX, WARM_UP};
use super::metrics::Metrics;
use super::results::{self, Results};
use super::sample::{Figures, noise, number};
use super::targets::{Kind, Target, portway_access_log, portway_socket};
use crate::prove::process::Running;
use crate::tally::{Count, say};

/// What samples are taken with.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) arena: Arena,
    pub(crate) load: PathBuf,
    pub(crate) backend: Running,
    pub(crate) targets: Vec<Target>,
    pub(crate) results: Results,
    /// Milliseconds that each sample measures.
    pub(crate) measure_ms: u32,
    /// Time left for samples that are taken again.
    pub(crate) retry_left: Duration,
    /// Samples of what may not fail: Portway, plain forwarding, the load tool with itself.
    pub(crate) count: Count,
}

impl Schedule {
    /// Takes all samples of these jobs.
    ///
    /// # Errors
    /// When a target ends, or results cannot be written. A target that a job fails with is told
    /// and stays.
    pub(crate) fn run(&mut self, jobs: &[&Job], rounds: u32) -> Result<()> {
        for round in 0..rounds {
            for job in jobs {
                if round >= job.rounds_max() {
                    continue;
                }
                let kinds: Vec<Kind> = self.targets.iter().map(|it| it.kind).collect();
                for kind in in_turn(&kinds, round) {
                    self.sample(job, kind, round)?;
                }
            }
        }
        Ok(())
    }

    /// Takes one sample, again if others disturbed it, and keeps the least disturbed.
    fn sample(&mut self, job: &Job, kind: Kind, round: u32) -> Result<()> {
        let Some(index) = self.targets.iter().position(|it| it.kind == kind) else {
            return Ok(());
        };
        if !job.is_for(kind) {
            return Ok(());
        }
        let mut best: Option<Value> = None;
        let mut tries = 0;
        while tries < TRIES_MAX {
            let start = Instant::now();
            tries += 1;
            let load = match self.take(job, index) {
                Ok(load) => load,
                Err(error) => {
                    say(&format!(
                        "  {:<18}{:<16} FAILED: {error:#}",
                        job.name,
                        kind.name()
                    ));
                    self.results
                        .add(&results::failure(job, kind, round, &format!("{error:#}")))?;
                    best = None;
                    break;
                }
            };
            if tries > 1 {
                self.retry_left = self.retry_left.saturating_sub(start.elapsed());
            }
            let is_better = best.as_ref().is_none_or(|it| noise(&load) < noise(it));
            let is_good = noise(&load).is_none_or(|it| it <= NOISE_MAX);
            if is_better {
                best = Some(load);
            }
            if is_good || job.rounds_max() < u32::MAX || self.retry_left.is_zero() {
                break;
            }
        }
        if !kind.is_peer() {
            let is_whole = best.as_ref().is_some_and(is_whole);
            self.count.add(Count {
                passed: usize::from(is_whole),
                failed: usize::from(!is_whole),
            });
        }
        if let Some(load) = best {
            say(&line(job, kind, &load));
            self.results
                .add(&results::sample(job, kind, round, tries, &load))?;
        }
        self.look_after(job, index, round)
    }

    /// A peer may die of a job: that is told, and the others go on beside a new one, or without it.
    fn look_after(&mut self, job: &Job, index: usize, round: u32) -> Result<()> {
        let Some(target) = self.targets.get_mut(index) else {
            return Ok(());
        };
        let kind = target.kind;
        match target.check() {
            Err(error) if kind == Kind::Portway => Err(error),
            Err(_) => {
                let what = match Target::start(&self.arena, kind, Path::new("")) {
                    Ok(new) => {
                        *target = new;
                        "it ended, and was started again".to_owned()
                    }
                    Err(error) => {
                        self.targets.remove(index);
                        let error = format!("{error:#}");
                        let why = error.lines().next().unwrap_or_default();
                        format!("it ended, and cannot be started again: {why}")
                    }
                };
                say(&format!("  {:<18}{:<16} {what}", job.name, kind.name()));
                self.results.add(&results::failure(job, kind, round, &what))
            }
            Ok(()) => Ok(()),
        }
    }

    /// The load tool's command for one sample.
    ///
    /// # Errors
    /// When there is no such target.
    pub(crate) fn command(&self, job: &Job, index: usize) -> Result<Command> {
        let target = self.targets.get(index).context("no such target")?;
        self.drive(job, target, &target.pids())
    }

    /// Takes one sample.
    ///
    /// # Errors
    /// When the load tool fails.
    pub(crate) fn take(&self, job: &Job, index: usize) -> Result<Value> {
        self.take_by(self.command(job, index)?, job, index)
    }

    /// The same by this command, which has the load tool's in it.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn take_by(&self, command: Command, job: &Job, index: usize) -> Result<Value> {
        let target = self.targets.get(index).context("no such target")?;
        let pids = target.pids();
        match job.way {
            Way::InTurn | Way::Seldom | Way::Once => ask(command),
            Way::OnOneCpu => {
                let all: Vec<u32> = pids.into_iter().chain([self.backend.pid()]).collect();
                pin(&all, "0")?;
                let load = ask(command);
                let last = thread::available_parallelism().map_or(1, usize::from) - 1;
                pin(&all, &format!("0-{last}"))?;
                load
            }
            Way::WhileFilesChange => self.take_while_files_change(command),
        }
    }

    /// The same while files change: with how many changes were made, and how many tables they became.
    fn take_while_files_change(&self, command: Command) -> Result<Value> {
        let socket = portway_socket(self.arena.dir());
        let tables = || Ok::<_, Error>(Metrics::read(&socket)?.sum("portway_config_version"));
        let before = tables()?;
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let dir = self.arena.dir();
            let changes = scope.spawn(|| churn::change_files(dir, &over));
            let load = ask(command);
            over.store(true, Ordering::Relaxed);
            let Ok(changed) = changes.join() else {
                bail!("who changes files panicked");
            };
            let (mut load, n) = (load?, changed?);
            if let Some(load) = load.as_object_mut() {
                load.insert("changes".to_owned(), n.into());
                load.insert("tables".to_owned(), (tables()? - before).into());
            }
            Ok(load)
        })
    }

    /// Counts Portway's closed connections beside the lines of its access log, once both agree or no
    /// more is to come.
    ///
    /// # Errors
    /// When it cannot be asked, or results cannot be written.
    pub(crate) fn count_records(&mut self) -> Result<()> {
        if !self.targets.iter().any(|it| it.kind == Kind::Portway) {
            return Ok(());
        }
        let socket = portway_socket(self.arena.dir());
        let deadline = Instant::now() + RECORDS;
        let counts = loop {
            let metrics = Metrics::read(&socket)?;
            let sum = |name| metrics.sum(name);
            let closed = sum("portway_connections_closed_total");
            let written = sum("portway_access_log_records_total");
            let dropped = sum("portway_access_log_records_dropped_total")
                + sum("portway_records_dropped_total");
            if closed <= written + dropped || Instant::now() > deadline {
                break [closed, written, dropped];
            }
            thread::sleep(super::limits::LOOK);
        };
        let [closed, written, dropped] = counts;
        let log = BufReader::new(File::open(portway_access_log(self.arena.dir()))?);
        let lines = log.split(b'\n').count();
        let line = json!({
            "kind": "records",
            "closed": closed,
            "written": written,
            "dropped": dropped,
            "lines": lines,
        });
        say(&format!(
            "bench: {closed} connections closed, {lines} lines of the access log, {dropped} dropped"
        ));
        self.results.add(&line)
    }

    fn drive(&self, job: &Job, target: &Target, pids: &[u32]) -> Result<Command> {
        let place = match target.kind {
            Kind::Ceiling => Place::Backend,
            _ => Place::Client,
        };
        let mut command = match job.way {
            Way::OnOneCpu => {
                let mut command = self.arena.command(place, "taskset".as_ref())?;
                command.args(["-c", "0"]).arg(&self.load);
                command
            }
            _ => self.arena.command(place, &self.load)?,
        };
        command
            .arg("drive")
            .args(job.args)
            .args(job.count_args(target.kind));
        for to in &target.to {
            command.args(["--to", &to.to_string()]);
        }
        if !pids.is_empty() {
            let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
            command.args(["--gateway", &pids.join(",")]);
        }
        command.args(["--backend", &self.backend.pid().to_string()]);
        command.args(["--measure-ms", &self.measure_ms.to_string()]);
        command.args(["--warm-up-ms", &WARM_UP.as_millis().to_string()]);
        command.args(["--tally", &format!("198.18.2.2:{BACKEND_PORT}")]);
        Ok(command)
    }
}

/// Whether nothing broke in a sample: no stream, request or connection failed, no transfer was bad,
/// and whoever came after a flood was served.
fn is_whole(load: &Value) -> bool {
    let served = load.get("next_client").and_then(Value::as_str);
    let n_broken = number(load, "/failures") + number(load, "/bad");
    n_broken == 0.0 && served.is_none_or(|it| it == "served")
}

/// All of them, each round from the next one on, so that nobody always comes first; every other round
/// the rest comes from the end, so that nobody always follows the same one.
fn in_turn(kinds: &[Kind], round: u32) -> Vec<Kind> {
    let mut kinds = kinds.to_vec();
    if let Some(first) = usize::try_from(round).unwrap_or(0).checked_rem(kinds.len()) {
        kinds.rotate_left(first);
    }
    if let Some((_, rest)) = kinds.split_first_mut()
        && round % 2 == 1
    {
        rest.reverse();
    }
    kinds
}

/// Runs the load tool, and gives what it says.
///
/// # Errors
/// When it fails, or is not over in time.
pub(crate) fn ask(mut command: Command) -> Result<Value> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Where it was in the code says nothing of why a target failed it.
    command
        .env("RUST_BACKTRACE", "0")
        .env_remove("RUST_LIB_BACKTRACE");
    let mut child = command.spawn().context("start the load tool")?;
    let deadline = Instant::now() + SAMPLE;
    let ended = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("not over after {} s", SAMPLE.as_secs());
        }
        thread::sleep(super::limits::LOOK);
    };
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(ended.success(), "{}", said.trim().replace('\n', " "));
    serde_json::from_slice(&output.stdout).context("understand the load tool")
}

/// Keeps processes, with all their threads, on some CPUs.
fn pin(pids: &[u32], cpus: &str) -> Result<()> {
    for pid in pids {
        let mut taskset = Command::new("taskset");
        let output = taskset
            .args(["-a", "-c", "-p", cpus, &pid.to_string()])
            .output();
        let output = output.context("run taskset (util-linux)")?;
        ensure!(
            output.status.success(),
            "taskset cannot keep {pid} on {cpus}"
        );
    }
    Ok(())
}

/// A sample for people.
fn line(job: &Job, kind: Kind, load: &Value) -> String {
    let figures = Figures::of(job.unit, load);
    let what = match job.unit {
        super::jobs::Unit::Bytes => {
            let Figures { rate, cpu, own, .. } = figures;
            format!("{rate:8.1} Gbit/s  {cpu:6.3} CPU-s/GB  own {own:6.3}")
        }
        super::jobs::Unit::Each => {
            let Figures {
                rate, cpu, p99_us, ..
            } = figures;
            format!("{rate:8.0} /s      {cpu:6.1} CPU-µs    p99 {p99_us:6.0} µs")
        }
        super::jobs::Unit::Memory => memory(load),
        super::jobs::Unit::Transfers => format!(
            "{} transfers, {} bad",
            number(load, "/transfers"),
            number(load, "/bad")
        ),
    };
    let others = match noise(load) {
        Some(noise) => format!("others {:.0} %", noise * 100.0),
        None => "others not observed".to_owned(),
    };
    format!("  {:<18}{:<16}{what}  {others}", job.name, kind.name())
}

/// Memory of connections for people: of idle ones, or of a flood.
fn memory(load: &Value) -> String {
    let kib = |name| number(load, name) / 1024.0;
    let conns = number(load, "/conns");
    match load.get("next_client").and_then(Value::as_str) {
        Some(next) => format!(
            "{conns} connections, {} refused, own memory {:.0} to {:.0} KiB, next client {next} after {:.0} ms",
            number(load, "/refused"),
            kib("/gateway_bytes_before"),
            kib("/gateway_bytes_most"),
            number(load, "/next_client_ms"),
        ),
        None => format!(
            "{conns} connections, own {:.2} KiB each, kernel {:.1} KiB each",
            kib("/gateway_bytes_each"),
            kib("/kernel_bytes_each"),
        ),
    }
}

impl Schedule {
    /// Ends everything, and removes the files of this run.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub(crate) fn end(self) -> Result<()> {
        let dir = self.arena.dir().to_path_buf();
        drop(self);
        std::fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))
    }
}

#[cfg(test)]
mod tests;
