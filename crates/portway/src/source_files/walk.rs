//! Which files the paths of `-f` lead to, and which directories on the way must be watched.
//!
//! In: paths. Out: files in order, directories by their true names. Never: a look into a file.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{SourceError, is_absent, is_manifest, is_stdin, metadata, too_many, unreadable};
use crate::limits::{DIRECTORY_DEPTH_MAX, DIRECTORY_ENTRIES_MAX, FILES_MAX, SYMLINKS_FOLLOWED_MAX};
use crate::watch::{FileId, file_id};

/// Directories by their true names, and what each is called here.
pub(super) type Directories = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// What must be watched, by its true name, and which it is: another may get the name.
pub(super) type Places = BTreeMap<PathBuf, FileId>;

/// What the paths lead to.
#[derive(Debug)]
pub(super) struct Walk {
    /// All files, in order.
    pub(super) files: Vec<Found>,
    /// Directories in which something may happen, by their true names: what each is called here. The
    /// directory of a file at the end of a symlink is called nothing.
    pub(super) directories: Directories,
    /// What must be watched.
    pub(super) places: Places,
    /// Arguments that lead nowhere, by their index.
    pub(super) failed: BTreeSet<usize>,
    /// Why.
    pub(super) errors: Vec<SourceError>,
    /// Files below directories that lead nowhere, a dangling symlink say; the others are read.
    pub(super) unread: Vec<Unread>,
    entries_left: usize,
    /// Paths on whose way all symlinks are noted.
    ways: BTreeSet<PathBuf>,
}

/// A file.
#[derive(Debug)]
pub(super) struct Found {
    /// Index of the argument.
    pub(super) argument: usize,
    /// Where it is, by way of the argument.
    pub(super) path: PathBuf,
    /// Its true name, if it is reached through a symlink.
    pub(super) target: Option<PathBuf>,
}

/// A file that leads nowhere.
#[derive(Debug)]
pub(super) struct Unread {
    /// Index of the argument.
    pub(super) argument: usize,
    /// Where it is, by way of the argument.
    pub(super) path: PathBuf,
    /// Why.
    pub(super) error: SourceError,
}

impl Walk {
    /// Follows all paths but standard input.
    pub(super) fn through(paths: &[PathBuf]) -> Self {
        let mut walk = Self {
            files: Vec::new(),
            directories: BTreeMap::new(),
            places: BTreeMap::new(),
            failed: BTreeSet::new(),
            errors: Vec::new(),
            unread: Vec::new(),
            entries_left: DIRECTORY_ENTRIES_MAX,
            ways: BTreeSet::new(),
        };
        for (argument, path) in paths.iter().enumerate().filter(|(_, it)| !is_stdin(it)) {
            if let Some(parent) = path.parent() {
                walk.note_directory(parent);
            }
            walk.note_links(path, 0);
            match walk.argument(argument, path) {
                Ok(files) => {
                    for path in files {
                        walk.note_file(argument, path);
                    }
                }
                Err(error) => {
                    walk.failed.insert(argument);
                    walk.errors.push(error);
                }
            }
        }
        walk
    }

    fn argument(&mut self, argument: usize, path: &Path) -> Result<Vec<PathBuf>, SourceError> {
        let metadata = metadata(path)?;
        if !metadata.is_dir() {
            // Its directory hears nothing of what happens by another name of it, or where it was
            // mounted from.
            if let Ok(file) = fs::canonicalize(path)
                && metadata.is_file()
            {
                self.note_place(&file);
            }
            return Ok(vec![path.to_owned()]);
        }
        let mut files = BTreeSet::new();
        self.find((argument, path), 0, &mut files)?;
        if files.is_empty() {
            let mut unread = self.unread.iter();
            if let Some(unread) = unread.find(|it| it.argument == argument) {
                let source = io::Error::other(format!("nothing in it can be: {}", unread.error));
                let path = path.to_owned();
                return Err(SourceError::NothingReadable { path, source });
            }
            let path = path.to_owned();
            return Err(SourceError::NothingIn { path });
        }
        // `Path` compares by components; bytes are what `ls` and version control sort by.
        let mut files: Vec<PathBuf> = files.into_iter().collect();
        files.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
        Ok(files)
    }

    /// Collects the files below `path`.
    fn find(
        &mut self,
        (argument, path): (usize, &Path),
        depth: usize,
        files: &mut BTreeSet<PathBuf>,
    ) -> Result<(), SourceError> {
        if depth > DIRECTORY_DEPTH_MAX {
            let what = "directories in each other";
            return Err(too_many(path, what, DIRECTORY_DEPTH_MAX));
        }
        self.note_directory(path);
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
                self.find((argument, &below), depth + 1, files)?;
            } else if is_manifest(&below) {
                match metadata(&below) {
                    Ok(metadata) if metadata.is_file() => _ = files.insert(below),
                    Ok(_) => {}
                    // It was there when the directory was listed.
                    Err(_) if fs::symlink_metadata(&below).is_err() => {}
                    Err(error) => self.unread.push(Unread {
                        argument,
                        path: below,
                        error,
                    }),
                }
            }
            if files.len() > FILES_MAX {
                return Err(too_many(path, "files", FILES_MAX));
            }
        }
        Ok(())
    }

    fn note_directory(&mut self, path: &Path) {
        if let Ok(directory) = fs::canonicalize(or_here(path)) {
            self.note_place(&directory);
            let called = self.directories.entry(directory).or_default();
            called.insert(path.to_owned());
        }
    }

    /// A directory that is on the way of no path here by a name of its own.
    fn note_uncalled(&mut self, directory: &Path) {
        self.note_place(directory);
        self.directories.entry(directory.to_owned()).or_default();
    }

    /// Where each symlink is on the way along a path, and along those that they lead to: another may come
    /// in its place, or the first in the place of none.
    fn note_links(&mut self, path: &Path, n_followed: usize) {
        for way in path.ancestors().filter(|it| !it.as_os_str().is_empty()) {
            // What is known of a path is known of all above it.
            if n_followed > SYMLINKS_FOLLOWED_MAX || !self.ways.insert(way.to_owned()) {
                return;
            }
            let target = fs::read_link(way);
            let is_absent = target.as_ref().is_err_and(is_absent);
            let Some(parent) = way.parent().filter(|_| target.is_ok() || is_absent) else {
                continue;
            };
            if n_followed == 0 {
                self.note_directory(parent);
            } else if let Ok(directory) = fs::canonicalize(or_here(parent)) {
                self.note_uncalled(&directory);
            }
            if let Ok(target) = target {
                self.note_links(&parent.join(target), n_followed + 1);
            }
        }
    }

    fn note_place(&mut self, path: &Path) {
        if let Entry::Vacant(place) = self.places.entry(path.to_owned())
            && let Ok(metadata) = fs::metadata(path)
        {
            place.insert(file_id(&metadata));
        }
    }

    fn note_file(&mut self, argument: usize, path: PathBuf) {
        let is_linked = fs::symlink_metadata(&path).is_ok_and(|it| it.is_symlink());
        let target = is_linked.then(|| fs::canonicalize(&path).ok()).flatten();
        if let Some(directory) = target.as_deref().and_then(Path::parent) {
            self.note_uncalled(directory);
        }
        if is_linked {
            self.note_links(&path, 0);
        }
        self.files.push(Found {
            argument,
            path,
            target,
        });
    }
}

/// The directory that no name at all means.
fn or_here(path: &Path) -> &Path {
    match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    }
}
