//! Removes a cluster, or what is left of one.
//!
//! In: a [`Record`]. Out: a host as it was. Never: anything that the record does not name:
//! processes by number and birth or by the cluster's own cgroups and network, mounts by the folders
//! below which they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};

use super::cgroup;
use super::limits::{BURY_WAIT, END_WAIT};
use super::network::Network;
use super::record::Record;
use super::site::Site;

/// How often an end is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// Where the container network's library keeps what it was told, whatever folder it is given.
pub(super) const CNI_RESULTS: &str = "/var/lib/cni/results";

/// What of the cluster's folder goes with it; logs and images stay.
pub(super) const FOLDERS: [&str; 4] = ["etcd", "containerd", "certs", "etc"];

/// Removes all that the record names, and the record at last.
///
/// # Errors
/// When something stays; the record stays too, so that the next call tries again.
pub(crate) fn remove(site: &Site, record: &Record) -> Result<()> {
    end_processes(record)?;
    unmount_below(&record.mounts_below)?;
    cgroup::remove(&record.name)?;
    remove_network(&record.name)?;
    for folder in FOLDERS {
        remove_folder(&site.dir.join(folder))?;
    }
    remove_folder(&site.run)?;
    Record::remove(site)
}

/// Asks all parts to end, and kills what is left of them, of all pods and in the cluster's network.
fn end_processes(record: &Record) -> Result<()> {
    let network = Network::of(&namespace(&record.name));
    ensure!(
        network.is_none() || network != Network::here(),
        "we are in the cluster's network, which would end us: call this from outside"
    );
    for part in record.parts.iter().filter(|part| part.runs()) {
        send(part.pid, Signal::TERM);
    }
    let asked = Instant::now();
    while asked.elapsed() < END_WAIT && record.parts.iter().any(super::record::Part::runs) {
        thread::sleep(LOOK);
    }
    let killed = Instant::now();
    loop {
        let in_cgroups = cgroup::processes(&record.name);
        let in_network = network.map(Network::processes).unwrap_or_default();
        let parts = record
            .parts
            .iter()
            .filter(|part| part.runs())
            .map(|part| part.pid);
        let left: Vec<i32> = in_cgroups
            .into_iter()
            .chain(in_network)
            .chain(parts)
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        if killed.elapsed() > BURY_WAIT {
            bail!("these processes cannot be ended: {left:?}");
        }
        // Again and again: one of them may have started another in between.
        left.iter().for_each(|pid| send(*pid, Signal::KILL));
        thread::sleep(LOOK);
    }
}

fn send(pid: i32, signal: Signal) {
    // Gone in the meantime is as good.
    let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, signal));
}

fn unmount_below(folders: &[PathBuf]) -> Result<()> {
    let points = mounts_below(folders)?;
    // What was mounted last may lie on or below what came before.
    for point in points.iter().rev() {
        unmount(point, UnmountFlags::DETACH)
            .with_context(|| format!("unmount {}", point.display()))?;
    }
    Ok(())
}

/// Where something is mounted at or below these folders.
///
/// # Errors
/// When the kernel does not tell.
pub(super) fn mounts_below(folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("read the mounts")?;
    let mut points: Vec<PathBuf> = table.lines().filter_map(mount_point).collect();
    points.retain(|point| folders.iter().any(|folder| point.starts_with(folder)));
    Ok(points)
}

/// The fifth field, in which blanks are written as `\040`.
fn mount_point(line: &str) -> Option<PathBuf> {
    let field = line.split(' ').nth(4)?;
    Some(PathBuf::from(field.replace("\\040", " ")))
}

fn namespace(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}

fn remove_network(name: &str) -> Result<()> {
    let namespace = namespace(name);
    if namespace.exists() {
        // Devices, addresses and rules in it go with it.
        let _ = unmount(&namespace, UnmountFlags::DETACH);
        fs::remove_file(&namespace).with_context(|| format!("remove {}", namespace.display()))?;
    }
    let of_ours = format!("{name}-");
    for entry in fs::read_dir(CNI_RESULTS).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&of_ours) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))
}

#[cfg(test)]
mod tests;
