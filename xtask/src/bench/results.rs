//! Results as they are kept: one JSON object a line, in `bench/results/DATE/`.
//!
//! ```text
//! {"kind":"run", …}      once, first: date, kernel, CPU, settings
//! {"kind":"target", …}   each target that runs: version, command
//! {"kind":"missing", …}  each that cannot be had, and why
//! {"kind":"sample", …}   target, job, round, what the load tool said, how noisy it was
//! {"kind":"table", …}    a measurement of tables
//! ```
//!
//! In: values. Out: a file that grows line by line, so that a run that was cut short has left what
//! it had. Never: a line changed later.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::jobs::{Job, Way};
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
    /// Begins a file in `dir`, or in today's directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn begin(name: &str, dir: Option<&Path>) -> Result<Self> {
        let today = repo::root()
            .join("bench/results")
            .join(said("date", &["-u", "+%F"]));
        let dir = dir.map_or(today, Path::to_path_buf);
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        let path = dir.join(format!("{name}.jsonl"));
        let file = File::create(&path).with_context(|| format!("write {}", path.display()))?;
        let mut results = Self { file, path };
        results.add(&run(name))?;
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

/// What is known of the machine and the program.
fn run(name: &str) -> Value {
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
        "commit": said("git", &["rev-parse", "--short=12", "HEAD"]),
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

    /// The newest file with this name below `bench/results`.
    pub(crate) fn newest(name: &str) -> Option<PathBuf> {
        let dirs = fs::read_dir(repo::root().join("bench/results")).ok()?;
        let files = dirs
            .flatten()
            .map(|it| it.path().join(format!("{name}.jsonl")));
        files.filter(|it| it.exists()).max()
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
