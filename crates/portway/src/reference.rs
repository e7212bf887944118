//! Pages of `docs/reference` that tests write and hold current.
#![cfg(test)]

use std::fs;
use std::path::Path;

/// Compares a page with its file; with `PORTWAY_BLESS=1` the file is written.
pub(crate) fn check(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let path = path.join(name);
    if std::env::var("PORTWAY_BLESS").is_ok_and(|value| value == "1") {
        fs::write(&path, page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/reference/{name} is stale: PORTWAY_BLESS=1 rewrites it"
    );
}
