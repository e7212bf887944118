//! From what an instance tells to rows, with rates between what it told twice.
//!
//! In: the JSON of `/api/v1/status` and of `/api/v1/connections`. Out: a [`Told`]. Never: a clock:
//! the time between two statuses is what the instance says that it is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::sheet::{Cell, Row};
use crate::render::instance::{is_failing, local, problems};
use crate::render::page::{list, number, whole, word};

/// What was counted of something, as far as known: connections, bytes in, bytes out.
type Counts = [Option<u64>; 3];

/// What an instance told at one time.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    started: String,
    uptime: f64,
    all: Counts,
    failed_dials: Option<u64>,
    by_name: BTreeMap<String, Counts>,
}

/// What is shown of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// Two lines about all of it.
    pub(super) head: Head,
    /// A row a listener.
    pub(super) listeners: Vec<Row>,
    /// A row a route.
    pub(super) routes: Vec<Row>,
    /// A row an endpoint of a backend.
    pub(super) endpoints: Vec<Row>,
}

/// How the instance does.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// Version and role.
    pub(super) name: String,
    /// `ready`, or why not.
    pub(super) state: String,
    /// Since when it runs, in seconds.
    pub(super) uptime: f64,
    /// Version of the configuration that is served.
    pub(super) version: u64,
    /// Errors in the configuration.
    pub(super) errors: u64,
    /// Warnings in it.
    pub(super) warnings: u64,
    /// Connections open now.
    pub(super) open: u64,
    /// Connections, bytes in and bytes out, a second.
    pub(super) rates: [Cell; 3],
    /// Dials that failed, a second.
    pub(super) failed_dials: Cell,
}

impl Default for Cell {
    fn default() -> Self {
        Self::Rate(None)
    }
}

impl Counted {
    /// How much time went by since `before`, in seconds; `None`: it is another process.
    fn since(&self, before: &Self) -> Option<f64> {
        let is_same = self.started == before.started && !self.started.is_empty();
        let seconds = self.uptime - before.uptime;
        (is_same && seconds > 0.0).then_some(seconds)
    }
}

/// Rates between what was counted before and now.
struct Rates<'a> {
    before: Option<(&'a Counted, f64)>,
}

impl Rates<'_> {
    fn of(&self, name: &str, now: Counts) -> [Cell; 3] {
        // What is new began at nothing.
        let before = |it: &Counted| it.by_name.get(name).copied().unwrap_or([Some(0); 3]);
        self.between(before, now)
    }

    fn between(&self, before: impl Fn(&Counted) -> Counts, now: Counts) -> [Cell; 3] {
        let Some((counted, seconds)) = self.before else {
            return Default::default();
        };
        let before = before(counted);
        let mut pairs = now.into_iter().zip(before);
        let mut rate = || {
            let (now, before) = pairs.next()?;
            Some(now?.saturating_sub(before?) as f64 / seconds)
        };
        [Cell::Rate(rate()), Cell::Rate(rate()), Cell::Rate(rate())]
    }
}

/// A word, or `-` where there is none.
fn or_dash(value: &Value) -> String {
    value.as_str().map_or("-".into(), |_| word(value))
}

/// Connections, bytes in and out, of anything that has `connections`.
fn counts(traffic: &Value) -> Counts {
    ["accepted", "bytesToBackend", "bytesToClient"].map(|it| traffic[it].as_u64())
}

/// Reads a status; `before` is what was counted in the last one.
pub(super) fn read(status: &Value, before: Option<&Counted>) -> (Told, Counted) {
    let mut counted = Counted {
        started: word(&status["startedAt"]),
        uptime: number(&status["uptimeSeconds"]),
        all: counts(&status["connections"]),
        failed_dials: status["dials"]["failed"].as_u64(),
        by_name: BTreeMap::new(),
    };
    let since = before.and_then(|it| Some((it, counted.since(it)?)));
    let rates = Rates { before: since };
    let failed = counted.failed_dials;
    let [failed_dials, ..] = rates.between(|it| [it.failed_dials; 3], [failed; 3]);
    let head = Head {
        name: format!(
            "portway {} {}",
            word(&status["version"]),
            word(&status["role"])
        ),
        state: word(&status["state"]),
        uptime: counted.uptime,
        version: whole(&status["config"]["appliedVersion"]),
        errors: whole(&status["findings"]["errors"]),
        warnings: whole(&status["findings"]["warnings"]),
        open: whole(&status["connections"]["open"]),
        rates: rates.between(|it| it.all, counted.all),
        failed_dials,
    };
    let by_name = &mut counted.by_name;
    let told = Told {
        head,
        listeners: listeners(status, &rates, by_name),
        routes: routes(status, &rates, by_name),
        endpoints: endpoints(status, &rates, by_name),
    };
    (told, counted)
}

fn listeners(
    status: &Value,
    rates: &Rates<'_>,
    counted: &mut BTreeMap<String, Counts>,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for gateway in list(&status["gateways"]) {
        let space = word(&gateway["namespace"]);
        for listener in list(&gateway["listeners"]) {
            let name = word(&listener["fullName"]);
            let (key, now) = (format!("listener {name}"), counts(&listener["connections"]));
            let [new, to_backend, to_client] = rates.of(&key, now);
            counted.insert(key, now);
            let is_well = listener["fate"] == "serves";
            let gets = match is_well {
                true => local(&word(&listener["route"]), &space).to_owned(),
                false => format!("✗ {}", word(&listener["reason"])),
            };
            let cells = vec![
                Cell::Text(name),
                Cell::Number(whole(&listener["port"])),
                Cell::Count(listener["connections"]["open"].as_u64()),
                new,
                to_backend,
                to_client,
                Cell::Count(listener["connections"]["accepted"].as_u64()),
                Cell::Text(gets),
            ];
            rows.push(Row { cells, is_well });
        }
    }
    rows
}

fn routes(status: &Value, rates: &Rates<'_>, counted: &mut BTreeMap<String, Counts>) -> Vec<Row> {
    let routes = list(&status["routes"]).iter();
    let row = |route: &Value| {
        let name = format!("{}/{}", word(&route["namespace"]), word(&route["name"]));
        let key = format!("route {} {name}", word(&route["kind"]));
        let now = counts(&route["connections"]);
        let [new, to_backend, to_client] = rates.of(&key, now);
        counted.insert(key, now);
        let backends = list(&route["backends"]);
        let sum = |field: &str| backends.iter().map(|it| whole(&it[field])).sum();
        let problem = problems(route).first().map(|it| word(&it["reason"]));
        let cells = vec![
            Cell::Text(name),
            Cell::Count(route["connections"]["open"].as_u64()),
            new,
            to_backend,
            to_client,
            Cell::Count(route["connections"]["accepted"].as_u64()),
            Cell::Count(Some(sum("endpointCount"))),
            Cell::Count(Some(sum("failingCount"))),
            Cell::Text(problem.as_ref().map_or("ok".into(), |it| format!("✗ {it}"))),
        ];
        let is_well = problem.is_none();
        Row { cells, is_well }
    };
    routes.map(row).collect()
}

fn endpoints(
    status: &Value,
    rates: &Rates<'_>,
    counted: &mut BTreeMap<String, Counts>,
) -> Vec<Row> {
    // Routes may share a backend, whose endpoints are then the same.
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    let routes = list(&status["routes"]).iter();
    for backend in routes.flat_map(|it| list(&it["backends"])) {
        for endpoint in list(&backend["endpoints"]) {
            let (address, name) = (word(&endpoint["address"]), word(&backend["name"]));
            let key = format!("endpoint {address} {name}");
            if !seen.insert(key.clone()) {
                continue;
            }
            let now =
                ["reached", "bytesToBackend", "bytesToClient"].map(|it| endpoint[it].as_u64());
            let [new, to_backend, to_client] = rates.of(&key, now);
            counted.insert(key, now);
            let cells = vec![
                Cell::Text(address),
                Cell::Text(or_dash(&endpoint["health"])),
                Cell::Count(endpoint["open"].as_u64()),
                new,
                to_backend,
                to_client,
                Cell::Count(endpoint["reached"].as_u64()),
                Cell::Count(endpoint["failedDials"].as_u64()),
                Cell::Text(name),
            ];
            let is_well = !is_failing(endpoint);
            rows.push(Row { cells, is_well });
        }
    }
    rows
}

/// What was relayed of each connection, and when in its life.
pub(super) type Relayed = BTreeMap<(String, String), (f64, [u64; 2])>;

/// Reads connections; `before` is what they had relayed when last asked.
pub(super) fn read_connections(connections: &[Value], before: &Relayed) -> (Vec<Row>, Relayed) {
    let mut relayed = Relayed::new();
    let row = |it: &Value| {
        let key = (word(&it["client"]), word(&it["listener"]));
        let age = number(&it["ageSeconds"]);
        let now = ["bytesToBackend", "bytesToClient"].map(|field| whole(&it[field]));
        let [to_backend, to_client] = rates_of_one(before.get(&key), age, now);
        relayed.insert(key.clone(), (age, now));
        let state = match it["draining"] == true {
            true => "draining".to_owned(),
            false => word(&it["state"]),
        };
        let cells = vec![
            Cell::Text(key.0),
            Cell::Text(or_dash(&it["endpoint"])),
            Cell::Age(age),
            to_backend,
            to_client,
            Cell::Count(Some(now[0])),
            Cell::Count(Some(now[1])),
            Cell::Text(state),
            Cell::Text(key.1),
        ];
        let is_well = it["draining"] != true;
        Row { cells, is_well }
    };
    let rows = connections.iter().map(row).collect();
    (rows, relayed)
}

fn rates_of_one(before: Option<&(f64, [u64; 2])>, age: f64, now: [u64; 2]) -> [Cell; 2] {
    // One that is younger than it was is another one from the same port.
    let (then, before) = match before {
        Some((then, before)) if *then < age => (*then, *before),
        _ => return [Cell::Rate(None), Cell::Rate(None)],
    };
    let [a, b] = [0, 1].map(|at: usize| {
        let (now, before) = (now.get(at), before.get(at));
        let moved = now
            .zip(before)
            .map(|(now, before)| now.saturating_sub(*before));
        moved.map(|it| it as f64 / (age - then))
    });
    [Cell::Rate(a), Cell::Rate(b)]
}
