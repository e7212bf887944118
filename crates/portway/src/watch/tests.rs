//! Which files count as being written after what is heard of them.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use notify::Event;
use notify::EventKind::{self, Access, Create, Modify, Remove};
use notify::event::{
    AccessKind, AccessMode, CreateKind, DataChange, ModifyKind, RemoveKind, RenameMode,
};

use super::{Created, Dirty};
use crate::limits::{DOUBT, DOUBT_WHILE_WRITTEN_MAX};

const CREATE: EventKind = Create(CreateKind::File);
const OPEN: EventKind = Access(AccessKind::Open(AccessMode::Any));
const WRITE: EventKind = Modify(ModifyKind::Data(DataChange::Any));
const CLOSE: EventKind = Access(AccessKind::Close(AccessMode::Write));

/// A file in a directory of its own, of which things are heard.
struct Stage {
    dir: PathBuf,
    dirty: Dirty,
    created: Created,
}

impl Stage {
    fn new(name: &str, text: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("portway-watch-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("a.yaml"), text).unwrap();
        Self {
            dir,
            dirty: Dirty::default(),
            created: Created::default(),
        }
    }

    fn hear(&mut self, kinds: &[EventKind], at: &str) {
        for kind in kinds {
            let event = Event::new(*kind).add_path(self.dir.join(at));
            self.dirty.add(Ok(event), &mut self.created);
        }
    }

    /// What is read after so long a quiet, and whether it is still being written.
    fn after(&mut self, quiet: std::time::Duration) -> (bool, bool) {
        let is_read = self
            .dirty
            .add_linked(&mut self.created, Instant::now() + quiet);
        let writing = self.dirty.writing.clone().unwrap_or_default();
        (is_read, !writing.is_empty())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

const UNREAD: (bool, bool) = (false, true);
const READ: (bool, bool) = (true, false);

#[test]
fn a_new_file_that_nobody_opened_is_read_when_it_was_quiet() {
    let mut stage = Stage::new("linked", "a");
    stage.hear(&[CREATE], "a.yaml");
    assert_eq!(stage.after(DOUBT / 2), UNREAD);
    assert_eq!(stage.after(DOUBT), READ);
    assert_eq!(stage.created.due(), None);
}

/// Somebody may have opened it just to read it, which says nothing of its end.
#[test]
fn a_new_file_that_somebody_opened_and_nobody_wrote_is_read_later() {
    let mut stage = Stage::new("opened", "a");
    stage.hear(&[CREATE, OPEN], "a.yaml");
    assert_eq!(stage.after(DOUBT_WHILE_WRITTEN_MAX / 2), UNREAD);
    assert_eq!(stage.after(DOUBT_WHILE_WRITTEN_MAX), READ);
}

/// Whoever makes a file may take their time.
#[test]
fn a_new_file_is_not_read_while_it_is_written() {
    let mut stage = Stage::new("half", "half");
    stage.hear(&[CREATE, OPEN, WRITE], "a.yaml");
    assert_eq!(stage.after(DOUBT_WHILE_WRITTEN_MAX * 9), UNREAD);
    let mut stage = Stage::new("empty", "");
    stage.hear(&[CREATE, OPEN], "a.yaml");
    assert_eq!(stage.after(DOUBT_WHILE_WRITTEN_MAX * 9), UNREAD);
    stage.hear(&[WRITE, CLOSE], "a.yaml");
    assert!(stage.dirty.writing.clone().unwrap_or_default().is_empty());
}

#[test]
fn a_new_file_that_is_gone_is_not_waited_for() {
    let from = Modify(ModifyKind::Name(RenameMode::From));
    for (end, at) in [
        (CLOSE, "a.yaml"),
        (from, "a.yaml"),
        (from, ""),
        (Remove(RemoveKind::File), "a.yaml"),
        (Remove(RemoveKind::Folder), ""),
    ] {
        let mut stage = Stage::new("over", "a");
        stage.hear(&[CREATE], "a.yaml");
        stage.hear(&[end], at);
        assert_eq!(stage.created.due(), None);
        assert!(stage.dirty.writing.clone().unwrap_or_default().is_empty());
    }
}
