//! What happens in directories, some at a time.
//!
//! In: events of the kernel (inotify, by way of notify). Out: [`Dirty`] paths when nothing more has
//! happened for [`QUIET`], at the latest after [`COALESCE_MAX`]. Never: a file that is being
//! written: half of a manifest can be a whole one and delete routes. So what counts is that a file
//! was closed after writing, moved, linked or removed; of one that is open again by then nothing
//! counts until it is closed. A new file that nobody closes counts too when nobody has written to it
//! for a while and there is something in it: it was linked here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;
use std::{fs, io};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
use notify::{Event, EventKind, INotifyWatcher, RecursiveMode, Watcher};
use tracing::{debug, error, warn};

use crate::limits::{COALESCE_MAX, DOUBT, DOUBT_WHILE_WRITTEN_MAX, QUIET};

/// Paths at which something happened; their directories have their true names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Dirty {
    /// Files that were closed after writing.
    pub(crate) written: BTreeSet<PathBuf>,
    /// What was moved here or away, linked or removed, and new directories.
    pub(crate) moved: BTreeSet<PathBuf>,
    /// Files that somebody writes: created or changed, and not closed since. `None`: nothing new is
    /// known of that.
    pub(crate) writing: Option<BTreeSet<PathBuf>>,
    /// Anything may have happened anywhere.
    pub(crate) all: bool,
}

/// Which file or directory something is, whatever it is called: its device and inode.
pub(crate) type FileId = (u64, u64);

pub(crate) fn file_id(metadata: &fs::Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}

/// Watches directories.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: INotifyWatcher,
    followed: BTreeMap<PathBuf, FileId>,
    is_full: bool,
}

impl Watch {
    /// Watches nothing yet. `tell` hears what happens, on a thread of its own, until it says that
    /// nobody wants to know any more.
    ///
    /// # Errors
    /// When the kernel has no inotify for us, or no thread.
    pub(crate) fn start(
        mut tell: impl FnMut(Dirty) -> ControlFlow<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, events) = mpsc::channel();
        let watcher = INotifyWatcher::new(sender, notify::Config::default());
        let watcher = watcher.map_err(io::Error::other)?;
        let gather = move || gather(&events, &mut tell);
        thread::Builder::new().name("files".into()).spawn(gather)?;
        Ok(Self {
            watcher,
            followed: BTreeMap::new(),
            is_full: false,
        })
    }

    /// Watches these directories from now on and no others. Of one that is another than before the
    /// old one is let go first, or it would be heard under this name. All are watched anew, which
    /// loses nothing: a watch goes with whatever had its name, at times after another has it.
    pub(crate) fn follow(&mut self, wanted: &BTreeMap<PathBuf, FileId>) {
        for (path, file) in std::mem::take(&mut self.followed) {
            if wanted.get(&path) == Some(&file) {
                continue;
            }
            if let Err(error) = self.watcher.unwatch(&path) {
                debug!(directory = %path.display(), %error, "no longer watched");
            }
        }
        for (path, file) in wanted {
            match self.watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.followed.insert(path.clone(), *file)),
                Err(error) => self.tell_refused(path, &error),
            }
        }
    }

    fn tell_refused(&mut self, directory: &Path, error: &notify::Error) {
        let directory = directory.display();
        if !matches!(error.kind, notify::ErrorKind::MaxFilesWatch) {
            warn!(%directory, %error, "directory not watched, SIGHUP reads it again");
        } else if !std::mem::replace(&mut self.is_full, true) {
            let help = "raise fs.inotify.max_user_watches, or send SIGHUP after changes";
            error!(%directory, help, "no more directories can be watched");
        }
    }
}

/// Gathers events until it is quiet, and tells of them, again and again.
fn gather(
    events: &Receiver<notify::Result<Event>>,
    tell: &mut dyn FnMut(Dirty) -> ControlFlow<()>,
) {
    let mut writing = BTreeSet::new();
    let mut created = Created::default();
    loop {
        let first = match created.due() {
            Some(due) => events.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => events.recv().map_err(RecvTimeoutError::from),
        };
        let mut dirty = Dirty {
            writing: Some(writing.clone()),
            ..Dirty::default()
        };
        let counts = match first {
            Ok(event) => dirty.add(event, &mut created),
            // Never while something waits to be heard: it may be that somebody writes.
            Err(RecvTimeoutError::Timeout) => dirty.add_linked(&mut created, Instant::now()),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if dirty.tell_writing(&mut writing, tell).is_break() {
            return;
        }
        if !counts {
            continue;
        }
        let latest = Instant::now() + COALESCE_MAX;
        let mut quiet = (Instant::now() + QUIET).min(latest);
        loop {
            let wait = quiet.saturating_duration_since(Instant::now());
            match events.recv_timeout(wait) {
                Ok(event) => {
                    // What does not count, our own reading among it, is no unrest.
                    if dirty.add(event, &mut created) {
                        quiet = (Instant::now() + QUIET).min(latest);
                    }
                    if dirty.tell_writing(&mut writing, tell).is_break() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if quiet <= Instant::now() {
                break;
            }
        }
        writing = dirty.writing.clone().unwrap_or_default();
        dirty.written.retain(|path| !writing.contains(path));
        dirty.moved.retain(|path| !writing.contains(path));
        if tell(dirty).is_break() {
            return;
        }
    }
}

impl Dirty {
    /// Everything.
    pub(crate) fn everything() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// What both say.
    pub(crate) fn merge(&mut self, other: Self) {
        self.written.extend(other.written);
        self.moved.extend(other.moved);
        // What is told later is so now.
        self.writing = other.writing.or(self.writing.take());
        self.all |= other.all;
    }

    /// Whether it says no more than which files somebody writes.
    pub(crate) fn is_of_writing_alone(&self) -> bool {
        !self.all && self.written.is_empty() && self.moved.is_empty()
    }

    /// Tells at once of files that somebody began to write: one that was closed a moment ago may be
    /// about to be read, and emptied again, and whoever reads it must not believe that.
    fn tell_writing(
        &self,
        told: &mut BTreeSet<PathBuf>,
        tell: &mut dyn FnMut(Self) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let writing = self.writing.as_ref();
        let Some(writing) = writing.filter(|writing| !writing.is_subset(told)) else {
            return ControlFlow::Continue(());
        };
        told.clone_from(writing);
        tell(Self {
            writing: self.writing.clone(),
            ..Self::default()
        })
    }

    /// Takes an event in, if it counts.
    fn add(&mut self, event: notify::Result<Event>, created: &mut Created) -> bool {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                warn!(%error, "what happens to files may go unseen, all are read again");
                self.all = true;
                return true;
            }
        };
        let n_before = self.written.len() + self.moved.len();
        let writing = self.writing.get_or_insert_default();
        let is_write = matches!(
            event.kind,
            EventKind::Modify(ModifyKind::Data(_)) | EventKind::Create(CreateKind::File)
        );
        let is_named = is_write && event.paths.iter().any(|path| is_new_name(path));
        if !is_named {
            created.hear(&event, Instant::now());
        }
        match event.kind {
            _ if is_write && !is_named => writing.extend(event.paths.iter().cloned()),
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(_))
            | EventKind::Remove(_) => {
                // With a directory goes what is in it: its end will not be heard here.
                let is_over = |path: &PathBuf| event.paths.iter().any(|it| path.starts_with(it));
                writing.retain(|path| !is_over(path));
            }
            _ => {}
        }
        match event.kind {
            _ if event.need_rescan() => {
                self.all = true;
                writing.clear();
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                self.written.extend(event.paths);
                return true;
            }
            EventKind::Modify(ModifyKind::Name(_))
            | EventKind::Remove(_)
            | EventKind::Create(CreateKind::Folder) => {
                self.moved.extend(event.paths);
                return true;
            }
            // A new file is empty still, unless it is only a new name; see [`Created`].
            EventKind::Create(_) if is_named => self.moved.extend(event.paths),
            _ => {}
        }
        self.all || self.written.len() + self.moved.len() > n_before
    }

    /// Takes in the new files that nobody writes. Whether there are any.
    fn add_linked(&mut self, created: &mut Created, now: Instant) -> bool {
        let linked = created.linked(now);
        let writing = self.writing.get_or_insert_default();
        writing.retain(|path| !linked.contains(path));
        self.moved.extend(linked);
        !self.moved.is_empty()
    }
}

/// New files to which nothing was written so far, and when that is believed. Who makes one opens it
/// first thing; a file that is linked to its name (`linkat(2)`) is just there, and nobody may ever
/// close it.
#[derive(Debug, Default)]
struct Created(BTreeMap<PathBuf, Instant>);

impl Created {
    fn due(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    fn hear(&mut self, event: &Event, now: Instant) {
        match event.kind {
            EventKind::Create(CreateKind::File) => {
                let new = event.paths.iter().cloned();
                self.0.extend(new.map(|path| (path, now + DOUBT)));
            }
            // By who made it, to write, or by somebody who just reads.
            EventKind::Access(AccessKind::Open(_)) => {
                for path in &event.paths {
                    if let Some(due) = self.0.get_mut(path) {
                        *due = now + DOUBT_WHILE_WRITTEN_MAX;
                    }
                }
            }
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Name(_))
            | EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Remove(_) => {
                let is_over = |path: &PathBuf| event.paths.iter().any(|it| path.starts_with(it));
                self.0.retain(|path, _| !is_over(path));
            }
            _ => {}
        }
        if event.need_rescan() {
            self.0.clear();
        }
    }

    /// Those that were linked. One that is empty still is about to be written; that is heard.
    fn linked(&mut self, now: Instant) -> BTreeSet<PathBuf> {
        let due = self.0.extract_if(.., |_, due| *due <= now);
        let is_whole =
            |path: &PathBuf| !fs::metadata(path).is_ok_and(|it| it.len() == 0 && it.is_file());
        due.map(|(path, _)| path).filter(is_whole).collect()
    }
}

/// Whether a path is a symlink, or one of several names of a file.
fn is_new_name(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|it| it.is_symlink() || it.nlink() > 1)
}

#[cfg(test)]
mod tests;
