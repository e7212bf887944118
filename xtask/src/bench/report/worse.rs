//! Where Portway is behind a peer in what is no aim: waits, recovery after a flood, balance.

use std::fmt::Write;

use serde_json::Value;

use super::{evenness, figure, title};
use crate::bench::jobs::{self, Job, Unit};
use crate::bench::results::Lines;
use crate::bench::sample::{Spread, measured};
use crate::bench::targets::Kind;

/// The section: a line for each peer and figure that is better.
pub(super) fn section(lines: &Lines) -> String {
    let mut rows = String::new();
    let waits = [("p99", "/waits/p99_us"), ("p99.9", "/waits/p999_us")];
    let jobs = jobs::FULL.into_iter().filter(|it| it.unit == Unit::Each);
    for (job, (name, path)) in jobs.flat_map(|job| waits.map(|it| (job, it))) {
        let of = |load: &Value| measured(load, path);
        for (kind, ours, theirs) in pairs(lines, job, of) {
            if ours > theirs {
                let (ours, theirs, kind) = (figure(ours), figure(theirs), title(kind));
                let job = job.name;
                let _ = writeln!(rows, "* {job}: {name} {ours} µs, {kind} {theirs} µs");
            }
        }
    }
    let of = |load: &Value| measured(load, "/next_client_ms");
    for (kind, ours, theirs) in pairs(lines, &jobs::FLOOD, of) {
        if ours > theirs {
            let (ours, theirs, kind) = (figure(ours), figure(theirs), title(kind));
            let _ = writeln!(
                rows,
                "* flood: next client after {ours} ms, {kind} {theirs} ms"
            );
        }
    }
    for job in [&jobs::UP, &jobs::REQUESTS, &jobs::CONNECTS] {
        let of = |load: &Value| measured(load, "/cpu/threads/0").map(|_| evenness(load));
        for (kind, ours, theirs) in pairs(lines, job, of) {
            if ours < theirs {
                let (ours, theirs, kind) = (figure(ours), figure(theirs), title(kind));
                let _ = writeln!(rows, "* {}: balance {ours}, {kind} {theirs}", job.name);
            }
        }
    }
    match rows.is_empty() {
        true => String::new(),
        false => format!("\n## Where Portway is behind without an aim\n\nMedians.\n\n{rows}"),
    }
}

/// Portway's median and each peer's, where both were measured.
fn pairs(lines: &Lines, job: &Job, of: impl Fn(&Value) -> Option<f64>) -> Vec<(Kind, f64, f64)> {
    let median = |kind| {
        let values = lines.loads(job.name, kind).filter_map(&of);
        Spread::of(values).map(|it| it.median)
    };
    let Some(ours) = median(Kind::Portway) else {
        return Vec::new();
    };
    let peers = Kind::ALL.into_iter();
    let peers = peers.filter(|it| it.is_gateway() && *it != Kind::Portway);
    peers
        .filter_map(|kind| Some((kind, ours, median(kind)?)))
        .collect()
}
