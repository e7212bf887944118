//! `bench/REPORT.md`: tables and charts, made from results and nothing else.
//!
//! In: lines of results. Out: Markdown, SVG, and the short table in README.md. Never: a number that
//! is not in the results, a noisy sample that is not told.

mod aims;
mod chart;
mod counts;
mod settings;
mod tables;
mod worse;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::jobs::{self, Job, Unit};
use super::limits::NOISE_MAX;
use super::results::{Lines, Noise};
use super::sample::{Figures, Spread, measured, number, ratio};
use super::targets::Kind;
use crate::repo;
use crate::tally::say;

/// Writes the report from the newest results of a full run, and of tables if there are any.
///
/// # Errors
/// When there are no results, or a file cannot be written.
pub(crate) fn write() -> Result<()> {
    let path = Lines::newest("full").context("no results yet: run `cargo xtask bench --full`")?;
    let lines = Lines::read(&path)?;
    let dir = repo::root().join("bench");
    let mut text = head(&lines, &path);
    text += "\n## In short\n\n";
    text += &summary(&lines);
    let of_tables = Lines::newest("tables").map(|it| Lines::read(&it));
    let of_tables = of_tables.transpose()?;
    text += &aims::section(&lines, of_tables.as_ref());
    for job in jobs::FULL {
        text += &job_section(&lines, job, &dir)?;
        text += &counts::tables(&lines, job);
    }
    text += &balance_section(&lines);
    text += &worse::section(&lines);
    text += &memory_section(&lines);
    text += &integrity_section(&lines);
    text += &counts::records(&lines);
    if let Some(of_tables) = &of_tables {
        text += &tables::section(of_tables);
    }
    text += &settings::section(&lines);
    text += &versions_section(&lines);
    put(&dir.join("REPORT.md"), &text)?;
    into_readme(&lines)?;
    say("bench: bench/REPORT.md is written");
    Ok(())
}

/// The short table: a line for each target.
pub(crate) fn summary(lines: &Lines) -> String {
    let columns: [(&Job, &str); 4] = [
        (&jobs::UP, "up, Gbit/s"),
        (&jobs::DOWN, "down, Gbit/s"),
        (&jobs::REQUESTS, "requests /s"),
        (&jobs::CONNECTS, "connects /s"),
    ];
    let mut text = String::from("| |");
    for (_, title) in columns {
        let _ = write!(text, " {title} (CPU) |");
    }
    text += "\n|---|---|---|---|---|\n";
    for kind in lines.targets() {
        let _ = write!(text, "| {} |", title(kind));
        for (job, _) in columns {
            let figures = lines.figures(job, kind);
            let rate = Spread::of(figures.iter().map(|it| it.rate));
            let cpu = Spread::of(figures.iter().map(|it| it.cpu));
            match (rate, cpu) {
                (Some(rate), Some(cpu)) => {
                    let rate = figure(rate.median);
                    let _ = write!(text, " {rate} ({}) |", figure(cpu.median));
                }
                _ => text += " – |",
            }
        }
        text += "\n";
    }
    text += "\nMedians. CPU is all the machine's time less that of others: seconds for each GB, µs for each \
             request or connection.\n";
    text
}

fn head(lines: &Lines, path: &Path) -> String {
    let run = lines.of_kind("run").next().unwrap_or(&Value::Null);
    let said = |name: &str| word(run, name);
    let seconds = lines
        .of_kind("end")
        .next()
        .map_or(0.0, |it| number(it, "/seconds"));
    let path = path.strip_prefix(repo::root()).unwrap_or(path).display();
    format!(
        "# What was measured\n\n\
         Made by `cargo xtask bench --full` from `{path}`; not edited by hand. Again: the same command, as root, on \
         any Linux machine with Rust and Python.\n\n\
         | | |\n|---|---|\n\
         | date | {} |\n| commit | {} |\n| kernel | {} |\n| machine | {} × {}, {} |\n| compiler | {} |\n\
         | wall time | {seconds:.0} s |\n\
         | noise | {} |\n\n\
         Client, gateway and backend share this machine's CPUs in three network namespaces joined by veth. So the \
         honest figure is CPU time for each unit of work; rates show the same in other words. `direct` is plain IP \
         forwarding through the gateway's namespace, `ceiling` the load tool with itself over loopback. Portway runs \
         with a table of 1,000 routes; the peers as [their files](peers/) say. All targets stay up during the \
         run and are measured in turn; each number is a median, with minimum and maximum in parentheses.\n",
        said("date"),
        said("commit"),
        said("kernel"),
        said("cpus"),
        said("cpu"),
        said("memory"),
        said("rustc"),
        noise(lines.noise(NOISE_MAX)),
    )
}

/// A field as text, nothing if there is none.
fn word(line: &Value, name: &str) -> String {
    match line.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// What others did, in words.
fn noise(noise: Noise) -> String {
    let Noise {
        noisy,
        observed,
        unobserved,
        retried,
    } = noise;
    let limit = NOISE_MAX * 100.0;
    let mut text = format!(
        "{noisy} of {observed} samples with more than {limit:.0} % of the machine used by others"
    );
    if retried > 0 {
        let _ = write!(text, "; {retried} were taken again");
    }
    if unobserved > 0 {
        let _ = write!(text, "; {unobserved} more not observed");
    }
    text
}

/// Table and chart of one job.
fn job_section(lines: &Lines, job: &Job, dir: &Path) -> Result<String> {
    if matches!(job.unit, Unit::Memory | Unit::Transfers) {
        return Ok(String::new());
    }
    let of = |kind: &Kind| (*kind, lines.figures(job, *kind));
    let rows: Vec<(Kind, Vec<Figures>)> = lines.targets().iter().map(of).collect();
    let rows: Vec<_> = rows.into_iter().filter(|(_, it)| !it.is_empty()).collect();
    if rows.is_empty() {
        return Ok(String::new());
    }
    let (rate, cpu) = match job.unit {
        Unit::Bytes => ("Gbit/s", "CPU-s/GB"),
        _ => ("/s", "CPU-µs each"),
    };
    let mut text = format!("\n## `{}`: {}\n\n", job.name, job.what);
    let _ = writeln!(text, "![{0}](charts/{0}.svg)\n", job.name);
    let waits = if job.unit == Unit::Each {
        " p50 µs | p99 µs | p99.9 µs |"
    } else {
        ""
    };
    let rules = if job.unit == Unit::Each {
        "---|---|---|"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "| | {rate} | {cpu} | of which the gateway |{waits} n | others |"
    );
    let _ = writeln!(text, "|---|---|---|---|{rules}---|---|");
    let mut bars = Vec::new();
    for (kind, figures) in &rows {
        let spread = |of: fn(&Figures) -> f64| Spread::of(figures.iter().map(of));
        let cell = |of: fn(&Figures) -> f64| spread(of).map_or_else(String::new, cell);
        let own = if kind.is_gateway() {
            cell(|it| it.own)
        } else {
            "–".to_owned()
        };
        let noise = Spread::of(figures.iter().filter_map(|it| it.noise));
        let noise = noise.map_or("–".to_owned(), |it| format!("≤ {:.0} %", it.max * 100.0));
        let _ = write!(
            text,
            "| {} | {} | {} | {own} |",
            title(*kind),
            cell(|it| it.rate),
            cell(|it| it.cpu)
        );
        if job.unit == Unit::Each {
            let waits = (
                cell(|it| it.p50_us),
                cell(|it| it.p99_us),
                cell(|it| it.p999_us),
            );
            let _ = write!(text, " {} | {} | {} |", waits.0, waits.1, waits.2);
        }
        let _ = writeln!(text, " {} | {noise} |", figures.len());
        bars.extend(spread(|it| it.rate).map(|it| chart::Bar {
            kind: *kind,
            spread: it,
        }));
    }
    let charts = dir.join("charts");
    fs::create_dir_all(&charts).with_context(|| format!("create {}", charts.display()))?;
    let title = format!("{}, {rate}", job.what);
    put(
        &charts.join(format!("{}.svg", job.name)),
        &chart::draw(&title, &bars),
    )?;
    Ok(text)
}

/// How evenly a gateway's two busiest threads were busy.
fn balance_section(lines: &Lines) -> String {
    let mut text = String::from(
        "\n## Balance\n\n\
         CPU time of the second busiest thread or process over that of the busiest: 1 is even.\n\n\
         | | up | requests-64 | connects |\n|---|---|---|---|\n",
    );
    for kind in lines.targets().into_iter().filter(|it| it.is_gateway()) {
        let _ = write!(text, "| {} |", title(kind));
        for job in [&jobs::UP, &jobs::REQUESTS, &jobs::CONNECTS] {
            let spread = Spread::of(lines.loads(job.name, kind).map(evenness));
            let _ = write!(text, " {} |", spread.map_or_else(String::new, cell));
        }
        text += "\n";
    }
    text
}

/// The second busiest thread by the busiest.
fn evenness(load: &Value) -> f64 {
    let busiest = number(load, "/cpu/threads/0");
    ratio(number(load, "/cpu/threads/1"), busiest)
}

fn memory_section(lines: &Lines) -> String {
    let mut text = String::from(
        "\n## Memory of connections\n\n\
         Own memory is resident and anonymous, over all processes of the gateway; the kernel's is the machine's slabs less \
         what `direct` costs, which is client and backend; slabs that nothing is in are given back before each look, and \
         where that cannot be done nothing is told. A flood opens more connections than there are \
         descriptors and drops them with a reset; then one client comes.\n\n\
         | | idle connections | own KiB each | kernel KiB each | CPU while idle, % | flood: most MiB | flood: next client after, ms |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let spread = |job, kind, of: &dyn Fn(&Value) -> Option<f64>| {
        Spread::of(lines.loads(job, kind).filter_map(of))
    };
    let kernel = |load: &Value| measured(load, "/kernel_bytes_each");
    let direct = spread("idle", Kind::Direct, &kernel).map(|it| it.median);
    for kind in lines.targets().into_iter().filter(|it| it.is_gateway()) {
        let idle = |of| spread("idle", kind, of);
        let flood = |of| spread("flood", kind, of);
        let cells = [
            idle(&|it| measured(it, "/conns")),
            idle(&|it| Some(measured(it, "/gateway_bytes_each")? / 1024.0)),
            idle(&|it| Some((kernel(it)? - direct?) / 1024.0)),
            idle(&|it| Some(number(it, "/cpu/gateway") / measured(it, "/cpu/capacity")? * 100.0)),
            flood(&|it| Some(measured(it, "/gateway_bytes_most")? / 1024.0 / 1024.0)),
            flood(&|it| {
                let served = it.get("next_client").and_then(Value::as_str) == Some("served");
                measured(it, "/next_client_ms").filter(|_| served)
            }),
        ];
        let mut cells = cells.map(|it| it.map_or_else(|| "–".to_owned(), cell));
        let loads = lines.loads("flood", kind);
        let words = loads.filter_map(|it| it.get("next_client").and_then(Value::as_str));
        let [.., last] = &mut cells;
        for word in words.filter(|it| *it != "served") {
            let _ = write!(last, "; {word}");
        }
        let _ = writeln!(text, "| {} | {} |", title(kind), cells.join(" | "));
    }
    text
}

fn integrity_section(lines: &Lines) -> String {
    let mut text = String::from(
        "\n## Integrity\n\n\
         Transfers both ways, 1 to 4 MB each, half-closed in every order; both sides compare every byte.\n\n\
         | | transfers | bad | the first |\n|---|---|---|---|\n",
    );
    for kind in lines.targets() {
        for load in lines.loads("integrity", kind) {
            let (all, bad) = (number(load, "/transfers"), number(load, "/bad"));
            let first = load
                .pointer("/reasons/0")
                .and_then(Value::as_str)
                .unwrap_or("");
            let _ = writeln!(text, "| {} | {all} | {bad} | {first} |", title(kind));
        }
    }
    text
}

fn versions_section(lines: &Lines) -> String {
    let mut text =
        String::from("\n## Versions and commands\n\n| | version | command |\n|---|---|---|\n");
    for line in lines.of_kind("target") {
        let (target, version) = (word(line, "target"), word(line, "version"));
        let _ = writeln!(
            text,
            "| {target} | {version} | `{}` |",
            word(line, "command")
        );
    }
    for line in lines.of_kind("missing") {
        let _ = writeln!(
            text,
            "| {} | **missing** | {} |",
            word(line, "target"),
            word(line, "why")
        );
    }
    let broken = |it: &&Value| number(it, "/load/failures") > 0.0;
    let broken: Vec<_> = lines.of_kind("sample").filter(broken).collect();
    let failures: Vec<_> = lines.of_kind("failure").collect();
    if failures.len() + broken.len() > 0 {
        text += "\nWhat failed:\n\n";
    }
    for line in broken {
        let (job, target) = (word(line, "job"), word(line, "target"));
        let n = number(line, "/load/failures");
        let _ = writeln!(text, "* {job}, {target}: {n} of a sample broke");
    }
    for line in failures {
        let (job, target) = (word(line, "job"), word(line, "target"));
        let why = word(line, "why");
        // Older results have one.
        let why = why.split("Stack backtrace").next().unwrap_or_default();
        let _ = writeln!(text, "* {job}, {target}: {}", why.trim_end());
    }
    text
}

/// Puts the short table into README.md, between its two marks, if it has them.
fn into_readme(lines: &Lines) -> Result<()> {
    const MARKS: (&str, &str) = ("<!-- bench: begin -->\n", "<!-- bench: end -->");
    let path = repo::root().join("README.md");
    let text = fs::read_to_string(&path).context("read README.md")?;
    let Some((before, rest)) = text.split_once(MARKS.0) else {
        return Ok(());
    };
    let Some((_, after)) = rest.split_once(MARKS.1) else {
        return Ok(());
    };
    let run = lines.of_kind("run").next().unwrap_or(&Value::Null);
    let (date, cpus) = (word(run, "date"), word(run, "cpus"));
    let day = date.split('T').next().unwrap_or("");
    let table = summary(lines);
    let new = format!(
        "{before}{}\n{table}\nMeasured on {day} with client, gateway and backend on one machine of {cpus} CPUs; \
         [the whole report](bench/REPORT.md), [where it falls short](bench/SHORTFALLS.md). Again: `sudo -E cargo xtask bench --full`.\n\n{}{after}",
        MARKS.0, MARKS.1
    );
    put(&path, &new)
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// How a target is called in tables.
fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Ceiling => "ceiling",
        Kind::Direct => "direct",
        Kind::Portway => "**Portway**",
        Kind::Nginx => "nginx",
        Kind::HaproxyAuto => "HAProxy, splice-auto",
        Kind::HaproxySpliced => "HAProxy, all spliced",
        Kind::Envoy => "Envoy",
        Kind::Traefik => "Traefik",
    }
}

/// A median with its extremes, if there are any.
fn cell(spread: Spread) -> String {
    let Spread {
        min, median, max, ..
    } = spread;
    if min == max {
        return figure(median);
    }
    format!("{} ({}–{})", figure(median), figure(min), figure(max))
}

/// A number with three digits that count.
pub(crate) fn figure(number: f64) -> String {
    let size = number.abs();
    if size >= 10_000.0 {
        return format!("{:.1}k", number / 1000.0);
    }
    let digits = match size {
        _ if size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{number:.digits$}")
}

#[cfg(test)]
mod tests;
