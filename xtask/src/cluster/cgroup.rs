//! The cluster's cgroups: all its processes are in or below them, so they can be found again when
//! whoever started them was killed.
//!
//! In: the cluster's name. Out: processes, and folders below /sys/fs/cgroup. Never: a cgroup of
//! somebody else; version 1 is tried, version 2 is only prepared for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where cgroups are.
const ROOT: &str = "/sys/fs/cgroup";

/// What a new cpuset lacks: without it no process may enter.
const CPUSET_FILES: [&str; 2] = ["cpuset.cpus", "cpuset.mems"];

/// The folders of this name, one for each hierarchy, whether they exist or not.
pub(crate) fn folders(name: &str) -> Vec<PathBuf> {
    hierarchies()
        .into_iter()
        .map(|hierarchy| hierarchy.join(name))
        .collect()
}

/// Makes them, and one below them for our own parts.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn create(name: &str) -> Result<()> {
    for hierarchy in hierarchies() {
        for folder in [hierarchy.join(name), hierarchy.join(name).join("parts")] {
            fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
            let above = folder.parent().unwrap_or(&hierarchy);
            for file in CPUSET_FILES
                .iter()
                .filter(|file| folder.join(file).exists())
            {
                let of_parent = fs::read(above.join(file))?;
                fs::write(folder.join(file), of_parent)
                    .with_context(|| format!("write {}", folder.join(file).display()))?;
            }
        }
    }
    Ok(())
}

/// What a process writes its number to, to be one of the parts.
pub(crate) fn entrances(name: &str) -> Vec<PathBuf> {
    let inside = Path::new("parts").join("cgroup.procs");
    folders(name)
        .into_iter()
        .map(|folder| folder.join(&inside))
        .collect()
}

/// All processes in and below them.
pub(crate) fn processes(name: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for folder in folders(name) {
        walk(&folder, &mut |below| {
            let numbers = fs::read_to_string(below.join("cgroup.procs")).unwrap_or_default();
            found.extend(numbers.lines().filter_map(|line| line.parse::<i32>().ok()));
        });
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Removes them; they must be empty of processes.
///
/// # Errors
/// When one is still there.
pub(crate) fn remove(name: &str) -> Result<()> {
    for folder in folders(name).iter().filter(|folder| folder.exists()) {
        let mut all = Vec::new();
        walk(folder, &mut |below| all.push(below.to_owned()));
        // Those below come later, and must go first.
        for below in all.iter().rev() {
            fs::remove_dir(below).with_context(|| format!("remove {}", below.display()))?;
        }
    }
    Ok(())
}

fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    if root.join("cgroup.procs").exists() {
        return vec![root.to_owned()];
    }
    let mut found: Vec<PathBuf> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        // Links such as `cpu,cpuacct` name a hierarchy that is listed already.
        .filter(|path| !path.is_symlink() && path.join("cgroup.procs").exists())
        .collect();
    found.sort();
    found
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    if !folder.is_dir() {
        return;
    }
    visit(folder);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), visit);
        }
    }
}
