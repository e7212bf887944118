//! `cargo xtask bench --tables`: what large tables cost.
//!
//! In: numbers of routes, layouts of files. Out: a line for each: the time from nothing, the time
//! of one change, memory, CPU time at rest. Never: a time without traffic as its witness: a change
//! has happened when a new connection obeys it.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::arena::{self, Arena, BACKEND_PORT, Place};
use super::limits::ENDPOINTS_PER_ROUTE;
use super::objects::{self, Layout, Route};
use super::results::Results;
use super::sample::Spread;
use super::schedule::ask;
use super::targets::wait_until_ready;
use crate::prove::process::Running;
use crate::tally::say;

/// How often a gateway is started, so that one slow start is not taken for all.
const STARTS: usize = 3;

/// How often one endpoint is changed.
const CHANGES: u32 = 20;

/// How long a gateway is left alone to see what it does by itself.
const REST: Duration = Duration::from_secs(2);

/// How long the words about the last change may take, and what follows them: statuses follow tables
/// within a second, and three seconds later memory is given back.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Its first listener's port.
const FIRST_PORT: u16 = 2000;

/// Measures tables of these sizes, each in both layouts.
///
/// # Errors
/// When a gateway does not start. That a change is not obeyed is a result.
pub(crate) fn measure(
    arena: &Arena,
    (portway, load): (&Path, &Path),
    sizes: &[usize],
    results: &mut Results,
) -> Result<()> {
    for n_routes in sizes {
        for layout in [Layout::FilePerRoute, Layout::OneFile] {
            let line = one(arena, (portway, load), *n_routes, layout)?;
            say(&format!("  {line}"));
            results.add(&line)?;
        }
    }
    Ok(())
}

fn one(
    arena: &Arena,
    (portway, load): (&Path, &Path),
    n_routes: usize,
    layout: Layout,
) -> Result<Value> {
    let routes = routes(n_routes);
    let dir = lay_out(arena, &routes, layout)?;
    let (mut gateway, starts_ms) = start_often(arena, portway, &dir)?;
    let rss_bytes = rss(gateway.pid());
    let change = change(arena, load, &dir, (&routes, layout));
    thread::sleep(LAST_WORDS);
    let before = cpu_seconds(gateway.pid());
    thread::sleep(REST);
    let after = cpu_seconds(gateway.pid());
    let used = before.zip(after).map(|(before, after)| after - before);
    let idle_cpu = used.map(|it| it / REST.as_secs_f64());
    let (change_ms, why) = match change {
        Ok(spread) => (to_json(spread), Value::Null),
        Err(error) => (Value::Null, format!("{error:#}").into()),
    };
    let tail = if why.is_null() {
        String::new()
    } else {
        gateway.tail()
    };
    Ok(json!({
        "kind": "table",
        "routes": n_routes,
        "endpoints": n_routes * ENDPOINTS_PER_ROUTE,
        "layout": name(layout),
        "starts_ms": starts_ms,
        "change_ms": change_ms,
        "why_no_change": why,
        "log": tail,
        "rss_bytes": rss_bytes,
        "rss_bytes_later": rss(gateway.pid()),
        "idle_cpu": idle_cpu,
    }))
}

const fn name(layout: Layout) -> &'static str {
    match layout {
        Layout::FilePerRoute => "one per route",
        Layout::OneFile => "one in all",
    }
}

/// Writes the objects, and gives where they are.
fn lay_out(arena: &Arena, routes: &[Route], layout: Layout) -> Result<PathBuf> {
    let name = format!("tables-{}-{}", routes.len(), name(layout));
    let dir = arena.dir().join(name.replace(' ', "-"));
    objects::write_all(&dir, routes, layout)?;
    Ok(dir)
}

fn to_json(spread: Option<Spread>) -> Value {
    spread.map_or(
        Value::Null,
        |it| json!({"min": it.min, "median": it.median, "max": it.max, "n": it.n}),
    )
}

/// Each with a listener and ten endpoints of its own.
fn routes(n: usize) -> Vec<Route> {
    let endpoints: Vec<IpAddr> = arena::all_backends();
    let binds = arena::gateways(0)
        .iter()
        .map(|it| it.ip())
        .take(1)
        .collect::<Vec<_>>();
    let ports = (FIRST_PORT..).take(n);
    let route = |port| Route {
        port,
        binds: binds.clone(),
        endpoints: endpoints
            .iter()
            .copied()
            .take(ENDPOINTS_PER_ROUTE)
            .collect(),
        endpoint_port: BACKEND_PORT,
    };
    ports.map(route).collect()
}

/// Starts the gateway [`STARTS`] times, each time from nothing; the last one stays.
fn start_often(arena: &Arena, portway: &Path, dir: &Path) -> Result<(Running, Vec<f64>)> {
    let mut starts_ms = Vec::new();
    loop {
        let start = Instant::now();
        let gateway = start_gateway(arena, portway, dir)?;
        starts_ms.push(start.elapsed().as_secs_f64() * 1000.0);
        if starts_ms.len() >= STARTS {
            return Ok((gateway, starts_ms));
        }
    }
}

/// How a gateway is started that has a table of so many routes, each in a file of its own.
///
/// # Errors
/// When its objects cannot be written.
pub(crate) fn start_of(arena: &Arena, portway: &Path, n_routes: usize) -> Result<Command> {
    let dir = lay_out(arena, &routes(n_routes), Layout::FilePerRoute)?;
    gateway(arena, portway, &dir)
}

fn gateway(arena: &Arena, portway: &Path, dir: &Path) -> Result<Command> {
    let mut command = arena.command(Place::Gateway, portway)?;
    command
        .args(["run", "-f"])
        .arg(dir)
        .args(["--workers", "2", "--log-format", "json"]);
    Ok(command)
}

fn start_gateway(arena: &Arena, portway: &Path, dir: &Path) -> Result<Running> {
    let command = gateway(arena, portway, dir)?;
    let mut running = Running::start("portway", command, &arena.dir().join("tables.log"))?;
    wait_until_ready(&mut running)?;
    Ok(running)
}

/// Replaces one of a route's ten endpoints, again and again, and asks who is reached.
fn change(
    arena: &Arena,
    load: &Path,
    dir: &Path,
    (routes, layout): (&[Route], Layout),
) -> Result<Option<Spread>> {
    let index = routes.len() / 2;
    let file = objects::file_of(dir, index, layout);
    let (last, spare) = last_two()?;
    let mut command: Command = arena.command(Place::Client, load)?;
    command.args(["drive", "change", "--count", &CHANGES.to_string()]);
    let port = routes.get(index).context("no route")?.port;
    let to = arena::gateways(port);
    command.args(["--to", &to.first().context("no address")?.to_string()]);
    command.arg("--file").arg(&file);
    for (name, old, new) in [("with-spare", last, spare), ("with-last", spare, last)] {
        let mut routes = routes.to_vec();
        let route = routes.get_mut(index).context("no route")?;
        route.endpoints.retain(|it| *it != old && *it != new);
        route.endpoints.push(new);
        let versions: PathBuf = dir.with_extension(name);
        objects::write_all(&versions, &routes, layout)?;
        let version = objects::file_of(&versions, index, layout);
        command
            .arg("--version")
            .arg(format!("{}={new}", version.display()));
    }
    let said = ask(command)?;
    let waits = said.get("waits_ms").and_then(Value::as_array);
    Ok(Spread::of(
        waits.into_iter().flatten().filter_map(Value::as_f64),
    ))
}

/// The tenth endpoint of every route, and the one that nobody has.
fn last_two() -> Result<(IpAddr, IpAddr)> {
    let all = arena::all_backends();
    let last = all.get(ENDPOINTS_PER_ROUTE - 1).copied();
    let spare = all.get(ENDPOINTS_PER_ROUTE).copied();
    last.zip(spare).context("the arena has too few backends")
}

/// Resident bytes of a process, if it is there. Spec: proc_pid_status(5).
fn rss(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let kib = line.and_then(|it| it.split_whitespace().next());
    Some(kib?.parse::<u64>().ok()? * 1024)
}

/// CPU seconds of a process, over its threads, in nanoseconds at their source; if it is there.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let files = tasks.flatten().map(|it| it.path().join("schedstat"));
    let nanos = files.filter_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    Some(nanos.sum::<f64>() / 1e9)
}
