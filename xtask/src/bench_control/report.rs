//! `bench/CONTROL.md`: tables of how soon and how cheap a control plane is, made from results alone.
//!
//! In: the newest `control-SCENARIO.jsonl` of each scenario. Out: the page. Never: a figure that is in
//! no result, nor one without how often it was taken.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::report;
use crate::bench::results::Lines;
use crate::bench::sample::Spread;
use crate::install;
use crate::repo::root;
use crate::tally::say;

/// A line of the table: what it says, the scenario, where the figure is in a sample (or those that are to
/// be added, with ` + ` between them), and what we aim at.
struct Row {
    what: &'static str,
    scenario: &'static str,
    figure: &'static str,
    aim: &'static str,
}

const fn row(
    what: &'static str,
    scenario: &'static str,
    figure: &'static str,
    aim: &'static str,
) -> Row {
    Row {
        what,
        scenario,
        figure,
        aim,
    }
}

const ROWS: [Row; 26] = [
    row("routes created at once", "attached", "/n", ""),
    row("creating them, ms", "attached", "/create_ms", ""),
    row(
        "last create → `attachedRoutes` right, ms",
        "attached",
        "/attached_ms",
        "≤ 1000",
    ),
    row(
        "last create → all Accepted, ms",
        "attached",
        "/accepted_ms",
        "≤ 2000",
    ),
    row(
        "first create → all Accepted, ms",
        "attached",
        "/create_ms + /accepted_ms",
        "",
    ),
    row(
        "Gateway status writes meanwhile",
        "attached",
        "/writes_create/gateways",
        "≤ 20",
    ),
    row(
        "last delete → `attachedRoutes` right, ms",
        "attached",
        "/detached_ms",
        "≤ 1000",
    ),
    row(
        "Gateway status writes meanwhile",
        "attached",
        "/writes_delete/gateways",
        "≤ 20",
    ),
    row(
        "of these in conflict",
        "attached",
        "/writes_delete/gateways conflicts",
        "0",
    ),
    row(
        "route status writes while they were deleted",
        "attached",
        "/writes_delete/tcproutes",
        "",
    ),
    row(
        "route → first right answer, p50, ms",
        "propagation",
        "/p50_ms",
        "≤ 5",
    ),
    row("the same, p99, ms", "propagation", "/p99_ms", "≤ 15"),
    row("wrong answers", "propagation", "/wrong_answers", "0"),
    row(
        "backend switched under load: failed connections",
        "change",
        "/failed",
        "0",
    ),
    row("of connections", "change", "/connections", ""),
    row("broken streams of ten", "change", "/streams_broken", "0"),
    row(
        "old backend still answers, at most, ms",
        "change",
        "/old_answers_max_ms",
        "≤ 10",
    ),
    row("new Gateways, one after the other", "gateway", "/n", ""),
    row(
        "create → Programmed, p50, ms",
        "gateway",
        "/programmed_p50_ms",
        "≤ 3000",
    ),
    row(
        "the same, at most, ms",
        "gateway",
        "/programmed_max_ms",
        "≤ 3000",
    ),
    row(
        "create → first right answer, p50, ms",
        "gateway",
        "/answer_p50_ms",
        "",
    ),
    row("the same, at most, ms", "gateway", "/answer_max_ms", ""),
    row(
        "a minute of churn: controller, CPU seconds",
        "churn",
        "/cpu_seconds/controller",
        "≤ 0.5",
    ),
    row("proxy, CPU seconds", "churn", "/cpu_seconds/proxy", "≤ 0.1"),
    row(
        "controller, RSS in MB",
        "churn",
        "/rss_mb/controller",
        "≤ 60",
    ),
    row("proxy, RSS in MB", "churn", "/rss_mb/proxy", "≤ 20"),
];

/// Writes the page.
///
/// # Errors
/// When there are no results, or it cannot be written.
pub(super) fn write() -> Result<()> {
    let mut text = String::from(
        "# How soon a cluster's objects are true of traffic\n\n\
         Written by `cargo xtask bench-control` from `bench/results`; not to be changed by hand. Portway \
         and a peer on the same cluster of one node, one after the other, each figure the median of its \
         rounds with the least and the most; TCPRoutes only. The peer is one process for all Gateways, \
         told to hold nothing back; Portway has a controller, and proxies for each Gateway. What a figure \
         means is told by `conformance/suite/bench`.\n",
    );
    let mut scenario = "";
    for row in ROWS {
        let name = format!("control-{}", row.scenario);
        let path = Lines::newest(&name);
        let path =
            path.with_context(|| format!("no whole results of {name}: measure that first"))?;
        let lines = Lines::read(&path)?;
        if row.scenario != scenario {
            scenario = row.scenario;
            let (run, rounds) = (of_run(&lines), rounds(&lines));
            let _ = write!(
                text,
                "\n## {scenario}\n\n{run} {rounds}{}\n\n",
                alone(scenario)
            );
            text.push_str("| | Portway | Traefik | aim |\n|---|---|---|---|\n");
        }
        let ours = figure(&lines, install::CLASS, row.figure);
        let theirs = figure(&lines, "traefik", row.figure);
        let _ = writeln!(text, "| {} | {ours} | {theirs} | {} |", row.what, row.aim);
    }
    let path = root().join("bench/CONTROL.md");
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    say(&format!("{} is written", path.display()));
    Ok(())
}

/// Why a scenario has no peer.
fn alone(scenario: &str) -> &'static str {
    match scenario {
        "churn" => {
            " Portway alone: the peer's one process does everything for all Gateways at once, and what it \
             uses cannot be told apart into a controller and the proxy of one Gateway."
        }
        _ => "",
    }
}

/// When and where it was measured.
fn of_run(lines: &Lines) -> String {
    let run = lines.of_kind("run").next().unwrap_or(&Value::Null);
    let word = |name: &str| run[name].as_str().unwrap_or("?").to_owned();
    let peer = lines.of_kind("target").next().unwrap_or(&Value::Null);
    format!(
        "{}, commit {}, {} CPUs ({}), {}; Traefik {}.",
        word("date"),
        word("commit"),
        run["cpus"],
        word("cpu"),
        word("kernel"),
        peer["version"].as_str().unwrap_or("is missing"),
    )
}

/// How often each was tried.
fn rounds(lines: &Lines) -> String {
    let n = |class| samples(lines, class).count();
    match (n(install::CLASS), n("traefik")) {
        (ours, 0) => format!("Rounds: {ours}."),
        (ours, theirs) => format!("Rounds: {ours} with Portway, {theirs} with Traefik."),
    }
}

fn samples<'a>(lines: &'a Lines, class: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = lines.of_kind("control").map(|it| &it["sample"]);
    all.filter(move |it| it["class"] == class)
}

/// Median, and the least and the most if they differ; a dash where a round lacks the figure.
fn figure(lines: &Lines, class: &str, pointers: &str) -> String {
    let values = samples(lines, class).map(|it| sum(it, pointers));
    let values = values.collect::<Option<Vec<f64>>>();
    let Some(spread) = values.and_then(Spread::of) else {
        return "–".to_owned();
    };
    let (least, median, most) = (
        number(spread.min),
        number(spread.median),
        number(spread.max),
    );
    match least == most {
        true => median,
        false => format!("{median} ({least}–{most})"),
    }
}

/// What stands at one pointer, or at several that are to be added.
fn sum(sample: &Value, pointers: &str) -> Option<f64> {
    pointers.split(" + ").map(|it| value(sample, it)).sum()
}

/// A figure of a sample. Where writes were counted, those of a kind that nobody wrote are none; what
/// was not measured is no figure.
fn value(sample: &Value, pointer: &str) -> Option<f64> {
    let found = sample.pointer(pointer).and_then(Value::as_f64);
    let (counts, _) = pointer.rsplit_once('/')?;
    let is_counted = counts.starts_with("/writes_") && sample.pointer(counts).is_some();
    found.or(is_counted.then_some(0.0))
}

/// A count as it is, anything else with three digits that count.
fn number(value: f64) -> String {
    match value.fract() == 0.0 || value >= 100.0 {
        true => format!("{value:.0}"),
        false => report::figure(value),
    }
}

#[cfg(test)]
mod tests;
