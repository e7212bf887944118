//! What is read again after what happened to files, heard of as it really happens.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, mkfifoat};

use super::{Refresh, Tracked};
use crate::source_files::Text;
use crate::watch::{Dirty, Watch};

/// Longest wait for news: a machine may be slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// A file that tells that everything before it was heard of; last in order.
const END: &str = "given/zz-end.yaml";

/// A directory with files that are followed.
struct Stage {
    dir: PathBuf,
    tracked: Tracked,
    news: Receiver<Dirty>,
    n_acts: u32,
}

impl Stage {
    /// `given` are the paths of `-f`, below the directory that `prepare` fills.
    fn new(name: &str, given: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let dir = std::env::temp_dir().join(format!("portway-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir(dir.join("given")).unwrap();
        fs::write(dir.join(END), "").unwrap();
        prepare(&dir);
        let paths = given.iter().map(|it| dir.join(it)).collect();
        let (mut tracked, _) = Tracked::open(paths, &mut std::io::empty()).unwrap();
        let (sender, news) = mpsc::channel();
        let tell = move |dirty| {
            let _ = sender.send(dirty);
            ControlFlow::Continue(())
        };
        let changed = tracked.follow(Watch::start(tell).unwrap());
        assert!(changed.texts.is_empty() && changed.errors.is_empty());
        Self {
            dir,
            tracked,
            news,
            n_acts: 0,
        }
    }

    /// Does something to the files, then writes one more, and gives all that was read until that one
    /// was.
    fn after(&mut self, act: impl FnOnce(&Path)) -> String {
        act(&self.dir);
        self.n_acts += 1;
        let end = format!("end {}", self.n_acts);
        fs::write(self.dir.join(END), &end).unwrap();
        let mut told = Vec::new();
        while !told.contains(&end) {
            let dirty = self.news.recv_timeout(PATIENCE).unwrap();
            told.extend(show(&self.tracked.refresh(&dirty)));
        }
        told.retain(|it| *it != end);
        // Gathered in more than one go, the same may be read more than once.
        told.dedup();
        told.join(", ")
    }
}

impl Stage {
    /// The first that is read.
    fn until_told(&mut self) -> Vec<String> {
        loop {
            let dirty = self.news.recv_timeout(PATIENCE).unwrap();
            let told = show(&self.tracked.refresh(&dirty));
            if !told.is_empty() {
                return told;
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Texts, `gone`, or what went wrong.
fn show(refresh: &Refresh) -> Vec<String> {
    let texts = refresh.texts.values().map(|text| match text {
        Some(Text::Is(source)) => source.text.to_string(),
        Some(Text::Not(_)) => "binary".to_owned(),
        None => "gone".to_owned(),
    });
    let errors = refresh.errors.iter().map(|_| "unreadable".to_owned());
    texts.chain(errors).collect()
}

fn write(path: PathBuf, text: &str) {
    fs::write(path, text).unwrap();
}

#[test]
fn a_file_is_read_when_it_was_written_and_closed() {
    let mut stage = Stage::new("written", &["given"], |dir| {
        write(dir.join("given/a.yaml"), "a");
        write(dir.join("given/b.yaml"), "b");
    });
    assert_eq!(
        stage.after(|dir| write(dir.join("given/a.yaml"), "a2")),
        "a2"
    );
    assert_eq!(
        stage.after(|dir| write(dir.join("given/new.yaml"), "new")),
        "new"
    );
    let half = |dir: &Path| {
        use std::io::Write;
        let mut file = fs::File::create(dir.join("given/b.yaml")).unwrap();
        file.write_all(b"half of it").unwrap();
        file
    };
    let mut open = None;
    assert_eq!(stage.after(|dir| open = Some(half(dir))), "");
    assert_eq!(stage.after(|_| drop(open)), "half of it");
}

#[test]
fn a_file_that_moves_is_read_where_it_is() {
    let mut stage = Stage::new("moved", &["given"], |dir| {
        write(dir.join("given/a.yaml"), "a");
        write(dir.join("outside.yaml"), "outside");
    });
    let rename = |from: &'static str, to: &'static str| {
        move |dir: &Path| fs::rename(dir.join(from), dir.join(to)).unwrap()
    };
    assert_eq!(
        stage.after(rename("given/a.yaml", "given/b.yaml")),
        "gone, a"
    );
    assert_eq!(
        stage.after(rename("outside.yaml", "given/b.yaml")),
        "outside"
    );
    assert_eq!(stage.after(rename("given/b.yaml", "given/b.yaml~")), "gone");
    assert_eq!(
        stage.after(rename("given/b.yaml~", "given/b.yaml")),
        "outside"
    );
    assert_eq!(stage.after(rename("given/b.yaml", "away.yaml")), "gone");
    assert_eq!(stage.after(|dir| write(dir.join("away.yaml"), "x")), "");
}

/// With `O_TMPFILE`, or when the other name is gone by the time one looks, nothing but the new name
/// is heard: nobody has it open, and nobody will close it.
#[test]
fn a_file_that_is_linked_into_place_is_read() {
    let mut stage = Stage::new("linked-in", &["given", "c/all.yaml"], |dir| {
        fs::create_dir(dir.join("c")).unwrap();
        write(dir.join("c/all.yaml"), "all");
    });
    let unnamed = |dir: &Path, text: &str| {
        use std::io::Write;
        let flags = OFlags::TMPFILE | OFlags::WRONLY;
        let file = rustix::fs::open(dir, flags, Mode::RUSR | Mode::WUSR).unwrap();
        let mut file = fs::File::from(file);
        file.write_all(text.as_bytes()).unwrap();
        file
    };
    let link = |file: &fs::File, to: &Path| {
        let from = format!("/proc/self/fd/{}", file.as_raw_fd());
        linkat(CWD, from, CWD, to, AtFlags::SYMLINK_FOLLOW).unwrap();
    };
    let file = unnamed(&stage.dir, "unnamed");
    link(&file, &stage.dir.join("given/a.yaml"));
    assert_eq!(stage.until_told(), ["unnamed"]);
    assert!(!stage.tracked.is_written());
    drop(file);
    assert_eq!(stage.after(|_| {}), "", "nobody wrote to it");

    let text = |stage: &Stage| stage.dir.join("c/all.yaml");
    let dir = stage.dir.clone();
    let told = stage.after(|dir| fs::remove_file(dir.join("c/all.yaml")).unwrap());
    assert!(told.contains("unreadable"), "{told}");
    link(&unnamed(&dir, "given"), &text(&stage));
    assert_eq!(stage.until_told(), ["given"]);

    write(dir.join("given/.b"), "b");
    fs::hard_link(dir.join("given/.b"), dir.join("given/b.yaml")).unwrap();
    fs::remove_file(dir.join("given/.b")).unwrap();
    assert_eq!(stage.until_told(), ["b"]);
    assert!(!stage.tracked.is_written());
}

#[test]
fn editors_files_are_nobodys_concern() {
    let mut stage = Stage::new("editors", &["given"], |dir| {
        write(dir.join("given/a.yaml"), "a");
    });
    let vim = |dir: &Path| {
        write(dir.join("given/.a.yaml.swp"), "swap");
        write(dir.join("given/4913"), "");
        fs::remove_file(dir.join("given/4913")).unwrap();
        fs::rename(dir.join("given/a.yaml"), dir.join("given/a.yaml~")).unwrap();
        write(dir.join("given/a.yaml"), "a2");
        fs::remove_file(dir.join("given/a.yaml~")).unwrap();
        fs::remove_file(dir.join("given/.a.yaml.swp")).unwrap();
    };
    let told = stage.after(vim);
    assert_eq!(told.replace("gone, ", ""), "a2", "{told}");
}

#[test]
fn a_mounted_configmap_is_swapped_as_a_whole() {
    let version = |dir: &Path, name: &str, text: &str| {
        fs::create_dir(dir.join("given").join(name)).unwrap();
        for file in ["a.yaml", "b.yaml"] {
            write(
                dir.join("given").join(name).join(file),
                &format!("{file} {text}"),
            );
        }
    };
    let mut stage = Stage::new("configmap", &["given"], |dir| {
        version(dir, "..one", "one");
        symlink("..one", dir.join("given/..data")).unwrap();
        symlink("..data/a.yaml", dir.join("given/a.yaml")).unwrap();
        symlink("..data/b.yaml", dir.join("given/b.yaml")).unwrap();
    });
    for (old, new) in [("..one", "two"), ("..two", "three")] {
        let told = stage.after(|dir| {
            let name = format!("..{new}");
            version(dir, &name, new);
            let given = dir.join("given");
            symlink(&name, given.join("..data_tmp")).unwrap();
            fs::rename(given.join("..data_tmp"), given.join("..data")).unwrap();
            fs::remove_dir_all(given.join(old)).unwrap();
        });
        // Gathered in more than one go, the same may be read more than once.
        let told: BTreeSet<&str> = told.split(", ").collect();
        let want = ["a.yaml", "b.yaml"].map(|file| format!("{file} {new}"));
        assert_eq!(told, want.iter().map(|it| &**it).collect());
    }
    let told = stage.after(|dir| write(dir.join("given/..three/a.yaml"), "in place"));
    assert_eq!(told, "in place");
    let told = stage.after(|dir| fs::remove_file(dir.join("given/..data")).unwrap());
    assert!(told.split(", ").all(|it| it == "unreadable"), "{told}");
}

/// A symlink in place of another, as a deployment does it.
fn swap(link: &Path, target: &str) {
    let beside = link.with_extension("new");
    symlink(target, &beside).unwrap();
    fs::rename(beside, link).unwrap();
}

fn releases(dir: &Path) {
    fs::create_dir(dir.join("far")).unwrap();
    for release in ["one", "two", "three"] {
        fs::create_dir_all(dir.join("releases").join(release)).unwrap();
        write(dir.join("releases").join(release).join("gw.yaml"), release);
    }
    symlink("../releases/one", dir.join("far/latest")).unwrap();
}

#[test]
fn a_symlink_above_a_given_file_is_swapped() {
    let mut stage = Stage::new("release", &["given", "way/current/gw.yaml"], |dir| {
        releases(dir);
        fs::create_dir(dir.join("way")).unwrap();
        symlink("../far/latest", dir.join("way/current")).unwrap();
    });
    // One that it leads to, then itself.
    let told = stage.after(|dir| swap(&dir.join("far/latest"), "../releases/two"));
    assert_eq!(told, "two");
    let told = stage.after(|dir| swap(&dir.join("way/current"), "../releases/three"));
    assert_eq!(told, "three");
    // What is in the directory it leads to by now is followed, too.
    let told = stage.after(|dir| write(dir.join("releases/three/gw.yaml"), "3"));
    assert_eq!(told, "3");
    let told = stage.after(|dir| fs::remove_file(dir.join("way/current")).unwrap());
    assert_eq!(told, "unreadable");
    let told = stage.after(|dir| symlink("../releases/one", dir.join("way/current")).unwrap());
    assert_eq!(told, "one");
}

/// A file of a directory is a symlink, on whose way another is swapped.
#[test]
fn a_symlink_on_the_way_of_a_symlink_is_swapped() {
    let mut stage = Stage::new("chain", &["given"], |dir| {
        releases(dir);
        symlink("../far/latest/gw.yaml", dir.join("given/gw.yaml")).unwrap();
    });
    let told = stage.after(|dir| swap(&dir.join("far/latest"), "../releases/two"));
    assert_eq!(told, "two");
}

/// The kernel follows them 40 times and no more, and here nobody follows them for ever.
#[test]
fn symlinks_in_a_circle_are_left() {
    let mut stage = Stage::new("circle", &["given"], |_| {});
    let told = stage.after(|dir| {
        symlink(".", dir.join("given/here")).unwrap();
        symlink("here/again.yaml", dir.join("given/again.yaml")).unwrap();
        symlink("one", dir.join("given/two")).unwrap();
        symlink("two", dir.join("given/one")).unwrap();
        symlink("one/a.yaml", dir.join("given/a.yaml")).unwrap();
        write(dir.join("given/b.yaml"), "b");
    });
    assert!(told.split(", ").any(|it| it == "b"), "{told}");
}

#[test]
fn directories_come_and_go() {
    let mut stage = Stage::new("directories", &["given"], |dir| {
        write(dir.join("given/a.yaml"), "a");
    });
    let told = stage.after(|dir| {
        fs::create_dir_all(dir.join("given/sub/deep")).unwrap();
        write(dir.join("given/sub/deep/c.yaml"), "c");
    });
    assert_eq!(told, "c");
    let told = stage.after(|dir| write(dir.join("given/sub/deep/c.yaml"), "c2"));
    assert_eq!(told, "c2");
    let told = stage.after(|dir| fs::rename(dir.join("given/sub"), dir.join("given/tub")).unwrap());
    assert_eq!(told, "gone, c2");
    let told = stage.after(|dir| write(dir.join("given/tub/deep/c.yaml"), "c3"));
    assert_eq!(told, "c3");
    let told = stage.after(|dir| fs::remove_dir_all(dir.join("given/tub")).unwrap());
    assert_eq!(told, "gone");
}

/// With no pause between the two, as a deployment does it: the name is there whenever one looks.
fn replace(dir: &Path, name: &str, files: &[(&str, &str)]) {
    let [new, old] = ["new", "old"].map(|it| dir.join(it));
    fs::create_dir(&new).unwrap();
    for (file, text) in files {
        write(new.join(file), text);
    }
    fs::rename(dir.join(name), &old).unwrap();
    fs::rename(&new, dir.join(name)).unwrap();
    fs::remove_dir_all(&old).unwrap();
}

#[test]
fn a_directory_that_another_replaces_is_followed_again() {
    let given = ["given", "only/all.yaml"];
    let mut stage = Stage::new("replaced", &given, |dir| {
        write(dir.join("given/a.yaml"), "a");
        fs::create_dir(dir.join("given/sub")).unwrap();
        write(dir.join("given/sub/b.yaml"), "b");
        fs::create_dir(dir.join("only")).unwrap();
        write(dir.join("only/all.yaml"), "all");
    });
    for n in 2..6 {
        for (directory, file) in [("given/sub", "b.yaml"), ("only", "all.yaml")] {
            let text = format!("{file} {n}");
            let told = stage.after(|dir| replace(dir, directory, &[(file, &text)]));
            assert!(told.contains(&text), "{told}");
            let path = Path::new(directory).join(file);
            let told = stage.after(|dir| write(dir.join(&path), "edited"));
            assert_eq!(told, "edited", "{path:?}");
        }
        let told = stage.after(|dir| {
            replace(dir, "given", &[("a.yaml", "a2"), ("zz-end.yaml", "")]);
            fs::create_dir(dir.join("given/sub")).unwrap();
            write(dir.join("given/sub/b.yaml"), "b2");
        });
        assert!(told.contains("a2") && told.contains("b2"), "{told}");
        let told = stage.after(|dir| write(dir.join("given/a.yaml"), "edited"));
        assert_eq!(told, "edited");
    }
}

/// Its inode may be the same, so that nothing but what is heard says that it is another.
#[test]
fn a_directory_that_is_removed_and_made_again_is_followed_again() {
    let mut stage = Stage::new("remade", &["given"], |dir| {
        fs::create_dir(dir.join("given/sub")).unwrap();
        write(dir.join("given/sub/a.yaml"), "a");
    });
    for n in 0..10 {
        let sub = stage.dir.join("given/sub");
        let text = format!("a{n}");
        let told = stage.after(|_| {
            fs::remove_dir_all(&sub).unwrap();
            fs::create_dir(&sub).unwrap();
            write(sub.join("a.yaml"), &text);
        });
        assert!(told.contains(&text), "{told}");
        let told = stage.after(|_| write(sub.join("a.yaml"), "edited"));
        assert_eq!(told, "edited");
    }
}

/// A bind mount is another name as well.
#[test]
fn a_given_file_that_is_edited_by_another_name_is_read() {
    let given = ["given", "one/all.yaml", "link.yaml"];
    let mut stage = Stage::new("named", &given, |dir| {
        for name in ["one", "two"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        write(dir.join("two/other.yaml"), "all");
        fs::hard_link(dir.join("two/other.yaml"), dir.join("one/all.yaml")).unwrap();
        symlink("one/all.yaml", dir.join("link.yaml")).unwrap();
    });
    for n in 0..3 {
        let edited = format!("edited {n}");
        let told = stage.after(|dir| write(dir.join("two/other.yaml"), &edited));
        assert_eq!(told, edited);
        // What replaces it is watched as well, and what it was no longer.
        let told = stage.after(|dir| {
            write(dir.join("two/new.yaml"), "new");
            fs::hard_link(dir.join("two/new.yaml"), dir.join("two/next.yaml")).unwrap();
            fs::rename(dir.join("two/new.yaml"), dir.join("one/all.yaml")).unwrap();
        });
        assert_eq!(told, "new");
        assert_eq!(
            stage.after(|dir| write(dir.join("two/other.yaml"), "old")),
            ""
        );
        stage.after(|dir| {
            fs::rename(dir.join("two/next.yaml"), dir.join("two/other.yaml")).unwrap()
        });
    }
}

#[test]
fn a_reload_watches_all_anew() {
    let mut stage = Stage::new("reloaded", &["given"], |dir| {
        write(dir.join("given/a.yaml"), "a");
    });
    // As if what happened had not been heard of.
    replace(
        &stage.dir,
        "given",
        &[("a.yaml", "a2"), ("zz-end.yaml", "")],
    );
    let given = fs::canonicalize(stage.dir.join("given")).unwrap();
    while !(stage.news.recv_timeout(PATIENCE).unwrap().moved).contains(&given) {}
    let told = show(&stage.tracked.refresh(&Dirty::everything()));
    assert!(told.contains(&"a2".to_owned()), "{told:?}");
    let told = stage.after(|dir| write(dir.join("given/a.yaml"), "edited"));
    assert!(told.contains("edited"), "{told}");
}

#[test]
fn a_given_path_that_is_gone_keeps_what_it_had_until_it_is_back() {
    let mut stage = Stage::new("given", &["given", "one.yaml", "conf"], |dir| {
        write(dir.join("one.yaml"), "one");
        fs::create_dir(dir.join("v1")).unwrap();
        write(dir.join("v1/x.yaml"), "x1");
        symlink("v1", dir.join("conf")).unwrap();
    });
    let told = stage.after(|dir| fs::remove_file(dir.join("one.yaml")).unwrap());
    assert!(
        !told.contains("gone") && told.contains("unreadable"),
        "{told}"
    );
    let told = stage.after(|dir| write(dir.join("one.yaml"), "one again"));
    assert_eq!(told, "one again");
    let told = stage.after(|dir| {
        fs::create_dir(dir.join("v2")).unwrap();
        write(dir.join("v2/x.yaml"), "x2");
        symlink("v2", dir.join("tmp")).unwrap();
        fs::rename(dir.join("tmp"), dir.join("conf")).unwrap();
    });
    assert_eq!(told, "x2");
    let told = stage.after(|dir| write(dir.join("v2/x.yaml"), "x3"));
    assert_eq!(told, "x3");
    let told = stage.after(|dir| fs::remove_file(dir.join("v2/x.yaml")).unwrap());
    assert!(
        !told.contains("gone, ") || told.contains("unreadable"),
        "{told}"
    );
}

#[test]
fn a_file_that_is_opened_again_is_told_before_it_is_closed() {
    let mut stage = Stage::new("again", &["given"], |dir| {
        write(dir.join("given/a.yaml"), "a");
    });
    let file = fs::File::create(stage.dir.join("given/a.yaml")).unwrap();
    let dirty = stage.news.recv_timeout(PATIENCE).unwrap();
    assert!(dirty.is_of_writing_alone());
    assert_eq!(show(&stage.tracked.refresh(&dirty)), [""; 0]);
    assert!(stage.tracked.is_written());
    drop(file);
    let dirty = stage.news.recv_timeout(PATIENCE).unwrap();
    assert_eq!(show(&stage.tracked.refresh(&dirty)), [""]);
    assert!(!stage.tracked.is_written());
}

#[test]
fn what_a_symlink_leads_to_is_not_read_while_it_is_written() {
    let mut stage = Stage::new("linked", &["given"], |dir| {
        fs::create_dir(dir.join("real")).unwrap();
        write(dir.join("real/x.yaml"), "x");
        symlink("../real/x.yaml", dir.join("given/a.yaml")).unwrap();
    });
    let file = fs::File::create(stage.dir.join("real/x.yaml")).unwrap();
    let dirty = stage.news.recv_timeout(PATIENCE).unwrap();
    assert!(dirty.is_of_writing_alone());
    stage.tracked.refresh(&dirty);
    assert!(stage.tracked.is_written());
    let moved = Dirty {
        moved: BTreeSet::from([stage.dir.join("given/sub")]),
        ..Dirty::default()
    };
    fs::create_dir(stage.dir.join("given/sub")).unwrap();
    assert_eq!(show(&stage.tracked.refresh(&moved)), [""; 0]);
    drop(file);
}

#[test]
fn what_cannot_be_read_counts_until_it_can() {
    let mut stage = Stage::new("unreadable", &["given"], |_| {});
    let told = stage.after(|dir| symlink("nowhere", dir.join("given/a.yaml")).unwrap());
    assert!(told.contains("unreadable"), "{told}");
    let told = stage.after(|dir| write(dir.join("given/b.yaml"), "b"));
    assert_eq!(told, "b");
    assert!(stage.tracked.has_unread());
    stage.after(|dir| fs::remove_file(dir.join("given/a.yaml")).unwrap());
    assert!(!stage.tracked.has_unread());
}

#[test]
fn what_cannot_be_read_is_tried_again_though_nothing_is_heard() {
    let mut stage = Stage::new("retried", &["given"], |dir| {
        fs::create_dir(dir.join("elsewhere")).unwrap();
    });
    stage.after(|dir| symlink("../elsewhere/x", dir.join("given/a.yaml")).unwrap());
    let mut refresh = Refresh::default();
    stage.tracked.retry_unread(&mut refresh);
    assert_eq!(show(&refresh), [""; 0]);
    write(stage.dir.join("elsewhere/x"), "x");
    stage.tracked.retry_unread(&mut refresh);
    assert_eq!(show(&refresh), ["x"]);
    assert!(!stage.tracked.has_unread());
}

/// The directory itself can be looked into at any time, which changes nothing.
#[test]
fn a_directory_with_nothing_that_can_be_read_is_not_walked_for_nothing() {
    let mut stage = Stage::new("dangling", &["given", "only"], |dir| {
        fs::create_dir(dir.join("only")).unwrap();
        fs::create_dir(dir.join("elsewhere")).unwrap();
        write(dir.join("only/a.yaml"), "a");
    });
    let told = stage.after(|dir| {
        symlink("../elsewhere/x", dir.join("only/b")).unwrap();
        fs::rename(dir.join("only/b"), dir.join("only/a.yaml")).unwrap();
    });
    assert!(told.contains("unreadable"), "{told}");
    let mut refresh = Refresh::default();
    stage.tracked.retry_unread(&mut refresh);
    assert!(!refresh.is_of_all);
    write(stage.dir.join("elsewhere/x"), "x");
    stage.tracked.retry_unread(&mut refresh);
    assert_eq!(show(&refresh), ["x"]);
    assert!(!stage.tracked.has_unread());
}

#[test]
fn a_pipe_is_read_once_and_nothing_waits_for_a_second_one() {
    let mut stage = Stage::new("pipe", &["given", "pipe"], |dir| {
        let pipe = dir.join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        thread::spawn(move || fs::write(pipe, "from a pipe").unwrap());
    });
    let refresh = stage.tracked.refresh(&Dirty::everything());
    assert_eq!(show(&refresh), [""]);
    // A file that becomes a pipe keeps what it had.
    let told = stage.after(|dir| write(dir.join("given/a.yaml"), "a"));
    assert_eq!(told, "a");
    let path = stage.dir.join("given/a.yaml");
    fs::remove_file(&path).unwrap();
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
    let refresh = stage.tracked.refresh(&Dirty::everything());
    assert!(!show(&refresh).contains(&"a".to_owned()));
}

#[test]
fn everything_is_read_when_that_is_asked_for() {
    let mut stage = Stage::new("everything", &["given"], |dir| {
        write(dir.join("given/a.yaml"), "a");
    });
    let refresh = stage.tracked.refresh(&Dirty::everything());
    assert_eq!(show(&refresh), ["a", ""]);
}

/// Its end may never be heard: a writer holds it open for ever, or it was changed by name alone
/// (`truncate(2)`).
#[test]
fn everything_is_also_what_somebody_writes() {
    let mut stage = Stage::new("held", &["given"], |dir| {
        write(dir.join("given/a.yaml"), "a");
    });
    let mut held = fs::File::create(stage.dir.join("given/a.yaml")).unwrap();
    held.write_all(b"held").unwrap();
    while !stage.tracked.is_written() {
        let dirty = stage.news.recv_timeout(PATIENCE).unwrap();
        assert_eq!(show(&stage.tracked.refresh(&dirty)), [""; 0]);
    }
    let refresh = stage.tracked.refresh(&Dirty::everything());
    assert_eq!(show(&refresh), ["held", ""]);
    assert!(stage.tracked.is_written(), "once more when it is closed");
    held.write_all(b" longer").unwrap();
    drop(held);
    assert_eq!(stage.until_told(), ["held longer"]);
}

/// However often files come between two others, ranks keep their order.
#[test]
fn ranks_stay_in_order_however_many_files_come_between() {
    let mut stage = Stage::new("ranks", &["given"], |dir| {
        write(dir.join("given/a.yaml"), "a");
    });
    let mut name = "b".to_owned();
    for _ in 0..60 {
        name.insert(0, 'a');
        let file = format!("given/{name}.yaml");
        stage.after(|dir| write(dir.join(file), "x"));
        let ranks: Vec<_> = stage.tracked.files.values().map(|it| it.rank).collect();
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
    }
}

/// The middle between two is one and the same: so the next in it has the rank of who was there.
#[test]
fn a_file_whose_rank_another_has_is_not_remembered() {
    let mut stage = Stage::new("left", &["given"], |dir| {
        for name in ["a", "b"] {
            write(dir.join(format!("given/{name}.yaml")), name);
        }
    });
    let rank = |stage: &Stage, nth| stage.tracked.files.values().nth(nth).unwrap().rank;
    let before = rank(&stage, 1);
    stage.after(|dir| fs::remove_file(dir.join("given/b.yaml")).unwrap());
    assert!(!stage.tracked.left.is_empty());
    stage.after(|dir| write(dir.join("given/c.yaml"), "c"));
    assert_eq!(rank(&stage, 1), before);
    assert!(stage.tracked.left.is_empty());
}
