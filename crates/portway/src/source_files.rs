//! Files and directories → texts with names.
//!
//! In: the paths of `-f`, in order. Out: [`Sources`]. Directories are read with all below them, in
//! order of path bytes: `*.yaml`, `*.yml` and `*.json`; names that start with a dot are skipped
//! (ConfigMap mounts would show every object twice); symlinks to files are followed, those to
//! directories only when given themselves, so there are no loops. Never: a look at the content.

mod left;
mod tracked;
mod walk;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portway_control::limits::INPUT_BYTES_MAX;
use portway_control::origin::Source;
use rustix::fs::OFlags;

pub(crate) use self::tracked::{Refresh, Tracked};

/// What `-f -` is called in diagnostics.
const STDIN_NAME: &str = "<stdin>";

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Texts, in order.
    pub(crate) texts: Vec<Source>,
    /// Files that are no text.
    pub(crate) binary: Vec<NotText>,
    /// Files below directories that could not be read.
    pub(crate) unread: Vec<SourceError>,
}

/// A file that is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Nothing in a directory can be read.
    #[error("read {}", path.display())]
    NothingReadable {
        /// Which.
        path: PathBuf,
        /// Why something in it cannot be.
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

/// What a file holds.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    /// Text.
    Is(Source),
    /// Something else.
    Not(NotText),
}

impl Text {
    /// How long it is; what is no text counts as nothing.
    fn n_bytes(&self) -> u64 {
        match self {
            Self::Is(source) => source.text.len() as u64,
            Self::Not(_) => 0,
        }
    }
}

/// Reads all that `paths` name; `-` is `stdin`.
///
/// # Errors
/// When a given path cannot be read, or all of them hold too much. The caller has nothing then.
pub(crate) fn read(paths: &[PathBuf], stdin: &mut dyn Read) -> Result<Sources, SourceError> {
    let (_, refresh) = Tracked::open(paths.to_vec(), stdin)?;
    let mut sources = Sources {
        unread: refresh.errors,
        ..Sources::default()
    };
    for text in refresh.texts.into_values().flatten() {
        match text {
            Text::Is(source) => sources.texts.push(source),
            Text::Not(binary) => sources.binary.push(binary),
        }
    }
    Ok(sources)
}

/// Reads one file of at most so many bytes.
fn read_one(path: &Path, input: &mut dyn Read, bytes_left: u64) -> Result<Text, SourceError> {
    let mut bytes = Vec::new();
    let n_bytes = input
        .take(bytes_left + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, error))?;
    if n_bytes as u64 > bytes_left {
        let path = path.to_owned();
        return Err(SourceError::TooLarge { path });
    }
    let name: Arc<str> = path.display().to_string().into();
    Ok(match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text.into();
            Text::Is(Source { name, text })
        }
        Err(error) => {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            Text::Not(not_text(name, good))
        }
    })
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

/// Waits for nobody who writes to a pipe.
fn open_at_once(path: &Path) -> io::Result<fs::File> {
    let mut open = fs::OpenOptions::new();
    open.read(true);
    open.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    open.open(path)
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_bytes().starts_with(b".")
}

fn too_many(path: &Path, what: &str, max: usize) -> SourceError {
    SourceError::TooMany {
        path: path.to_owned(),
        what: format!("more than {max} {what}"),
    }
}

#[cfg(test)]
mod tests;
