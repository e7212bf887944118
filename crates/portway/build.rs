//! Puts the commit into the binary, for `portway --version`.
//!
//! In: the checkout this crate is part of, if it is one. Out: `PORTWAY_COMMIT`, `unknown` outside
//! a checkout. Never: failure; a source archive must build without git.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let commit = commit().unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=PORTWAY_COMMIT={commit}");
}

/// The commit, if this very file is tracked: the crate may also lie, as an archive, in somebody
/// else's checkout. What moves when the commit does is watched.
fn commit() -> Option<String> {
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let branch = git(&["rev-parse", "--symbolic-full-name", "HEAD"]).unwrap_or_default();
    for moving in ["HEAD", "packed-refs", &branch] {
        watch(moving);
    }
    Some(commit)
}

/// Watches a file of git's; one that does not exist would make every build a new one.
fn watch(name: &str) {
    let path = git(&["rev-parse", "--path-format=absolute", "--git-path", name]);
    if let Some(path) = path.filter(|path| Path::new(path).is_file()) {
        println!("cargo::rerun-if-changed={path}");
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
