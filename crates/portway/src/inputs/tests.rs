//! Which text of a file counts while it is being written.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Instant;

use portway_control::snapshot::Objects;

use super::Inputs;
use crate::limits::{DOUBT, DOUBT_MAX, DOUBT_WHILE_WRITTEN_MAX, UNREAD_INTERVAL};
use crate::watch::{Dirty, Watch};

const TWO: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 1}]}\n---\n\
    apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {ports: [{port: 1}]}\n";

const OTHER: &str =
    "apiVersion: v1\nkind: Service\nmetadata: {name: c}\nspec: {ports: [{port: 1}]}\n";

/// A file that is watched, and what is used of it.
struct Stage {
    file: PathBuf,
    inputs: Inputs,
    objects: Objects,
    now: Instant,
}

impl Stage {
    fn new(name: &str) -> Self {
        let file = format!("portway-inputs-{name}-{}.yaml", std::process::id());
        let file = std::env::temp_dir().join(file);
        fs::write(&file, TWO).unwrap();
        let (inputs, objects) = Inputs::open(vec![file.clone()]).unwrap();
        Self {
            file,
            inputs,
            objects,
            now: Instant::now(),
        }
    }

    /// The names of the Services after the file was closed with this text.
    fn after_write(&mut self, text: &str) -> Vec<String> {
        fs::write(&self.file, text).unwrap();
        let dirty = Dirty {
            written: [self.file.clone()].into(),
            ..Dirty::default()
        };
        self.look(Some(&dirty))
    }

    /// The same at a time when nothing has happened, if a look is due then.
    fn when_due(&mut self) -> Vec<String> {
        self.now = self.inputs.next_look().unwrap();
        self.look(None)
    }

    fn look(&mut self, dirty: Option<&Dirty>) -> Vec<String> {
        self.inputs.refresh(&mut self.objects, dirty, self.now);
        let names = self.objects.services.keys();
        names.map(|key| key.name.to_string()).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

#[test]
fn a_file_that_was_emptied_to_be_written_loses_nothing() {
    let mut stage = Stage::new("emptied");
    assert_eq!(stage.after_write(""), ["a", "b"]);
    assert_eq!(
        stage.after_write(&format!("{TWO}---\n{OTHER}")),
        ["a", "b", "c"]
    );
    assert_eq!(stage.inputs.next_look(), None);
}

/// What a broken file held stays, so what is found in it does nothing yet.
#[test]
fn findings_in_a_file_that_keeps_what_it_held_say_so() {
    let mut stage = Stage::new("held");
    let broken = TWO.replace("port: 1", "port: 0");
    assert_eq!(stage.after_write(&broken), ["a", "b"]);
    let found = stage.inputs.diagnostics(&stage.objects);
    let effects: Vec<&str> = found.iter().filter_map(|it| it.effect.as_deref()).collect();
    assert_eq!(effects.len(), 2, "{found:?}");
    for effect in effects {
        let want = "none yet: what the file held before stays in force; if it is read anew, at a \
                    start say: the Service is left out";
        assert!(effect.starts_with(want), "{effect}");
    }
}

/// Nothing would end it otherwise: a look that is due at once is due again and again.
#[test]
fn a_file_in_doubt_that_cannot_be_read_is_asked_later() {
    let mut stage = Stage::new("unreadable");
    assert_eq!(stage.after_write(""), ["a", "b"]);
    fs::remove_file(&stage.file).unwrap();
    assert_eq!(
        stage.when_due(),
        ["a", "b"],
        "a path that was given is gone"
    );
    assert!(stage.inputs.is_sure());
    let retry = stage.now + UNREAD_INTERVAL;
    assert_eq!(stage.inputs.next_look(), Some(retry));
    assert_eq!(stage.after_write(OTHER), ["a", "b"], "again in doubt");
    assert_eq!(stage.when_due(), ["c"]);
}

/// Its stamp says that nothing happened to it, and it was seen before what it says was believed.
#[test]
fn a_file_in_doubt_that_could_not_be_read_is_read_when_it_can_be() {
    let mut stage = Stage::new("aside");
    assert_eq!(stage.after_write(OTHER), ["a", "b"]);
    let aside = stage.file.with_extension("aside");
    fs::rename(&stage.file, &aside).unwrap();
    assert_eq!(stage.when_due(), ["a", "b"]);
    fs::rename(&aside, &stage.file).unwrap();
    assert_eq!(stage.when_due(), ["a", "b"], "in doubt once more");
    assert_eq!(stage.when_due(), ["c"]);
}

/// Nobody tells when it can be read, and files that are opened all the time put no look off.
#[test]
fn what_cannot_be_read_is_tried_again_though_other_files_never_rest() {
    let mut folder = Folder::new("retried", &[("a.yaml", TWO)]);
    let since = folder.now;
    symlink("nowhere", folder.path("z.yaml")).unwrap();
    folder.after(&[], &["z.yaml"]);
    assert_eq!(folder.inputs.unused().unread.len(), 1);
    fs::write(folder.path("nowhere"), service("d")).unwrap();
    while folder.while_written(&["a.yaml"], &[]) != ["a", "b", "d"] {
        folder.now += UNREAD_INTERVAL / 3;
        assert!(folder.now < since + 2 * UNREAD_INTERVAL);
    }
}

#[test]
fn what_a_file_lacks_twice_is_gone() {
    let mut stage = Stage::new("lacks");
    assert_eq!(stage.after_write(OTHER), ["a", "b"]);
    // Nothing new is heard in the meantime, and it is too early.
    assert_eq!(stage.look(None), ["a", "b"]);
    assert_eq!(stage.when_due(), ["c"]);
    assert_eq!(stage.inputs.next_look(), None);
}

#[test]
fn a_file_that_lacks_something_else_at_each_look_is_believed_in_the_end() {
    let mut stage = Stage::new("restless");
    let start = stage.now;
    let mut n = 0;
    while stage.after_write(&OTHER.replace("name: c", &format!("name: c{n}")))[0] == "a" {
        stage.now += DOUBT / 2;
        n += 1;
    }
    assert_eq!(stage.now - start, DOUBT_MAX);
    assert_eq!(stage.inputs.next_look(), None);
}

/// A directory that is watched, and what is used of it.
struct Folder {
    dir: PathBuf,
    inputs: Inputs,
    objects: Objects,
    now: Instant,
}

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let dir = format!("portway-inputs-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(dir);
        fs::create_dir_all(&dir).unwrap();
        for (file, text) in files {
            fs::write(dir.join(file), text).unwrap();
        }
        let (mut inputs, mut objects) = Inputs::open(vec![dir.clone()]).unwrap();
        let now = Instant::now();
        let watch = Watch::start(|_| ControlFlow::Continue(())).unwrap();
        inputs.follow(&mut objects, watch, now);
        Self {
            dir,
            inputs,
            objects,
            now,
        }
    }

    /// The names of the Services after something happened to these files.
    fn after(&mut self, written: &[&str], moved: &[&str]) -> Vec<String> {
        let dir = fs::canonicalize(&self.dir).unwrap();
        let paths = |files: &[&str]| files.iter().map(|it| dir.join(it)).collect();
        let dirty = Dirty {
            written: paths(written),
            moved: paths(moved),
            writing: Some(BTreeSet::new()),
            ..Dirty::default()
        };
        self.look(Some(&dirty))
    }

    /// The same, while these files are being written.
    fn while_written(&mut self, writing: &[&str], moved: &[&str]) -> Vec<String> {
        let dir = fs::canonicalize(&self.dir).unwrap();
        let paths = |files: &[&str]| files.iter().map(|it| dir.join(it)).collect();
        let dirty = Dirty {
            writing: Some(paths(writing)),
            moved: paths(moved),
            ..Dirty::default()
        };
        self.look(Some(&dirty))
    }

    /// The same at a time when nothing has happened, if a look is due then.
    fn when_due(&mut self) -> Vec<String> {
        self.now = self.inputs.next_look().unwrap();
        self.look(None)
    }

    fn look(&mut self, dirty: Option<&Dirty>) -> Vec<String> {
        self.inputs.refresh(&mut self.objects, dirty, self.now);
        let names = self.objects.services.keys();
        names.map(|key| key.name.to_string()).collect()
    }

    /// What is told of the files.
    fn told(&self) -> Vec<String> {
        let found = self.inputs.diagnostics(&self.objects);
        found.iter().map(|it| it.code.to_string()).collect()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn a_file_that_is_moved_away_and_written_anew_loses_nothing() {
    let mut folder = Folder::new("anew", &[("a.yaml", TWO), ("c.yaml", OTHER)]);
    fs::rename(folder.path("a.yaml"), folder.path("a.yaml~")).unwrap();
    assert_eq!(folder.after(&[], &["a.yaml", "a.yaml~"]), ["a", "b", "c"]);
    fs::write(folder.path("a.yaml"), format!("{TWO}# edited\n")).unwrap();
    assert_eq!(folder.after(&["a.yaml"], &[]), ["a", "b", "c"]);
    assert_eq!(folder.inputs.next_look(), None);
    assert_eq!(folder.inputs.diagnostics(&folder.objects), []);
}

#[test]
fn objects_that_move_to_another_file_are_never_missed() {
    let mut folder = Folder::new("moved", &[("a.yaml", TWO), ("c.yaml", OTHER)]);
    fs::remove_file(folder.path("a.yaml")).unwrap();
    assert_eq!(folder.after(&[], &["a.yaml"]), ["a", "b", "c"]);
    fs::write(folder.path("z.yaml"), TWO).unwrap();
    assert_eq!(folder.after(&["z.yaml"], &[]), ["a", "b", "c"]);
    assert_eq!(folder.inputs.next_look(), None);
    let key = folder.objects.services.keys().next().unwrap().clone();
    let origin = folder.objects.origin(&key).unwrap().source.clone();
    assert!(origin.unwrap().ends_with("z.yaml"));
    assert_eq!(folder.inputs.diagnostics(&folder.objects), []);
}

/// Each comes just before the last, so that in the end all get other ranks.
#[test]
fn a_broken_file_keeps_what_it_held_however_many_files_come_before_it() {
    let mut folder = Folder::new("between", &[("a.yaml", OTHER), ("z.yaml", TWO)]);
    fs::write(folder.path("z.yaml"), "{").unwrap();
    assert_eq!(folder.after(&["z.yaml"], &[]), ["a", "b", "c"]);
    for n in 0..80 {
        let file = format!("b{n:02}.yaml");
        let service = OTHER.replace("name: c", &format!("name: x{n:02}"));
        fs::write(folder.path(&file), service).unwrap();
        let names = folder.after(&[&file], &[]);
        assert_eq!(names[..3], ["a", "b", "c"], "{n}");
        assert_eq!(names.len(), 4 + n, "{n}");
        let unused = folder.inputs.unused().files;
        assert_eq!(unused.len(), 1, "{n}");
        assert!(unused[0].holds, "{n}");
    }
    fs::write(folder.path("z.yaml"), TWO.replace("name: b", "name: d")).unwrap();
    folder.after(&["z.yaml"], &[]);
    let names = folder.when_due();
    assert_eq!(names[..4], ["a", "c", "d", "x00"]);
    assert_eq!(folder.inputs.unused().files, []);
}

#[test]
fn a_file_that_stays_away_is_gone_after_a_moment() {
    let mut folder = Folder::new("gone", &[("a.yaml", TWO), ("c.yaml", OTHER)]);
    fs::remove_file(folder.path("a.yaml")).unwrap();
    let since = folder.now;
    assert_eq!(folder.after(&[], &["a.yaml"]), ["a", "b", "c"]);
    assert_eq!(folder.when_due(), ["c"]);
    assert_eq!(folder.now - since, DOUBT);
    assert_eq!(folder.inputs.next_look(), None);
}

#[test]
fn a_successor_that_is_being_written_is_waited_for() {
    let mut folder = Folder::new("slow", &[("a.yaml", TWO), ("c.yaml", OTHER)]);
    fs::remove_file(folder.path("a.yaml")).unwrap();
    assert_eq!(folder.after(&[], &["a.yaml"]), ["a", "b", "c"]);
    fs::write(folder.path("a.yaml"), "").unwrap();
    assert_eq!(folder.when_due(), ["a", "b", "c"], "nobody closed it yet");
    assert_eq!(folder.when_due(), ["a", "b", "c"]);
    fs::write(folder.path("a.yaml"), OTHER.replace("name: c", "name: d")).unwrap();
    assert_eq!(folder.after(&["a.yaml"], &[]), ["a", "b", "c"], "in doubt");
    assert_eq!(folder.when_due(), ["c", "d"], "what it says counts");
    assert_eq!(folder.inputs.next_look(), None);
}

#[test]
fn other_files_that_go_put_off_what_is_believed_but_not_for_ever() {
    let files: Vec<String> = (0..100).map(|n| format!("x{n}.yaml")).collect();
    let service = |n: usize| OTHER.replace("name: c", &format!("name: x{n}"));
    let mut folder = Folder::new("many", &[("a.yaml", TWO)]);
    for (n, file) in files.iter().enumerate() {
        fs::write(folder.path(file), service(n)).unwrap();
        folder.after(&[file], &[]);
    }
    fs::remove_file(folder.path("a.yaml")).unwrap();
    let since = folder.now;
    folder.after(&[], &["a.yaml"]);
    for file in &files {
        folder.now += DOUBT / 2;
        fs::remove_file(folder.path(file)).unwrap();
        let names = folder.after(&[], &[file]);
        let is_there = names.contains(&"a".to_owned());
        assert_eq!(is_there, folder.now - since < DOUBT_MAX);
    }
}

fn service(name: &str) -> String {
    OTHER.replace("name: c", &format!("name: {name}"))
}

/// Neither is the object missed, nor told to be there twice, whichever file is saved first.
#[test]
fn an_object_that_moves_between_files_that_stay_is_there_once() {
    let only_a = service("a");
    let both = format!("{OTHER}---\n{}", service("b"));
    let mut folder = Folder::new("between-two", &[("a.yaml", TWO), ("c.yaml", OTHER)]);
    fs::write(folder.path("a.yaml"), &only_a).unwrap();
    assert_eq!(folder.after(&["a.yaml"], &[]), ["a", "b", "c"], "in doubt");
    fs::write(folder.path("c.yaml"), &both).unwrap();
    assert_eq!(folder.after(&["c.yaml"], &[]), ["a", "b", "c"]);
    assert_eq!((folder.told(), folder.inputs.next_look()), (vec![], None));
    // Back again, the other way round: for a moment it stands in both, which is what is told then.
    fs::write(folder.path("a.yaml"), TWO).unwrap();
    assert_eq!(folder.after(&["a.yaml"], &[]), ["a", "b", "c"]);
    assert_eq!(folder.told(), ["PW0007"]);
    fs::write(folder.path("c.yaml"), OTHER).unwrap();
    assert_eq!(folder.after(&["c.yaml"], &[]), ["a", "b", "c"]);
    assert_eq!((folder.told(), folder.inputs.next_look()), (vec![], None));
}

#[test]
fn files_that_exchange_objects_are_believed_together() {
    let [a, b] = ["a", "b"].map(service);
    let mut folder = Folder::new("exchange", &[("1.yaml", &a), ("2.yaml", &b)]);
    fs::write(folder.path("1.yaml"), &b).unwrap();
    // It stands in both now, and what the first lacks may be on its way.
    assert_eq!(folder.after(&["1.yaml"], &[]), ["a", "b"]);
    assert_eq!(folder.told(), Vec::<String>::new());
    fs::write(folder.path("2.yaml"), &a).unwrap();
    assert_eq!(folder.after(&["2.yaml"], &[]), ["a", "b"]);
    assert_eq!((folder.told(), folder.inputs.next_look()), (vec![], None));
    let key = folder.objects.services.keys().next().unwrap();
    let origin = folder.objects.origin(key).unwrap().source.clone();
    assert!(origin.unwrap().ends_with("2.yaml"));
}

/// A removal waits while somebody writes what may bring the objects, but not for a log beside it that
/// is written all day.
#[test]
fn objects_that_are_being_written_to_another_file_are_not_missed() {
    let mut folder = Folder::new("written", &[("a.yaml", TWO), ("c.yaml", OTHER)]);
    fs::remove_file(folder.path("a.yaml")).unwrap();
    fs::write(folder.path("z.yaml"), &TWO[..60]).unwrap();
    let since = folder.now;
    assert_eq!(
        folder.while_written(&["z.yaml"], &["a.yaml"]),
        ["a", "b", "c"]
    );
    while folder.now - since < DOUBT_MAX * 2 {
        assert_eq!(folder.when_due(), ["a", "b", "c"]);
    }
    fs::write(folder.path("z.yaml"), TWO).unwrap();
    assert_eq!(folder.after(&["z.yaml"], &[]), ["a", "b", "c"]);
    assert_eq!(folder.inputs.next_look(), None);

    fs::remove_file(folder.path("z.yaml")).unwrap();
    let since = folder.now;
    assert_eq!(
        folder.while_written(&["day.log"], &["z.yaml"]),
        ["a", "b", "c"]
    );
    assert_eq!(folder.when_due(), ["c"]);
    assert_eq!(folder.now - since, DOUBT);

    fs::write(folder.path("z.yaml"), TWO).unwrap();
    folder.after(&["z.yaml"], &[]);
    fs::remove_file(folder.path("z.yaml")).unwrap();
    let since = folder.now;
    folder.while_written(&["forever.yaml"], &["z.yaml"]);
    while folder.when_due() != ["c"] {}
    assert_eq!(folder.now - since, DOUBT_WHILE_WRITTEN_MAX);
}

/// The same for an object that leaves a file which stays.
#[test]
fn an_object_that_is_being_written_to_another_file_is_not_missed() {
    let mut folder = Folder::new("written-one", &[("a.yaml", TWO)]);
    fs::write(folder.path("a.yaml"), service("a")).unwrap();
    fs::write(folder.path("z.yaml"), &service("b")[..30]).unwrap();
    assert_eq!(folder.while_written(&["z.yaml"], &["a.yaml"]), ["a", "b"]);
    let since = folder.now;
    while folder.now - since < DOUBT_MAX * 2 {
        assert_eq!(folder.when_due(), ["a", "b"]);
    }
    fs::write(folder.path("z.yaml"), service("b")).unwrap();
    assert_eq!(folder.after(&["z.yaml"], &[]), ["a", "b"]);
    assert_eq!((folder.told(), folder.inputs.next_look()), (vec![], None));
}

/// Whoever wants all to be read again wants what is new there, and no halves of files: what one lacks
/// that somebody writes is missed when it is closed, or when that is asked for again a while later.
#[test]
fn a_reload_reads_files_that_are_being_written_and_misses_nothing_in_them() {
    let mut folder = Folder::new("reload", &[("a.yaml", TWO)]);
    let more = format!("{TWO}---\n{}", service("c"));
    fs::write(folder.path("a.yaml"), more).unwrap();
    assert_eq!(folder.while_written(&["a.yaml"], &[]), ["a", "b"]);
    assert_eq!(folder.look(Some(&Dirty::everything())), ["a", "b", "c"]);
    assert_eq!(folder.inputs.next_look(), None);

    fs::write(folder.path("a.yaml"), service("a")).unwrap();
    assert_eq!(folder.look(Some(&Dirty::everything())), ["a", "b", "c"]);
    let since = folder.now;
    while folder.now - since < DOUBT_WHILE_WRITTEN_MAX * 2 {
        assert_eq!(folder.when_due(), ["a", "b", "c"]);
    }
    assert_eq!(folder.look(Some(&Dirty::everything())), ["a"]);

    fs::write(folder.path("a.yaml"), "").unwrap();
    assert_eq!(folder.look(Some(&Dirty::everything())), ["a"]);
    fs::write(folder.path("a.yaml"), TWO).unwrap();
    assert_eq!(folder.after(&["a.yaml"], &[]), ["a", "b"]);
}

/// The look that time brings does not make a file whole that somebody writes.
#[test]
fn a_file_in_doubt_that_is_written_again_is_not_read_before_it_is_closed() {
    let mut folder = Folder::new("half", &[("a.yaml", TWO)]);
    fs::write(folder.path("a.yaml"), service("a")).unwrap();
    assert_eq!(folder.after(&["a.yaml"], &[]), ["a", "b"], "in doubt");
    fs::write(folder.path("a.yaml"), "").unwrap();
    assert_eq!(folder.while_written(&["a.yaml"], &[]), ["a", "b"]);
    assert_eq!(folder.when_due(), ["a", "b"]);
    fs::write(folder.path("a.yaml"), TWO).unwrap();
    assert_eq!(folder.after(&["a.yaml"], &[]), ["a", "b"]);
    assert_eq!(folder.inputs.next_look(), None);
}

#[test]
fn a_file_that_comes_back_broken_keeps_what_it_held() {
    let mut folder = Folder::new("back", &[("a.yaml", TWO), ("c.yaml", OTHER)]);
    fs::remove_file(folder.path("a.yaml")).unwrap();
    assert_eq!(folder.after(&[], &["a.yaml"]), ["a", "b", "c"]);
    fs::write(folder.path("a.yaml"), TWO.replacen("port: 1", "port: 0", 1)).unwrap();
    assert_eq!(folder.after(&["a.yaml"], &[]), ["a", "b", "c"]);
    assert_eq!(folder.inputs.next_look(), None);
    assert!(folder.inputs.unused().files[0].holds);
}

/// What is saved again and again, and opened again whenever it is looked at, is believed in the end.
#[test]
fn a_file_that_is_written_without_end_is_believed_in_the_end() {
    let mut folder = Folder::new("endless", &[("a.yaml", TWO)]);
    let since = folder.now;
    for n in 0.. {
        fs::write(folder.path("a.yaml"), service(&format!("a{n}"))).unwrap();
        let names = folder.after(&["a.yaml"], &[]);
        if names != ["a", "b"] {
            break;
        }
        folder.while_written(&["a.yaml"], &[]);
        folder.when_due();
        assert!(folder.now - since <= DOUBT_WHILE_WRITTEN_MAX);
    }
    assert!(folder.now - since >= DOUBT_MAX);
}

/// Nothing is waited for then: that it is something else, or can be read, is heard, or tried anyway.
#[test]
fn a_file_that_comes_back_as_what_cannot_be_used_keeps_what_it_held() {
    let mut folder = Folder::new("useless", &[("a.yaml", TWO), ("c.yaml", OTHER)]);
    fs::remove_file(folder.path("a.yaml")).unwrap();
    assert_eq!(folder.after(&[], &["a.yaml"]), ["a", "b", "c"]);
    fs::write(folder.path("a.yaml"), [0xff]).unwrap();
    assert_eq!(folder.after(&["a.yaml"], &[]), ["a", "b", "c"]);
    assert_eq!(folder.inputs.next_look(), None);
    assert!(folder.inputs.is_sure() && folder.inputs.unused().files[0].holds);

    fs::remove_file(folder.path("a.yaml")).unwrap();
    assert_eq!(folder.after(&[], &["a.yaml"]), ["a", "b", "c"]);
    symlink("a.yaml", folder.path("a.yaml")).unwrap();
    let since = folder.now;
    assert_eq!(folder.after(&[], &["a.yaml"]), ["a", "b", "c"]);
    assert_eq!(folder.when_due(), ["a", "b", "c"]);
    let retry = Some(since + UNREAD_INTERVAL);
    assert_eq!(folder.inputs.next_look(), retry);
    assert!(folder.inputs.is_sure());
    fs::remove_file(folder.path("a.yaml")).unwrap();
    folder.after(&[], &["a.yaml"]);
    while folder.when_due() != ["c"] {}
    assert_eq!(folder.inputs.next_look(), None);
    assert!(folder.inputs.is_sure());
}

/// It is read for itself, and seen again in a look at where all paths lead.
#[test]
fn what_cannot_be_read_is_told_once() {
    let mut folder = Folder::new("once", &[("a.yaml", TWO)]);
    symlink("self.yaml", folder.path("self.yaml")).unwrap();
    folder.after(&[], &["self.yaml"]);
    assert_eq!(folder.inputs.unused().unread.len(), 1);
}
