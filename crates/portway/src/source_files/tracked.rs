//! Files that are read again when they change.
//!
//! In: the paths of `-f`, then [`Dirty`] paths. Out: a [`Refresh`]: the texts that changed, by the
//! rank of their file. Never: a text read again that cannot have changed; a file read while somebody
//! writes it: what is written in place is read when it was closed, which makes its path dirty.
//!
//! What cannot be read keeps what it had: a given path that is gone for the moment, a directory that
//! became empty. A pipe has nothing to read a second time and stays what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use portway_control::limits::INPUT_BYTES_MAX;
use portway_control::manifest::collect::{RANK_MAX, Rank};

use super::left::{Left, Name};
use super::walk::{Directories, Found, Places, Walk};
use super::{STDIN_NAME, SourceError, Text, is_absent, is_hidden, is_manifest, is_stdin};
use super::{open_at_once, read_one, unreadable};
use crate::limits::{FILES_MAX, WALKS_MAX};
use crate::watch::{Dirty, FileId, Watch, file_id};

/// Ranks between two files at first, and after the last.
const STEP: Rank = 1 << 28;

const _: () = assert!((STEP as u128) * (FILES_MAX as u128 + 2) < RANK_MAX as u128);

/// All files there are, with what was last read of them.
#[derive(Debug)]
pub(crate) struct Tracked {
    paths: Vec<PathBuf>,
    files: BTreeMap<Name, File>,
    /// The directories that were looked into, by their true names: what each is called here.
    directories: Directories,
    /// What is watched, and is the same as when it was looked at.
    places: Places,
    /// Files at the end of symlinks, by their true names.
    targets: BTreeMap<PathBuf, BTreeSet<Name>>,
    /// Ranks of files that are gone, while what they held may still count.
    left: Left,
    /// Bytes of all files.
    n_bytes: u64,
    /// What can be read only once, and was: standard input, a pipe.
    once: BTreeMap<Name, Text>,
    /// Whether everything was read for the first time.
    is_open: bool,
    /// What could not be read the last time, by its path.
    unread: BTreeSet<PathBuf>,
    /// Whether there was more that was wrong, which no path tells.
    has_more_errors: bool,
    watch: Option<Watch>,
    /// Files that somebody writes, by what they are called here: they are read when they are closed.
    writing: BTreeSet<PathBuf>,
}

#[derive(Debug)]
struct File {
    rank: Rank,
    stamp: Stamp,
}

/// What says that a path leads to the same file as before, with the same text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stamp {
    file: FileId,
    written: (i64, i64),
    n_bytes: u64,
}

/// What is different.
#[derive(Debug, Default)]
pub(crate) struct Refresh {
    /// Texts by the rank of their file; `None`: the file is gone.
    pub(crate) texts: BTreeMap<Rank, Option<Text>>,
    /// What could not be read, and so is as it was.
    pub(crate) errors: Vec<SourceError>,
    /// Whether all that may have changed was looked at: `errors` are all there are.
    pub(crate) is_of_all: bool,
    /// Files that got other ranks, one step after the other, before the texts: old rank to new. Of a
    /// rank that is not named the file is gone.
    pub(crate) renumbered: Vec<BTreeMap<Rank, Rank>>,
}

/// Which files a look at everything reads again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Those that are other files than before; at the end of symlinks also those with another stamp.
    OtherFiles,
    /// Those with another stamp.
    OtherStamps,
    /// All.
    All,
}

impl Tracked {
    /// Reads everything for the first time; `-` is `stdin`.
    ///
    /// # Errors
    /// When what was given cannot be read, or it is too much. A file below a directory that cannot
    /// be read is told in the [`Refresh`], and the others are there.
    pub(crate) fn open(
        paths: Vec<PathBuf>,
        stdin: &mut dyn Read,
    ) -> Result<(Self, Refresh), SourceError> {
        if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
            return Err(SourceError::StdinTwice);
        }
        let mut tracked = Self {
            paths,
            files: BTreeMap::new(),
            directories: BTreeMap::new(),
            places: BTreeMap::new(),
            targets: BTreeMap::new(),
            left: Left::default(),
            n_bytes: 0,
            once: BTreeMap::new(),
            is_open: false,
            unread: BTreeSet::new(),
            has_more_errors: false,
            watch: None,
            writing: BTreeSet::new(),
        };
        let mut refresh = Refresh::default();
        if let Some(at) = tracked.paths.iter().position(|path| is_stdin(path)) {
            let name = (at, STDIN_NAME.as_bytes().to_vec());
            let text = read_one(Path::new(STDIN_NAME), stdin, tracked.bytes_left(&name))?;
            tracked.once.insert(name.clone(), text.clone());
            let stamp = Stamp {
                n_bytes: text.n_bytes(),
                ..Stamp::default()
            };
            tracked.keep(name, stamp, text, &mut refresh);
        }
        tracked.look_at_all(Again::All, &mut refresh);
        tracked.is_open = true;
        let mut errors = refresh.errors.iter();
        if let Some(at) = errors.position(|error| tracked.is_fatal(error)) {
            return Err(refresh.errors.swap_remove(at));
        }
        tracked.note_errors(&refresh);
        Ok((tracked, refresh))
    }

    /// Whether nothing can be made of the input for this.
    fn is_fatal(&self, error: &SourceError) -> bool {
        match error {
            SourceError::Unreadable { path, .. } => self.paths.contains(path),
            _ => true,
        }
    }

    /// From now on directories are watched. Gives what changed since they were read.
    pub(crate) fn follow(&mut self, watch: Watch) -> Refresh {
        self.watch = Some(watch);
        self.places.clear();
        let mut refresh = Refresh::default();
        self.look_at_all(Again::OtherStamps, &mut refresh);
        self.note_errors(&refresh);
        refresh
    }

    /// Reads again what is dirty.
    pub(crate) fn refresh(&mut self, dirty: &Dirty) -> Refresh {
        let mut refresh = Refresh::default();
        if let Some(writing) = &dirty.writing {
            let called = writing.iter().flat_map(|path| self.called(path));
            let called = called.filter(|path| is_manifest(path) && !is_hidden(path));
            // What is written at the end of a symlink is written here.
            let linked = writing.iter().filter_map(|path| self.targets.get(path));
            let linked = linked
                .flatten()
                .map(|name| PathBuf::from(OsStr::from_bytes(&name.1)));
            self.writing = called.chain(linked).collect();
        }
        if dirty.all {
            self.places.clear();
            self.look_at_all(Again::All, &mut refresh);
        } else if !dirty.is_of_writing_alone() {
            self.read_dirty(dirty, &mut refresh);
        }
        self.note_errors(&refresh);
        refresh
    }

    /// Whether something could not be read that has a path.
    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Whether a file is there, as far as is known, and could not be read.
    pub(crate) fn is_unread(&self, file: &str) -> bool {
        self.unread.contains(Path::new(file))
    }

    /// Reads what could not be read, if it can be now.
    pub(crate) fn retry_unread(&mut self, refresh: &mut Refresh) {
        if self.can_read_more() {
            self.look_at_all(Again::OtherStamps, refresh);
            self.note_errors(refresh);
        }
    }

    fn can_read_more(&self) -> bool {
        self.unread.iter().any(|path| self.is_other_now(path))
    }

    /// Whether what could not be read can be, or is not here any more.
    fn is_other_now(&self, path: &Path) -> bool {
        let metadata = open_at_once(path).and_then(|file| file.metadata());
        let is_given = || self.paths.iter().any(|it| it == path);
        match metadata {
            Ok(metadata) => metadata.is_file() || metadata.is_dir(),
            Err(_) => {
                fs::symlink_metadata(path).is_err_and(|error| is_absent(&error)) && !is_given()
            }
        }
    }

    fn note_errors(&mut self, refresh: &Refresh) {
        if refresh.is_of_all {
            self.unread.clear();
            self.has_more_errors = false;
        }
        for error in &refresh.errors {
            match error {
                SourceError::Unreadable { path, .. } => _ = self.unread.insert(path.clone()),
                _ => self.has_more_errors = true,
            }
        }
    }

    fn read_dirty(&mut self, dirty: &Dirty, refresh: &mut Refresh) {
        let mut look_at_all = false;
        for path in &dirty.written {
            self.read_written(path, refresh);
        }
        for path in &dirty.moved {
            // What is gone from here may be somewhere else in sight by now: it must not be missed
            // until that is heard of too.
            let is_gone = self.is_file_here(path) && fs::symlink_metadata(path).is_err();
            let is_place = self.doubt_places(path);
            look_at_all |= is_gone || is_place || self.may_lead_elsewhere(path);
            if !is_gone {
                self.read_written(path, refresh);
            }
        }
        if self.has_more_errors || self.can_read_more() {
            self.look_at_all(Again::OtherStamps, refresh);
        } else if look_at_all {
            self.look_at_all(Again::OtherFiles, refresh);
        }
    }

    /// What is at a path or below it may be another, and watched no more. Whether anything is.
    fn doubt_places(&mut self, path: &Path) -> bool {
        let from = self.places.range(path.to_owned()..);
        let below = from.take_while(|(it, _)| it.starts_with(path));
        let below: BTreeSet<PathBuf> = below.map(|(it, _)| it.clone()).collect();
        self.places.retain(|it, _| !below.contains(it));
        !below.is_empty()
    }

    /// Reads these files again, unless that was done already, or somebody writes them just now.
    pub(crate) fn look_again(&mut self, ranks: &BTreeSet<Rank>, refresh: &mut Refresh) {
        let again = |name: &Name, file: &File| {
            let path = Path::new(OsStr::from_bytes(&name.1));
            ranks.contains(&file.rank)
                && !refresh.texts.contains_key(&file.rank)
                && !self.writing.contains(path)
        };
        let names = self.files.iter().filter(|(name, file)| again(name, file));
        let names: Vec<Name> = names.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.read_named(name, refresh);
        }
        self.note_errors(refresh);
    }

    /// Whether somebody writes a file that will be read.
    pub(crate) fn is_written(&self) -> bool {
        !self.writing.is_empty()
    }

    /// What a file that was here had is not needed any more.
    pub(crate) fn let_go(&mut self, rank: Rank) {
        self.left.forget(rank);
    }

    /// Reads the file at a path that somebody has written, moved or removed, by all names it has here.
    fn read_written(&mut self, path: &Path, refresh: &mut Refresh) {
        let mut names: BTreeSet<Name> = self.targets.get(path).cloned().unwrap_or_default();
        for path in self.called(path) {
            let known = (0..self.paths.len()).map(|at| (at, path.as_os_str().as_bytes().to_vec()));
            names.extend(known.filter(|name| self.files.contains_key(name)));
            if is_manifest(&path) && !is_hidden(&path) {
                let inside = self.paths.iter().enumerate();
                let inside = inside.filter(|(_, of)| **of != path && path.starts_with(of));
                names.extend(inside.map(|(at, _)| (at, path.as_os_str().as_bytes().to_vec())));
            }
        }
        for name in names {
            self.read_named(name, refresh);
        }
    }

    /// Whether a path is one of the files.
    fn is_file_here(&self, path: &Path) -> bool {
        let named = |path: PathBuf, at| (at, path.into_os_string().into_vec());
        let mut called = self.called(path).into_iter();
        called.any(|path| {
            (0..self.paths.len()).any(|at| self.files.contains_key(&named(path.clone(), at)))
        }) || self.targets.contains_key(path)
    }

    fn read_named(&mut self, name: Name, refresh: &mut Refresh) {
        if self.once.contains_key(&name) {
            return;
        }
        let path = PathBuf::from(OsStr::from_bytes(&name.1));
        let is_given = self.paths.get(name.0) == Some(&path);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => self.read(name, &path, refresh),
            Ok(_) => {}
            Err(error) if is_absent(&error) && !is_given => {
                self.forget(&name, refresh);
            }
            Err(source) => {
                let error = SourceError::Unreadable { path, source };
                self.fail(&name, error, refresh);
            }
        }
    }

    /// Whether what happened at a path may change what other paths lead to: it is a directory, or
    /// was one, or a symlink through which files are reached, or what was given or is above that.
    fn may_lead_elsewhere(&self, path: &Path) -> bool {
        let is_on_way = |path: &PathBuf| self.paths.iter().any(|given| given.starts_with(path));
        if self.directories.contains_key(path) || self.called(path).iter().any(is_on_way) {
            return true;
        }
        let name = path.file_name().unwrap_or_default().as_bytes();
        match fs::symlink_metadata(path) {
            // `..data` of a mounted ConfigMap is one; other hidden names are editors'.
            Ok(it) if it.is_symlink() => !name.starts_with(b".") || name.starts_with(b".."),
            Ok(it) => it.is_dir() && !name.starts_with(b"."),
            // It was such a symlink, maybe.
            Err(_) => name.starts_with(b".."),
        }
    }

    /// What a path is called here, whose directory was looked into.
    fn called(&self, path: &Path) -> Vec<PathBuf> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Vec::new();
        };
        let directories = self.directories.get(parent).into_iter().flatten();
        directories.map(|it| it.join(name)).collect()
    }

    /// Looks where all paths lead, and reads what must be read.
    fn look_at_all(&mut self, again: Again, refresh: &mut Refresh) {
        if again != Again::OtherFiles {
            refresh.errors.clear();
            refresh.is_of_all = true;
        }
        let mut walk = Walk::through(&self.paths);
        let mut before = (self.directories.clone(), self.places.clone());
        // A directory that is new may get files before it is watched: so after that another look.
        for _ in 0..WALKS_MAX {
            if walk.directories == self.directories && walk.places == self.places {
                break;
            }
            self.directories = walk.directories;
            self.places = walk.places;
            (before.1).retain(|path, file| self.places.get(path) == Some(file));
            if let Some(watch) = &mut self.watch {
                watch.follow(&self.places);
            }
            walk = Walk::through(&self.paths);
        }
        let known = self.known(&before);
        let is_new = |path: &Path| path.parent().is_some_and(|it| !known.contains(it));
        self.targets.clear();
        let mut gone = self.gone(&walk);
        if !gone.is_empty() {
            // A file that moves while a directory is listed may be in it nowhere: so once more.
            walk = Walk::through(&self.paths);
            gone = self.gone(&walk).intersection(&gone).cloned().collect();
        }
        for found in walk.files {
            let Found {
                argument,
                path,
                target,
            } = found;
            let name = (argument, path.as_os_str().as_bytes().to_vec());
            let is_linked = target.is_some();
            if let Some(target) = target {
                self.targets.entry(target).or_default().insert(name.clone());
            }
            let again = match again {
                Again::OtherFiles if is_new(&path) => Again::OtherStamps,
                again => again,
            };
            let may_read = again == Again::All || !self.writing.contains(&path);
            if may_read && self.must_read(&name, &path, is_linked, again) {
                self.read(name, &path, refresh);
            }
        }
        for name in gone {
            self.forget(&name, refresh);
        }
        refresh.errors.extend(walk.errors);
        let unread = walk.unread.into_iter().map(|it| it.error);
        refresh.errors.extend(unread);
    }

    /// What the directories are called that were watched all the time: what happened in one while it
    /// was elsewhere, or another in its place, was not heard of.
    fn known(&self, (directories, places): &(Directories, Places)) -> BTreeSet<PathBuf> {
        let same = self.directories.iter();
        let same = same.filter(|(path, _)| places.contains_key(*path));
        let called = same.filter_map(|(path, it)| Some(it.intersection(directories.get(path)?)));
        called.flatten().cloned().collect()
    }

    /// The files that are not there any more, as far as could be seen.
    fn gone(&self, walk: &Walk) -> BTreeSet<Name> {
        let seen = walk.files.iter();
        let seen: BTreeSet<Name> = seen
            .map(|it| (it.argument, it.path.as_os_str().as_bytes().to_vec()))
            .collect();
        let unread = walk.unread.iter();
        let unread: BTreeSet<Name> = unread
            .map(|it| (it.argument, it.path.as_os_str().as_bytes().to_vec()))
            .collect();
        let mut gone: BTreeSet<Name> = self.files.keys().cloned().collect();
        gone.retain(|name| {
            let at = &name.0;
            !seen.contains(name)
                && !unread.contains(name)
                && !walk.failed.contains(at)
                && !self.once.contains_key(name)
        });
        gone
    }

    fn must_read(&self, name: &Name, path: &Path, is_linked: bool, again: Again) -> bool {
        if self.once.contains_key(name) {
            return false;
        }
        let Some(File { stamp: before, .. }) = self.files.get(name) else {
            return true;
        };
        let Ok(now) = fs::metadata(path).map(|it| Stamp::of(&it)) else {
            return true;
        };
        match again {
            Again::All => true,
            Again::OtherStamps => now != *before,
            Again::OtherFiles if is_linked => now != *before,
            Again::OtherFiles => now.file != before.file,
        }
    }

    fn read(&mut self, name: Name, path: &Path, refresh: &mut Refresh) {
        match self.try_read(&name, path) {
            Ok((stamp, text)) => self.keep(name, stamp, text, refresh),
            // It was there a moment ago: its path will be dirty, if it is not already.
            Err(SourceError::Unreadable { source, .. })
                if is_absent(&source) && self.watch.is_some() => {}
            Err(error) => self.fail(&name, error, refresh),
        }
    }

    /// A file could not be read: when it can be, that is done whatever its stamp says, which may have
    /// been seen before somebody asked for what is in it once more.
    fn fail(&mut self, name: &Name, error: SourceError, refresh: &mut Refresh) {
        if let Some(file) = self.files.get_mut(name) {
            file.stamp.file = Stamp::default().file;
        }
        refresh.errors.push(error);
    }

    /// At the start a pipe is read to its end, once; later nothing is waited for.
    fn try_read(&mut self, name: &Name, path: &Path) -> Result<(Stamp, Text), SourceError> {
        let bytes_left = self.bytes_left(name);
        let file = match self.is_open {
            true => open_at_once(path),
            false => fs::File::open(path),
        };
        let mut file = file.map_err(|error| unreadable(path, error))?;
        let metadata = file.metadata().map_err(|error| unreadable(path, error))?;
        if self.is_open && !metadata.is_file() {
            let error =
                io::Error::other("it is no regular file, and such are read only at the start");
            return Err(unreadable(path, error));
        }
        let first = self.first_path(name, Stamp::of(&metadata));
        let text = read_one(first.as_deref().unwrap_or(path), &mut file, bytes_left)?;
        if !metadata.is_file() {
            self.once.insert(name.clone(), text.clone());
        }
        let stamp = Stamp {
            n_bytes: text.n_bytes(),
            ..Stamp::of(&metadata)
        };
        Ok((stamp, text))
    }

    /// What an earlier argument calls the same file, `./a.yaml` and `a.yaml` say: so it is called
    /// here too, and told to be given twice.
    fn first_path(&self, name: &Name, stamp: Stamp) -> Option<PathBuf> {
        let mut before = self.files.range(..(name.0, Vec::new()));
        let same = before.find(|(_, file)| file.stamp.file == stamp.file);
        same.map(|((_, path), _)| PathBuf::from(OsStr::from_bytes(path)))
    }

    /// Keeps what was read. A file that is new gets a rank between its neighbours.
    fn keep(&mut self, name: Name, stamp: Stamp, text: Text, refresh: &mut Refresh) {
        let known = self
            .files
            .get(&name)
            .map(|file| (file.rank, file.stamp.n_bytes));
        let (rank, n_bytes_before) = known.unwrap_or_else(|| {
            let rank = self.free_rank(&name).unwrap_or_else(|| {
                self.rank_anew(refresh);
                self.free_rank(&name).unwrap_or(RANK_MAX - 1)
            });
            (rank, 0)
        });
        // One that is gone and had the same rank has lost it to this one.
        self.left.take(&name);
        self.left.forget(rank);
        self.n_bytes = self.n_bytes - n_bytes_before + stamp.n_bytes;
        self.files.insert(name, File { rank, stamp });
        refresh.texts.insert(rank, Some(text));
    }

    fn forget(&mut self, name: &Name, refresh: &mut Refresh) {
        if let Some(file) = self.files.remove(name) {
            self.n_bytes -= file.stamp.n_bytes;
            self.left.insert(name.clone(), file.rank);
            refresh.texts.insert(file.rank, None);
        }
    }

    /// A rank between those of the neighbours; of one that comes back the one it had.
    fn free_rank(&self, name: &Name) -> Option<Rank> {
        let before = self.files.range(..name).next_back();
        let before = before.map_or(0, |(_, file)| file.rank);
        let after = self.files.range::<Name, _>(name..).next();
        let is_between =
            |it: &Rank| before < *it && after.is_none_or(|(_, after)| *it < after.rank);
        let own = self.left.rank(name).filter(is_between);
        match after {
            _ if own.is_some() => own,
            None => Some(before + STEP).filter(|it| *it < RANK_MAX),
            Some((_, after)) => Some(before.midpoint(after.rank)).filter(|it| before < *it),
        }
    }

    /// Spreads all ranks evenly again. What was read so far goes with its file.
    fn rank_anew(&mut self, refresh: &mut Refresh) {
        let files = self.files.values_mut().zip(1..);
        let renumbered = files.map(|(file, nth)| {
            let before = std::mem::replace(&mut file.rank, nth * STEP);
            (before, file.rank)
        });
        let renumbered: BTreeMap<Rank, Rank> = renumbered.collect();
        let texts = std::mem::take(&mut refresh.texts).into_iter();
        let texts = texts.filter_map(|(rank, text)| Some((*renumbered.get(&rank)?, text)));
        refresh.texts = texts.collect();
        refresh.renumbered.push(renumbered);
        self.left.clear();
    }

    fn bytes_left(&self, name: &Name) -> u64 {
        let own = self.files.get(name).map_or(0, |file| file.stamp.n_bytes);
        (INPUT_BYTES_MAX as u64).saturating_sub(self.n_bytes - own)
    }
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            file: file_id(metadata),
            written: (metadata.mtime(), metadata.mtime_nsec()),
            n_bytes: metadata.len(),
        }
    }
}

#[cfg(test)]
mod tests;
