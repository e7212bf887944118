//! What `memory` promises.

use std::fs;

use super::give_back;

/// Resident anonymous memory of this process, proc_pid_status(5).
fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|it| it.starts_with("RssAnon:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What lies below a piece that is in use stays otherwise.
#[test]
fn free_pages_below_what_is_in_use_go_back() {
    let mut pieces: Vec<Box<[u8]>> = (0..100_000).map(|_| vec![1; 600].into()).collect();
    let last = pieces.pop();
    pieces.clear();
    let before = resident_kib().unwrap();
    give_back();
    let after = resident_kib().unwrap();
    assert!(after + 40_000 < before, "{before} KiB, then {after}");
    drop(last);
}
