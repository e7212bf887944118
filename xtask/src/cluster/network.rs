//! Who is in the cluster's network: programs that were started there by hand or by a run that was
//! killed are in none of its cgroups.
//!
//! In: a network namespace, as a file. Out: processes. Never: one of the host's network, or of a pod's,
//! which is another namespace.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A network namespace, however its file is called and also once that is gone: namespaces(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    device: u64,
    inode: u64,
}

impl Network {
    /// That of a file; nothing if the file is gone.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let file = fs::metadata(file).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
        })
    }

    /// Ours.
    pub(crate) fn here() -> Option<Self> {
        Self::of(Path::new("/proc/self/ns/net"))
    }

    /// All processes in it.
    pub(crate) fn processes(self) -> Vec<i32> {
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = all.filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
        let is_here = |pid: &i32| {
            let file = format!("/proc/{pid}/ns/net");
            Self::of(Path::new(&file)) == Some(self)
        };
        numbers.filter(is_here).collect()
    }
}

#[cfg(test)]
mod tests;
