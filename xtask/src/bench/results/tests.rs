//! What `results` promises.

use std::path::PathBuf;

use super::{Lines, Results, commit_in, create, newest};

#[test]
fn the_commit_is_what_the_binary_says() {
    let told = [
        "portway 0.1.0 (commit b88d59ca2e62)\n",
        "portway 0.1.0 (commit b88d59ca2e62-dirty)\n",
        "portway 0.1.0\n",
    ];
    let commits = told.map(|it| commit_in(it).unwrap_or_default());
    assert_eq!(commits, ["b88d59ca2e62", "b88d59ca2e62-dirty", ""]);
}

#[test]
fn a_second_run_of_a_day_leaves_the_first_as_it_is() {
    let dir = std::env::temp_dir().join(format!("portway-bench-{}", std::process::id()));
    let aside = || Results::begin("full", Some(&dir), "c0ffee").unwrap().path;
    assert_eq!(aside(), aside());
    let next = || create(&dir, "full", "jsonl").unwrap().1;
    assert_eq!(next(), dir.join("full.2.jsonl"));
    assert_eq!(next(), dir.join("full.3.jsonl"));
    let first = std::fs::read_to_string(aside()).unwrap();
    assert!(first.contains("c0ffee"));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn the_newest_is_the_last_of_the_last_day() {
    let files = [
        "r/2026-11-25/full.3.jsonl",
        "r/2026-11-26/full.jsonl",
        "r/2026-11-26/full.10.jsonl",
        "r/2026-11-26/full.9.jsonl",
        "r/2026-11-26/fuller.jsonl",
        "r/2026-11-27/tables.jsonl",
    ];
    let newest = |name| newest(files.iter().map(PathBuf::from), name);
    let full = newest("full").unwrap();
    assert_eq!(full, PathBuf::from("r/2026-11-26/full.10.jsonl"));
    assert_eq!(newest("quick"), None);
}

#[test]
fn a_run_that_was_cut_short_is_not_whole() {
    let is_whole = |text| Lines::parse(text).unwrap().is_whole();
    assert!(!is_whole("{\"kind\":\"run\"}\n{\"kind\":\"sample\"}\n"));
    assert!(is_whole("{\"kind\":\"run\"}\n{\"kind\":\"end\"}\n"));
}
