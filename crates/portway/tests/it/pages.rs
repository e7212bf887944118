//! `portway completions` and `portway man`: made from the flags, so they must name them.

use std::fs;

use crate::files::Dir;
use crate::portway::run;

#[test]
fn every_shell_gets_completions_that_know_the_verbs() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = run(&["completions", shell]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        for word in ["explain", "drain-timeout"] {
            assert!(ended.stdout.contains(word), "{shell} misses {word}");
        }
    }
}

#[test]
fn a_manual_page_is_printed() {
    let ended = run(&["man"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains(".TH portway 1"), "{}", ended.stdout);
}

#[test]
fn every_verb_gets_a_manual_page() {
    let dir = Dir::new();
    let ended = run(&["man", dir.path()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let page = fs::read_to_string(dir.0.join("portway-run.1")).unwrap();
    assert!(page.contains("PORTWAY_DRAIN_TIMEOUT"), "{page}");
    assert!(!dir.0.join("portway-help.1").exists());
}

#[test]
fn a_directory_that_is_not_there_is_said() {
    let ended = run(&["man", "/nowhere/at/all"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("/nowhere/at/all"), "{}", ended.stderr);
}
