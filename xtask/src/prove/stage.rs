//! Where one proof takes place: its directory, its size, its seed, the binary it is about.
//!
//! In: what was asked for. Out: [`Stage`], and lines on stdout. Never: another proof's files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repo::root;

/// How large a proof is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// As the issue wants it.
    Full,
    /// For CI.
    Short,
}

/// What stands between client and backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ThroughPortway,
    /// Nothing: the peers are on trial.
    Direct,
}

/// Where one proof takes place.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) scale: Scale,
    pub(crate) way: Way,
    /// The seed that was asked for, if one was.
    pub(crate) asked_seed: Option<u64>,
    /// What is drawn is drawn from it.
    pub(crate) seed: u64,
    /// The binary.
    pub(crate) portway: Option<PathBuf>,
    /// Files of this proof.
    pub(crate) dir: PathBuf,
}

impl Stage {
    /// Makes a directory of its own for the proof, under `target/prove`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn set(name: &str, stage: Self) -> Result<Self> {
        let dir = root().join("target/prove");
        let dir = dir.join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(Self { dir, ..stage })
    }

    /// Removes the files, which are of no interest when all is well.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub(crate) fn strike(&self) -> Result<()> {
        let dir = &self.dir;
        fs::remove_dir_all(dir).with_context(|| format!("remove {}", dir.display()))
    }

    /// The binary that all this is about.
    ///
    /// # Errors
    /// When the proof was to go without.
    pub(crate) fn portway(&self) -> Result<&Path> {
        self.portway.as_deref().context("no binary was given")
    }

    /// One or the other, by size.
    pub(crate) fn pick<T>(&self, full: T, short: T) -> T {
        match self.scale {
            Scale::Full => full,
            Scale::Short => short,
        }
    }

    /// A new directory with this name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn subdir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(dir)
    }

    /// Where the lines of this process go.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.log"))
    }
}

/// A file with this text.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
