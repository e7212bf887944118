//! What was counted beside the samples: tables that changes of files became, lines of the access log.

use std::fmt::Write;

use serde_json::Value;

use super::figure;
use crate::bench::jobs::{self, Job};
use crate::bench::limits::WARM_UP;
use crate::bench::results::Lines;
use crate::bench::sample::{Spread, measured, number};
use crate::bench::targets::Kind;

/// How many tables the changes of files were, where they were counted.
pub(super) fn tables(lines: &Lines, job: &Job) -> String {
    let median = |path| {
        let counted = lines.loads(job.name, Kind::Portway);
        Spread::of(counted.filter_map(|it| measured(it, path))).map(|it| it.median)
    };
    match (median("/changes"), median("/tables")) {
        (Some(changes), Some(tables)) => format!(
            "\nOf {} changes of files in a sample, {} became a table of their own; the others were taken with \
             the one before. Medians.\n",
            figure(changes),
            figure(tables),
        ),
        _ => String::new(),
    }
}

/// How many tables a second came to be while files changed, in words; they change through the warm-up,
/// too.
pub(super) fn tables_per_second(lines: &Lines) -> String {
    let loads = lines.loads(jobs::CHURN.name, Kind::Portway);
    let rates = loads.filter_map(|it| {
        let seconds = measured(it, "/seconds")? + WARM_UP.as_secs_f64();
        Some(measured(it, "/tables")? / seconds)
    });
    Spread::of(rates).map_or_else(String::new, |it| {
        format!(", {} tables a second", figure(it.median))
    })
}

/// Connections that Portway closed in the whole run, beside the lines of its access log; older results
/// do not say.
pub(super) fn records(lines: &Lines) -> String {
    let mut text = String::new();
    for line in lines.of_kind("records") {
        let of = |name: &str| number(line, &format!("/{name}"));
        let (closed, written) = (of("closed"), of("lines"));
        let dropped = line.get("dropped").and_then(Value::as_f64);
        let dropped = dropped.map_or("–".to_owned(), |it| it.to_string());
        let _ = write!(
            text,
            "\nPortway's access log over the whole run: {closed} connections closed, {written} lines, {dropped} \
             dropped and counted.\n"
        );
    }
    text
}
