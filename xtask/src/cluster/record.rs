//! What was made, written down before it is made, so that any later call can remove it.
//!
//! In: names, processes. Out: `target/cluster/record.json`. Never: a process judged by its name: a
//! number and the moment it was born say which one it is.

use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::site::Site;

/// All that has to be removed again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The network namespace and the cgroups.
    pub(crate) name: String,
    /// Everything mounted below these is the cluster's.
    pub(crate) mounts_below: Vec<PathBuf>,
    /// What runs, in the order it was started.
    pub(crate) parts: Vec<Part>,
    /// Whether all of it stood at last.
    pub(crate) complete: bool,
    /// Which CRDs it has.
    pub(crate) channel: String,
}

/// One process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) pid: i32,
    /// Ticks from the kernel's start to the process's: with the number it is unique.
    pub(crate) born: u64,
}

impl Part {
    /// Whether it still runs.
    pub(crate) fn runs(&self) -> bool {
        born(self.pid) == Some(self.born)
    }
}

impl Record {
    /// Nothing yet, but all names.
    pub(crate) fn begin(site: &Site, channel: &str) -> Self {
        Self {
            name: site.name.clone(),
            mounts_below: vec![site.dir.clone(), site.run.clone()],
            parts: Vec::new(),
            complete: false,
            channel: channel.to_owned(),
        }
    }

    /// What the last `up` wrote, if anything.
    ///
    /// # Errors
    /// When it is there and cannot be understood.
    pub(crate) fn read(site: &Site) -> Result<Option<Self>> {
        let path = path(site);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let record = serde_json::from_str(&text);
        record
            .map(Some)
            .with_context(|| format!("understand {}", path.display()))
    }

    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, site: &Site) -> Result<()> {
        let path = path(site);
        let half = path.with_extension("new");
        fs::write(&half, serde_json::to_string_pretty(self)?)
            .and_then(|()| fs::rename(&half, &path))
            .with_context(|| format!("write {}", path.display()))
    }

    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn remove(site: &Site) -> Result<()> {
        fs::remove_file(path(site)).context("remove the record")
    }
}

fn path(site: &Site) -> PathBuf {
    site.dir.join("record.json")
}

/// When a process was born; nothing if it is gone or only its parent does not know yet.
pub(crate) fn born(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows is fixed, `man 5 proc_pid_stat`.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests;
