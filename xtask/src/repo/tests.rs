//! Which binaries are refused, and with what words.

use std::path::Path;

use super::{portway, root};

#[track_caller]
fn check(path: &str, why: &str) {
    let refusal = format!("{:#}", portway(Some(Path::new(path))).unwrap_err());
    assert!(
        refusal.starts_with(&format!("--portway {path}: ")),
        "{refusal}"
    );
    assert!(refusal.contains(why), "{refusal}");
}

#[test]
fn what_is_not_portway_is_named_and_refused() {
    check("/nonexistent", "No such file");
    check("/", "not a file");
    check("/bin/echo", "not Portway");
    let text = root().join("README.md");
    check(text.to_str().unwrap(), "ask its version: Permission denied");
}
