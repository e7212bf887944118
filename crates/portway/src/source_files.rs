//! Files and directories → texts with names.
//!
//! In: the paths of `-f`, in order. Out: [`Sources`]. Directories are read with all below them, in
//! order of path bytes: `*.yaml`, `*.yml` and `*.json`; names that start with a dot are skipped
//! (ConfigMap mounts would show every object twice); symlinks to files are followed, those to
//! directories only when given themselves, so there are no loops. Never: a look at the content.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portway_control::limits::INPUT_BYTES_MAX;
use portway_control::origin::Source;

use crate::limits::{DIRECTORY_DEPTH_MAX, DIRECTORY_ENTRIES_MAX, FILES_MAX};

/// What `-f -` is called in diagnostics.
const STDIN_NAME: &str = "<stdin>";

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Texts, in order.
    pub(crate) texts: Vec<Source>,
    /// Files that are no text.
    pub(crate) binary: Vec<NotText>,
}

/// A file that is not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotText {
    /// As the user named it.
    pub(crate) name: Arc<str>,
    /// Line of the first byte that is no text, from 1.
    pub(crate) line: u32,
    /// Column in characters, from 1.
    pub(crate) column: u32,
}

/// Why the input could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// A path cannot be opened or read.
    #[error("read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory holds nothing to read.
    #[error("{} holds no *.yaml, *.yml or *.json file", path.display())]
    NothingIn {
        /// Which.
        path: PathBuf,
    },
    /// Standard input was asked for twice.
    #[error("`-` (standard input) can be given only once")]
    StdinTwice,
    /// More than [`INPUT_BYTES_MAX`] in all.
    #[error("the input is larger than {} MiB, at {}", INPUT_BYTES_MAX >> 20, path.display())]
    TooLarge {
        /// Where the bound was passed.
        path: PathBuf,
    },
    /// More files or directories than one reading takes.
    #[error("{} holds too much: {what}", path.display())]
    TooMany {
        /// Where the bound was passed.
        path: PathBuf,
        /// Which bound.
        what: String,
    },
}

/// Reads all that `paths` name; `-` is `stdin`.
///
/// # Errors
/// When a given path cannot be read, or all of them hold too much. The caller has nothing then.
pub(crate) fn read(paths: &[PathBuf], stdin: &mut dyn Read) -> Result<Sources, SourceError> {
    if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
        return Err(SourceError::StdinTwice);
    }
    let mut reader = Reader {
        sources: Sources::default(),
        bytes_left: INPUT_BYTES_MAX as u64,
        entries_left: DIRECTORY_ENTRIES_MAX,
    };
    for path in paths {
        if is_stdin(path) {
            reader.text(Path::new(STDIN_NAME), stdin)?;
        } else if metadata(path)?.is_dir() {
            reader.directory(path)?;
        } else {
            reader.file(path)?;
        }
    }
    Ok(reader.sources)
}

struct Reader {
    sources: Sources,
    bytes_left: u64,
    entries_left: usize,
}

impl Reader {
    fn directory(&mut self, path: &Path) -> Result<(), SourceError> {
        let mut files = BTreeSet::new();
        self.find(path, 0, &mut files)?;
        if files.is_empty() {
            let path = path.to_owned();
            return Err(SourceError::NothingIn { path });
        }
        // `Path` compares by components; bytes are what `ls` and version control sort by.
        let mut files: Vec<PathBuf> = files.into_iter().collect();
        files.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
        files.iter().try_for_each(|file| self.file(file))
    }

    /// Collects the files below `path`.
    fn find(
        &mut self,
        path: &Path,
        depth: usize,
        files: &mut BTreeSet<PathBuf>,
    ) -> Result<(), SourceError> {
        if depth > DIRECTORY_DEPTH_MAX {
            return Err(too_many(
                path,
                "directories in each other",
                DIRECTORY_DEPTH_MAX,
            ));
        }
        for entry in fs::read_dir(path).map_err(|error| unreadable(path, error))? {
            let entry = entry.map_err(|error| unreadable(path, error))?;
            self.entries_left = match self.entries_left.checked_sub(1) {
                Some(left) => left,
                None => return Err(too_many(path, "entries", DIRECTORY_ENTRIES_MAX)),
            };
            if entry.file_name().as_bytes().starts_with(b".") {
                continue;
            }
            let below = entry.path();
            let kind = entry
                .file_type()
                .map_err(|error| unreadable(&below, error))?;
            if kind.is_dir() {
                self.find(&below, depth + 1, files)?;
            } else if is_manifest(&below) && metadata(&below)?.is_file() {
                files.insert(below);
            }
            if files.len() > FILES_MAX {
                return Err(too_many(path, "files", FILES_MAX));
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), SourceError> {
        let mut file = File::open(path).map_err(|error| unreadable(path, error))?;
        self.text(path, &mut file)
    }

    fn text(&mut self, path: &Path, input: &mut dyn Read) -> Result<(), SourceError> {
        let mut bytes = Vec::new();
        let one_more = self.bytes_left + 1;
        let n_bytes = input
            .take(one_more)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(path, error))?;
        self.bytes_left = match self.bytes_left.checked_sub(n_bytes as u64) {
            Some(left) => left,
            None => {
                let path = path.to_owned();
                return Err(SourceError::TooLarge { path });
            }
        };
        let name: Arc<str> = path.display().to_string().into();
        match String::from_utf8(bytes) {
            Ok(text) => {
                let text = text.into();
                self.sources.texts.push(Source { name, text });
            }
            Err(error) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                self.sources.binary.push(not_text(name, good));
            }
        }
        Ok(())
    }
}

/// Says where `good`, the text before the first bad byte, ends.
fn not_text(name: Arc<str>, good: &[u8]) -> NotText {
    let good = String::from_utf8_lossy(good);
    let last = good.rsplit('\n').next().unwrap_or_default();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
    NotText {
        name,
        line: count(good.matches('\n').count()),
        column: count(last.chars().count()),
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Follows symlinks.
fn metadata(path: &Path) -> Result<fs::Metadata, SourceError> {
    fs::metadata(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, source: io::Error) -> SourceError {
    let path = path.to_owned();
    SourceError::Unreadable { path, source }
}

fn too_many(path: &Path, what: &str, max: usize) -> SourceError {
    SourceError::TooMany {
        path: path.to_owned(),
        what: format!("more than {max} {what}"),
    }
}

#[cfg(test)]
mod tests;
