//! What of a directory is read, in which order, and what is refused.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};

use super::read;

/// A directory of its own for a test; it is removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portway-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(text).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Reads `paths` below `dir` and shows what came, a text a line.
fn check(dir: &Dir, paths: &[&str], want: &Expect) {
    let full = |path: &&str| match *path {
        "-" => PathBuf::from("-"),
        path => dir.0.join(path),
    };
    let paths: Vec<PathBuf> = paths.iter().map(full).collect();
    let shown = match read(&paths, &mut &b"from stdin"[..]) {
        Ok(sources) => {
            let texts = sources.texts.iter();
            let texts = texts.map(|it| format!("{}: {}\n", it.name, it.text));
            let binary = sources.binary.iter();
            let binary = binary.map(|it| format!("{}:{}:{} binary\n", it.name, it.line, it.column));
            let unread = sources
                .unread
                .iter()
                .map(|error| format!("unread: {error}\n"));
            texts.chain(binary).chain(unread).collect()
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|it| format!(": {it}"));
            format!("{error}{}\n", cause.unwrap_or_default())
        }
    };
    want.assert_eq(&shown.replace(&format!("{}", dir.0.display()), "DIR"));
}

#[test]
fn directories_are_read_in_order_of_bytes_without_dot_names() {
    let dir = Dir::new("order");
    for name in [
        "b.yaml",
        "a/z.yml",
        "a.yaml",
        "B.json",
        "a/.hidden.yaml",
        ".git/c.yaml",
        "n.txt",
    ] {
        dir.file(name, name.as_bytes());
    }
    check(
        &dir,
        &["."],
        &expect![[r#"
            DIR/./B.json: B.json
            DIR/./a.yaml: a.yaml
            DIR/./a/z.yml: a/z.yml
            DIR/./b.yaml: b.yaml
        "#]],
    );
    check(
        &dir,
        &["b.yaml", "-", "a", "n.txt"],
        &expect![[r#"
            DIR/b.yaml: b.yaml
            <stdin>: from stdin
            DIR/a/z.yml: a/z.yml
            DIR/n.txt: n.txt
        "#]],
    );
}

#[test]
fn one_file_by_two_paths_has_one_name() {
    let dir = Dir::new("two-paths");
    dir.file("a.yaml", b"a");
    dir.file("b/b.yaml", b"b");
    check(
        &dir,
        &["a.yaml", "b/../a.yaml", "./b", "b/b.yaml"],
        &expect![[r#"
            DIR/a.yaml: a
            DIR/a.yaml: a
            DIR/./b/b.yaml: b
            DIR/./b/b.yaml: b
        "#]],
    );
}

/// As a ConfigMap is mounted: `x.yaml → ..data/x.yaml`, `..data → ..2026`.
#[test]
fn a_mounted_config_map_shows_each_file_once() {
    let dir = Dir::new("configmap");
    dir.file("..2026/x.yaml", b"x");
    symlink("..2026", dir.0.join("..data")).unwrap();
    symlink("..data/x.yaml", dir.0.join("x.yaml")).unwrap();
    check(&dir, &["."], &expect![["DIR/./x.yaml: x\n"]]);
}

#[test]
fn links_to_directories_are_followed_only_when_given() {
    let dir = Dir::new("loop");
    dir.file("real/x.yaml", b"x");
    symlink("..", dir.0.join("real/up.yaml")).unwrap();
    symlink("real", dir.0.join("link")).unwrap();
    check(&dir, &["."], &expect![["DIR/./real/x.yaml: x\n"]]);
    check(&dir, &["link"], &expect![["DIR/link/x.yaml: x\n"]]);
}

#[test]
fn what_cannot_be_read_is_said() {
    let dir = Dir::new("errors");
    dir.file("empty/readme.md", b"");
    dir.file("good/a.yaml", b"a");
    symlink("nowhere", dir.0.join("good/dangling.yaml")).unwrap();
    dir.file("bad/none.txt", b"");
    symlink("nowhere", dir.0.join("bad/dangling.yaml")).unwrap();
    check(
        &dir,
        &["missing.yaml"],
        &expect![["read DIR/missing.yaml: No such file or directory (os error 2)\n"]],
    );
    check(
        &dir,
        &["good"],
        &expect![[r#"
        DIR/good/a.yaml: a
        unread: read DIR/good/dangling.yaml
    "#]],
    );
    check(
        &dir,
        &["good/dangling.yaml"],
        &expect![[r#"
        read DIR/good/dangling.yaml: No such file or directory (os error 2)
    "#]],
    );
    check(
        &dir,
        &["bad"],
        &expect![[r#"
            read DIR/bad: nothing in it can be: read DIR/bad/dangling.yaml
        "#]],
    );
    check(
        &dir,
        &["empty"],
        &expect![["DIR/empty holds no *.yaml, *.yml or *.json file\n"]],
    );
    check(
        &dir,
        &["-", "-"],
        &expect![["`-` (standard input) can be given only once\n"]],
    );
}

#[test]
fn a_file_that_is_no_text_is_named_with_its_place() {
    let dir = Dir::new("binary");
    dir.file("a.yaml", "kind: X\nü: \u{fc}".as_bytes());
    dir.file("b.yaml", b"kind: X\n\xc3\xbc: \xff\n");
    check(
        &dir,
        &["."],
        &expect![[r#"
            DIR/./a.yaml: kind: X
            ü: ü
            DIR/./b.yaml:2:4 binary
        "#]],
    );
}

#[test]
fn input_is_bounded() {
    let dir = Dir::new("large");
    let big = vec![b' '; portway_control::limits::INPUT_BYTES_MAX / 2 + 1];
    dir.file("a.yaml", &big);
    dir.file("b.yaml", &big);
    check(
        &dir,
        &["."],
        &expect![["the input is larger than 64 MiB, at DIR/./b.yaml\n"]],
    );
    let deep = "d/".repeat(40) + "x.yaml";
    dir.file(&deep, b"");
    assert!(read(&[dir.0.join("d")], &mut &b""[..]).is_err());
    assert!(Path::new(&dir.0).is_dir());
}
