//! Which text of a file counts while it is being written.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use portway_control::snapshot::Objects;

use super::Inputs;
use crate::limits::{DOUBT, DOUBT_MAX};
use crate::watch::Dirty;

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
        self.look(&dirty)
    }

    /// The same at a time when nothing has happened, if a look is due then.
    fn when_due(&mut self) -> Vec<String> {
        self.now = self.inputs.next_look().unwrap();
        self.look(&Dirty::default())
    }

    fn look(&mut self, dirty: &Dirty) -> Vec<String> {
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

#[test]
fn what_a_file_lacks_twice_is_gone() {
    let mut stage = Stage::new("lacks");
    assert_eq!(stage.after_write(OTHER), ["a", "b"]);
    // Nothing new is heard in the meantime, and it is too early.
    assert_eq!(stage.look(&Dirty::default()), ["a", "b"]);
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
