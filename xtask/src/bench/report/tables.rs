//! The part about tables of many routes.

use std::fmt::Write;

use serde_json::Value;

use super::{cell, figure, word};
use crate::bench::results::Lines;
use crate::bench::sample::{Spread, measured};

/// The section, if tables were measured.
pub(super) fn section(lines: &Lines) -> String {
    let run = lines.of_kind("run").next().unwrap_or(&Value::Null);
    let mut text = format!(
        "\n## Tables of many routes\n\n\
         Made by `cargo xtask bench --tables`: {}, commit {}, {}. TCPRoutes with 10 endpoints each, over Gateways of 64 \
         listeners. From nothing: \
         from the start of the program until its log says `ready`. A change: one endpoint of one route, from the \
         change of the file's name until the first new connection reaches the new endpoint. RSS: once it is ready, and \
         after the changes.\n\n\
         | routes | files | from nothing, ms: median (min–max) | one change, ms: median (min–max) | RSS, MiB | RSS later, MiB | CPU while idle |\n\
         |---|---|---|---|---|---|---|\n",
        word(run, "date"),
        word(run, "commit"),
        word(run, "kernel"),
    );
    for line in lines.of_kind("table") {
        let none = || "–".to_owned();
        let change = line.get("change_ms").and_then(change);
        let mib = |path| {
            let bytes = measured(line, path);
            bytes.map_or_else(none, |it| figure(it / 1024.0 / 1024.0))
        };
        let idle = line.get("idle_cpu").and_then(Value::as_f64);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            word(line, "routes"),
            word(line, "layout"),
            starts(line).map_or_else(none, cell),
            change.map_or_else(none, cell),
            mib("/rss_bytes"),
            mib("/rss_bytes_later"),
            idle.map_or_else(none, |it| format!("{:.2} %", it * 100.0)),
        );
    }
    text
}

/// The times from nothing. Older results have one.
pub(super) fn starts(line: &Value) -> Option<Spread> {
    match line.get("starts_ms").and_then(Value::as_array) {
        Some(all) => Spread::of(all.iter().filter_map(Value::as_f64)),
        None => Spread::of(measured(line, "/start_ms")),
    }
}

/// The times of changes, of which only the spread is kept.
fn change(line: &Value) -> Option<Spread> {
    Some(Spread {
        min: measured(line, "/min")?,
        median: measured(line, "/median")?,
        max: measured(line, "/max")?,
        n: line.get("n").and_then(Value::as_u64)?.try_into().ok()?,
    })
}
