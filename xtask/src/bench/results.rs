//! Results as they are kept: one JSON object a line, in `bench/results/DATE/`.
//!
//! ```text
//! {"kind":"run", …}      once, first: date, kernel, CPU, settings
//! {"kind":"settings", …} how samples are taken
//! {"kind":"target", …}   each target that runs: version, command
//! {"kind":"missing", …}  each that cannot be had, and why
//! {"kind":"sample", …}   target, job, round, what the load tool said, how noisy it was
//! {"kind":"table", …}    a measurement of tables
//! {"kind":"records", …}  connections that Portway closed, beside the lines of its access log
//! {"kind":"end", …}      once, last: seconds; without it the run was cut short
//! ```
//!
//! In: values. Out: a file that grows line by line, so that a run that was cut short has left what
//! it had. Never: a line changed later.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::jobs::{Job, Way};
use super::limits::RUNS_A_DAY_MAX;
use super::sample::{Figures, noise};
use super::targets::Kind;
use crate::repo;

/// A file of results that is being written.
#[derive(Debug)]
pub(crate) struct Results {
    file: File,
    pub(crate) path: PathBuf,
}

/// All lines of a run.
#[derive(Debug)]
pub(crate) struct Lines(Vec<Value>);

/// Samples by what others did meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Noise {
    /// Those that others disturbed too much, of the observed ones.
    pub(crate) noisy: usize,
    pub(crate) observed: usize,
    pub(crate) unobserved: usize,
    /// Those that were taken again.
    pub(crate) retried: usize,
}

impl Results {
    /// Begins a file in `dir`, or in today's directory, for what is built from this commit. Today's
    /// results are kept, and this one gets a number; what is put aside replaces what was there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn begin(name: &str, dir: Option<&Path>, commit: &str) -> Result<Self> {
        let today = today();
        let in_dir = dir.unwrap_or(&today);
        fs::create_dir_all(in_dir).with_context(|| format!("create {}", in_dir.display()))?;
        if let Some(dir) = dir {
            let _ = fs::remove_file(dir.join(format!("{name}.jsonl")));
        }
        let (file, path) = create(in_dir, name, "jsonl")?;
        let mut results = Self { file, path };
        results.add(&run(name, commit))?;
        Ok(results)
    }

    /// One more line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn add(&mut self, line: &Value) -> Result<()> {
        writeln!(self.file, "{line}").context("write a result")
    }
}

/// Where the results of today lie.
pub(crate) fn today() -> PathBuf {
    let day = said("date", &["-u", "+%F"]);
    repo::root().join("bench/results").join(day)
}

/// Creates the first of `NAME.ENDING`, `NAME.2.ENDING` and so on that is not there yet.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn create(dir: &Path, name: &str, ending: &str) -> Result<(File, PathBuf)> {
    for number in 1..=RUNS_A_DAY_MAX {
        let path = match number {
            1 => dir.join(format!("{name}.{ending}")),
            _ => dir.join(format!("{name}.{number}.{ending}")),
        };
        match File::create_new(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("write {}", path.display())),
        }
    }
    bail!("{} has {RUNS_A_DAY_MAX} results of {name}", dir.display())
}

/// The number of a file of this name: 1 for the first of a day. `None` for another name.
fn number_of(file: &Path, name: &str) -> Option<u32> {
    let rest = file.file_name()?.to_str()?.strip_prefix(name)?;
    match rest.strip_suffix(".jsonl")? {
        "" => Some(1),
        number => number.strip_prefix('.')?.parse().ok(),
    }
}

/// The commit that a binary was built from, as itself says: the checkout may have moved since.
pub(crate) fn commit_of(portway: &Path) -> String {
    let output = Command::new(portway).arg("--version").output();
    let said = output.map(|it| it.stdout).unwrap_or_default();
    commit_in(&String::from_utf8_lossy(&said)).unwrap_or_else(|| "unknown".to_owned())
}

/// What stands behind "commit" in `portway 0.1.0 (commit b88d59ca2e62)`.
fn commit_in(version: &str) -> Option<String> {
    let (_, rest) = version.split_once("(commit ")?;
    let (commit, _) = rest.split_once(')')?;
    Some(commit.to_owned())
}

/// What is known of the machine and the program.
fn run(name: &str, commit: &str) -> Value {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let value_of = |text: &str, key: &str| {
        let line = text.lines().find(|it| it.starts_with(key));
        let value = line.and_then(|it| it.split_once(':'));
        value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    json!({
        "kind": "run",
        "run": name,
        "date": said("date", &["-u", "+%FT%TZ"]),
        "commit": commit,
        "kernel": said("uname", &["-sr"]),
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "cpu": value_of(&cpuinfo, "model name"),
        "memory": value_of(&meminfo, "MemTotal"),
        "rustc": said("rustc", &["--version"]),
    })
}

/// The first line that a program says, nothing if it does not.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = repo::at_root(program).args(arguments).output();
    let output = output.map(|it| it.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output);
    text.lines().next().unwrap_or_default().trim().to_owned()
}

impl Lines {
    /// Reads a file of results.
    ///
    /// # Errors
    /// When it is not there, or not of JSON.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("read {}", path.display()))
    }

    /// Reads lines of results.
    ///
    /// # Errors
    /// When one is not of JSON.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(serde_json::from_str);
        Ok(Self(lines.collect::<Result<_, _>>()?))
    }

    /// The newest file with this name below `bench/results`, of the last day the last, whose run came
    /// to its end: one that was cut short has fewer rounds than it says.
    pub(crate) fn newest(name: &str) -> Option<PathBuf> {
        let dirs = fs::read_dir(repo::root().join("bench/results")).ok()?;
        let files = dirs.flatten().flat_map(|dir| fs::read_dir(dir.path()));
        let files = files.flatten().flatten().map(|it| it.path());
        let is_whole = |file: &PathBuf| Self::read(file).is_ok_and(|it| it.is_whole());
        newest(files.filter(is_whole), name)
    }

    /// Whether the run came to its end.
    fn is_whole(&self) -> bool {
        self.of_kind("end").next().is_some()
    }

    /// These as well.
    #[cfg(test)]
    pub(crate) fn append(&mut self, mut more: Self) {
        self.0.append(&mut more.0);
    }

    /// All of one kind.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let is = move |it: &&Value| it.get("kind").and_then(Value::as_str) == Some(kind);
        self.0.iter().filter(is)
    }

    /// Each sample of this job on this target.
    pub(crate) fn samples(&self, job: &str, target: Kind) -> impl Iterator<Item = &Value> {
        let is = move |it: &&Value| {
            let field = |name| it.get(name).and_then(Value::as_str);
            field("job") == Some(job) && field("target") == Some(target.name())
        };
        self.of_kind("sample").filter(is)
    }

    /// What the load tool said in each of them.
    pub(crate) fn loads(&self, job: &str, target: Kind) -> impl Iterator<Item = &Value> {
        self.samples(job, target).filter_map(|it| it.get("load"))
    }

    /// The figures of each sample.
    pub(crate) fn figures(&self, job: &Job, target: Kind) -> Vec<Figures> {
        let loads = self.loads(job.name, target);
        loads.map(|it| Figures::of(job.unit, it)).collect()
    }

    /// Targets that were measured, in the order of tables.
    pub(crate) fn targets(&self) -> Vec<Kind> {
        let has = |kind: &Kind| {
            let is = |it: &Value| it.get("target").and_then(Value::as_str) == Some(kind.name());
            self.of_kind("target").any(is)
        };
        Kind::ALL.into_iter().filter(has).collect()
    }

    /// What others did while samples were taken.
    pub(crate) fn noise(&self, limit: f64) -> Noise {
        let mut told = Noise::default();
        for sample in self.of_kind("sample") {
            let tries = sample.get("tries").and_then(Value::as_u64);
            told.retried += usize::from(tries.is_some_and(|it| it > 1));
            match sample.get("load").and_then(noise) {
                Some(noise) => {
                    told.observed += 1;
                    told.noisy += usize::from(noise > limit);
                }
                None => told.unobserved += 1,
            }
        }
        told
    }
}

fn newest(files: impl Iterator<Item = PathBuf>, name: &str) -> Option<PathBuf> {
    let numbered = files.filter_map(|it| {
        let day = it.parent()?.to_path_buf();
        Some((day, number_of(&it, name)?, it))
    });
    numbered.max().map(|(_, _, path)| path)
}

/// A sample as a line.
pub(crate) fn sample(job: &Job, target: Kind, round: u32, tries: u32, load: &Value) -> Value {
    json!({
        "kind": "sample",
        "job": job.name,
        "target": target.name(),
        "round": round,
        "tries": tries,
        "on_one_cpu": job.way == Way::OnOneCpu,
        "noise": noise(load),
        "load": load,
    })
}

/// A job that failed with a target, as a line.
pub(crate) fn failure(job: &Job, target: Kind, round: u32, why: &str) -> Value {
    json!({
        "kind": "failure",
        "job": job.name,
        "target": target.name(),
        "round": round,
        "why": why,
    })
}

#[cfg(test)]
mod tests;
