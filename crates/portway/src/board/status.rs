//! `/api/v1/status`: what is served, what is not and why, and how it does.
//!
//! In: a [`Board`], what is [`Shown`]. Out: a JSON value. Fields are only ever added. Never: more of
//! a kind than [`crate::limits`] says; what is left out is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use portway_control::diagnostic::{Diagnostic, Severity};
use portway_control::origin::{ObjectKey, Place};
use portway_control::snapshot::{Facts, Objects};
use portway_control::status::reason::kind;
use portway_control::status::{Condition, GatewayStatus, RouteParentStatus, RouteStatus, Status};
use portway_control::translate::Translation;
use portway_engine::record::CloseReason;
use portway_engine::table::{BackendSpec, TableSpec, TargetSpec};
use portway_proxy::{EndpointNumbers, Observer, StreamNumbers};
use serde_json::{Value, json};

use super::{Board, Progress};
use crate::admin::View;
use crate::inputs::Unused;
use crate::limits::{
    STATUS_ENDPOINTS_MAX, STATUS_FINDINGS_MAX, STATUS_LISTENERS_MAX, STATUS_ROUTES_MAX,
};
use crate::metrics::cpu_seconds;
use crate::outline::{self, Fate, ListenerLine};
use crate::render;

/// What an instance serves, as of one change.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The objects it was given.
    pub(crate) objects: Objects,
    /// What came back from the world.
    pub(crate) facts: Facts,
    /// What they mean.
    pub(crate) translation: Arc<Translation>,
    /// What of the files is not used as it is now.
    pub(crate) unused: Unused,
    /// What is wrong or noteworthy in them.
    pub(crate) findings: Vec<Diagnostic>,
    /// Sockets that cannot be bound, and why.
    pub(crate) refused: BTreeMap<SocketAddr, String>,
}

impl Shown {
    /// How many findings there are of a severity.
    pub(crate) fn n_findings(&self, severity: Severity) -> usize {
        let such = self.findings.iter().filter(|it| it.severity == severity);
        such.count()
    }
}

/// A place as people write it: `file:line:column`.
pub(crate) fn place_of(place: &Place) -> Option<String> {
    let file = place.source.as_ref()?;
    Some(format!("{file}:{}:{}", place.span.line, place.span.column))
}

/// The status of an instance.
pub(super) fn of(board: &Board, progress: &Progress, shown: Option<&Shown>) -> Value {
    let uptime = board.started.elapsed().unwrap_or_default();
    let mut value = json!({
        "role": board.role,
        "version": env!("CARGO_PKG_VERSION"),
        "commit": env!("PORTWAY_COMMIT"),
        "state": board.readiness().name(),
        "startedAt": time(board.started),
        "uptimeSeconds": uptime.as_secs_f64(),
        "config": config(progress),
    });
    let numbers = board.observer.get().map(Numbers::of);
    if let Some(observer) = board.observer.get() {
        extend(&mut value, traffic(observer));
    }
    if let Some(shown) = shown {
        extend(&mut value, served(shown, &numbers.unwrap_or_default()));
    }
    value
}

fn extend(value: &mut Value, more: Value) {
    if let (Value::Object(value), Value::Object(more)) = (value, more) {
        value.extend(more);
    }
}

fn time(at: SystemTime) -> Option<String> {
    let at = jiff::Timestamp::try_from(at).ok()?;
    Some(format!("{at:.3}"))
}

fn config(progress: &Progress) -> Value {
    let last_error = progress.last_error.as_ref();
    json!({
        "version": progress.version,
        "appliedVersion": progress.applied,
        "appliedAt": progress.applied_at.and_then(time),
        "applySeconds": progress.apply_time.as_secs_f64(),
        "errors": progress.n_errors,
        "lastError": last_error.map(|it| json!({
            "at": time(it.at),
            "what": it.what,
            "place": it.place,
        })),
    })
}

/// Totals of the data plane, and of each worker.
fn traffic(observer: &Observer) -> Value {
    let counters = observer.counters();
    let reasons = CloseReason::ALL.into_iter();
    let closed = reasons.map(|it| (it.name(), counters.closed(it)));
    let closed: BTreeMap<_, _> = closed.filter(|(_, n)| *n > 0).collect();
    let workers = observer.workers().into_iter().map(|it| {
        json!({
            "open": it.open,
            "accepted": it.accepted,
            "cpuSeconds": cpu_seconds(it.thread).map(|it| it.cpu),
        })
    });
    json!({
        "connections": {
            "open": counters.open,
            "accepted": counters.accepted,
            "closed": closed,
            "bytesToBackend": counters.bytes_to_backend,
            "bytesToClient": counters.bytes_to_client,
        },
        "dials": {
            "reached": counters.dial_times.iter().sum::<u64>(),
            "failed": counters.dials_failed,
        },
        "workers": workers.collect::<Vec<_>>(),
    })
}

/// What was counted, by name.
#[derive(Default)]
struct Numbers {
    listeners: BTreeMap<Arc<str>, Sum>,
    routes: BTreeMap<Arc<str>, Sum>,
    endpoints: BTreeMap<(Arc<str>, SocketAddr), EndpointNumbers>,
    /// Listeners with the routes that got their connections, of which there are own numbers.
    pairs: BTreeSet<(Arc<str>, Option<Arc<str>>)>,
    /// Other listeners, beyond the bound of series, are counted together.
    has_more_listeners: bool,
    /// Other endpoints are.
    has_more_endpoints: bool,
}

/// What is served and counted together with others: its own numbers are not known.
#[derive(Default)]
struct Together<'a> {
    listeners: BTreeSet<&'a str>,
    routes: BTreeSet<&'a str>,
    endpoints: BTreeSet<(&'a str, SocketAddr)>,
}

#[derive(Default)]
struct Sum {
    open: u64,
    accepted: u64,
    bytes_to_backend: u64,
    bytes_to_client: u64,
}

impl Sum {
    fn add(&mut self, stream: &StreamNumbers) {
        self.open += stream.open;
        self.accepted += stream.accepted;
        self.bytes_to_backend += stream.bytes_to_backend;
        self.bytes_to_client += stream.bytes_to_client;
    }

    fn value(&self) -> Value {
        json!({
            "open": self.open,
            "accepted": self.accepted,
            "bytesToBackend": self.bytes_to_backend,
            "bytesToClient": self.bytes_to_client,
        })
    }
}

impl Numbers {
    fn of(observer: &Observer) -> Self {
        let mut numbers = Self::default();
        for stream in observer.streams() {
            numbers.has_more_listeners |= stream.is_of_others();
            let listener = Arc::clone(&stream.listener);
            let pair = (Arc::clone(&listener), stream.route.clone());
            numbers.pairs.insert(pair);
            numbers.listeners.entry(listener).or_default().add(&stream);
            if let Some(route) = &stream.route {
                let route = Arc::clone(route);
                numbers.routes.entry(route).or_default().add(&stream);
            }
        }
        for endpoint in observer.endpoints() {
            numbers.has_more_endpoints |= endpoint.endpoint.is_none();
            if let Some(addr) = endpoint.endpoint {
                let key = (Arc::clone(&endpoint.backend), addr);
                numbers.endpoints.insert(key, endpoint);
            }
        }
        numbers
    }

    fn endpoint(&self, backend: &Arc<str>, addr: SocketAddr) -> Option<&EndpointNumbers> {
        self.endpoints.get(&(Arc::clone(backend), addr))
    }
}

impl<'a> Together<'a> {
    /// A route is known where all its listeners are.
    fn of(table: &'a TableSpec, numbers: &Numbers) -> Self {
        let mut together = Self::default();
        for listener in table
            .listeners
            .iter()
            .filter(|_| numbers.has_more_listeners)
        {
            let pair = (Arc::clone(&listener.name), listener.route.clone());
            if !numbers.pairs.contains(&pair) {
                together.listeners.insert(&listener.name);
                together.routes.extend(listener.route.as_deref());
            }
        }
        let routes = table.routes.iter().filter(|_| numbers.has_more_endpoints);
        for backend in routes.flat_map(|it| &it.backends) {
            let endpoints = backend.target.endpoints().iter();
            let uncounted = endpoints.filter(|it| numbers.endpoint(&backend.name, **it).is_none());
            let named = uncounted.map(|it| (&*backend.name, *it));
            together.endpoints.extend(named);
        }
        together
    }
}

/// What was counted of a listener or a route.
fn counted(sum: Option<&Sum>, is_together: bool) -> Value {
    match (is_together, sum) {
        (true, _) => json!({
            "open": null,
            "accepted": null,
            "bytesToBackend": null,
            "bytesToClient": null,
        }),
        (false, Some(sum)) => sum.value(),
        (false, None) => Sum::default().value(),
    }
}

fn served(shown: &Shown, numbers: &Numbers) -> Value {
    let together = Together::of(&shown.translation.host_table, numbers);
    let lines = outline::of(&shown.objects, &shown.translation);
    let refused = shown.refused.iter().map(|(addr, why)| {
        let address = addr.to_string();
        json!({ "address": address, "reason": why })
    });
    let left_out = lines.len().saturating_sub(STATUS_LISTENERS_MAX);
    json!({
        "gateways": gateways(shown, &lines, (numbers, &together)),
        "listenersLeftOut": left_out,
        "routes": routes(shown, (numbers, &together)),
        "routesLeftOut": route_statuses(shown).skip(STATUS_ROUTES_MAX).count(),
        "countedTogether": {
            "listeners": together.listeners.len(),
            "endpoints": together.endpoints.len(),
        },
        "refusedSockets": refused.collect::<Vec<_>>(),
        "files": files(&shown.unused),
        "findings": findings(shown),
    })
}

fn files(unused: &Unused) -> Value {
    let files =
        unused.files.iter().take(STATUS_FINDINGS_MAX).map(
            |it| json!({ "file": it.file, "errors": it.n_errors, "holdsWhatItHeld": it.holds }),
        );
    let unread = unused.unread.iter().take(STATUS_FINDINGS_MAX);
    json!({
        "unusedCount": unused.files.len(),
        "unused": files.collect::<Vec<_>>(),
        "unreadCount": unused.unread.len(),
        "unread": unread.collect::<Vec<_>>(),
    })
}

fn findings(shown: &Shown) -> Value {
    let worst_first = [Severity::Error, Severity::Warning, Severity::Note];
    let listed = worst_first.into_iter().flat_map(|severity| {
        let such = move |it: &&Diagnostic| it.severity == severity;
        shown.findings.iter().filter(such)
    });
    let listed = listed.take(STATUS_FINDINGS_MAX).map(|it| {
        let mut value = render::json::diagnostic(it);
        value["where"] = place_of(&it.place).into();
        value
    });
    json!({
        "errors": shown.n_findings(Severity::Error),
        "warnings": shown.n_findings(Severity::Warning),
        "notes": shown.n_findings(Severity::Note),
        "listed": listed.collect::<Vec<_>>(),
    })
}

/// Where listeners listen, by their names in the table.
struct Sockets<'a> {
    binds: BTreeMap<&'a str, &'a [SocketAddr]>,
    refused: &'a BTreeMap<SocketAddr, String>,
    absent: &'a BTreeSet<SocketAddr>,
}

/// What was counted, and of what that is not known.
type Counts<'a> = (&'a Numbers, &'a Together<'a>);

fn gateways(shown: &Shown, lines: &[ListenerLine], counts: Counts<'_>) -> Vec<Value> {
    let lines = &lines[..lines.len().min(STATUS_LISTENERS_MAX)];
    let statuses = shown.translation.statuses.iter();
    let gateways = statuses.filter_map(|(key, status)| match status {
        Status::Gateway(status) => Some((key, status)),
        Status::GatewayClass(_) | Status::Route(_) => None,
    });
    let mut by_gateway: BTreeMap<&ObjectKey, Vec<&ListenerLine>> = BTreeMap::new();
    for line in lines {
        by_gateway.entry(&line.gateway).or_default().push(line);
    }
    let planned = &shown.translation.host_table.listeners;
    let binds = planned.iter().map(|it| (&*it.name, &it.binds[..]));
    let sockets = Sockets {
        binds: binds.collect(),
        refused: &shown.refused,
        absent: &shown.facts.absent,
    };
    let value = |(key, status): (&ObjectKey, &GatewayStatus)| {
        let own = by_gateway.get(key).into_iter().flatten();
        let listeners = own.map(|it| listener(it, status, counts, &sockets));
        let addresses = status.addresses.iter().map(|it| it.value.clone());
        let mut value = json!({
            "namespace": key.namespace,
            "name": key.name,
            "addresses": addresses.collect::<Vec<_>>(),
            "listeners": listeners.collect::<Vec<_>>(),
        });
        value["accepted"] = condition(&status.conditions, kind::ACCEPTED);
        value["programmed"] = condition(&status.conditions, kind::PROGRAMMED);
        value
    };
    gateways.map(value).collect()
}

fn listener(
    line: &ListenerLine,
    status: &GatewayStatus,
    (numbers, together): Counts<'_>,
    sockets: &Sockets<'_>,
) -> Value {
    let name = format!(
        "{}/{}/{}",
        line.gateway.namespace, line.gateway.name, line.name
    );
    let declared = status.listeners.iter().find(|it| it.name == *line.name);
    let binds = sockets
        .binds
        .get(name.as_str())
        .copied()
        .unwrap_or_default();
    let (refused, absent) = (sockets.refused, sockets.absent);
    let bound = binds.iter();
    let bound = bound.filter(|it| !refused.contains_key(it) && !absent.contains(it));
    let sum = numbers.listeners.get(name.as_str());
    let is_together = together.listeners.contains(name.as_str());
    let mut value = json!({
        "name": line.name,
        "fullName": name,
        "protocol": line.protocol,
        "port": line.port,
        "sockets": bound.map(|it| it.to_string()).collect::<Vec<_>>(),
        "attachedRoutes": declared.map(|it| it.attached_routes),
        "connections": counted(sum, is_together),
    });
    extend(
        &mut value,
        match &line.fate {
            Fate::NotServed { reason, message } => json!({
                "fate": "not_served",
                "reason": reason,
                "message": message,
                "route": null,
            }),
            Fate::Rejects(reason) => json!({
                "fate": "rejects",
                "reason": reason.name(),
                "message": reason.sentence(),
                "route": null,
            }),
            Fate::Serves { route, .. } => json!({
                "fate": "serves",
                "reason": null,
                "message": null,
                "route": route,
            }),
        },
    );
    value
}

/// The condition of a type, without what only an API server needs.
fn condition(conditions: &[Condition], kind: &str) -> Value {
    let found = conditions.iter().find(|it| it.kind == kind);
    found.map_or(Value::Null, |it| {
        json!({
            "status": format!("{:?}", it.status),
            "reason": it.reason,
            "message": it.message,
        })
    })
}

/// The routes that name a Gateway of ours: others have no status from us.
fn route_statuses(shown: &Shown) -> impl Iterator<Item = (&ObjectKey, &RouteStatus)> {
    let statuses = shown.translation.statuses.iter();
    statuses.filter_map(|(key, status)| match status {
        Status::Route(status) => Some((key, status)),
        Status::GatewayClass(_) | Status::Gateway(_) => None,
    })
}

fn routes(shown: &Shown, (numbers, together): Counts<'_>) -> Vec<Value> {
    let planned = &shown.translation.host_table.routes;
    let planned: BTreeMap<&str, _> = planned.iter().map(|it| (&*it.name, it)).collect();
    let value = |(key, status): (&ObjectKey, &RouteStatus)| {
        let name = format!("{} {}/{}", key.kind.name(), key.namespace, key.name);
        let route = planned.get(name.as_str());
        let backends = route.map_or(&[][..], |it| &it.backends);
        let sum: u64 = backends.iter().map(|it| u64::from(it.weight)).sum();
        let backends = backends.iter().map(|it| backend(it, sum, numbers));
        let traffic = numbers.routes.get(name.as_str());
        let is_together = together.routes.contains(name.as_str());
        json!({
            "kind": key.kind.name(),
            "namespace": key.namespace,
            "name": key.name,
            "fullName": name,
            "parents": status.parents.iter().map(parent).collect::<Vec<_>>(),
            "backends": backends.collect::<Vec<_>>(),
            "connections": counted(traffic, is_together),
        })
    };
    let routes = route_statuses(shown).take(STATUS_ROUTES_MAX);
    routes.map(value).collect()
}

fn parent(status: &RouteParentStatus) -> Value {
    let to = &status.parent_ref;
    json!({
        "namespace": to.namespace,
        "name": to.name,
        "sectionName": to.section_name,
        "port": to.port,
        "accepted": condition(&status.conditions, kind::ACCEPTED),
        "resolvedRefs": condition(&status.conditions, kind::RESOLVED_REFS),
        "active": condition(&status.conditions, kind::ACTIVE),
    })
}

fn backend(backend: &BackendSpec, weight_sum: u64, numbers: &Numbers) -> Value {
    let (all, rejected) = match &backend.target {
        TargetSpec::Endpoints(all) => (&all[..], None),
        TargetSpec::Reject(reason) => (&[][..], Some(reason.name())),
    };
    let name = &backend.name;
    let mut endpoints: Vec<_> = all
        .iter()
        .map(|it| (*it, numbers.endpoint(name, *it)))
        .collect();
    let is_failing = |it: Option<&EndpointNumbers>| it.is_some_and(|it| it.failing_for > 0);
    let n_failing = endpoints.iter().filter(|(_, it)| is_failing(*it)).count();
    // Of many, those that someone should look at are among the listed.
    endpoints.sort_by_key(|(_, it)| !is_failing(*it));
    endpoints.truncate(STATUS_ENDPOINTS_MAX);
    json!({
        "name": name,
        "weight": backend.weight,
        "weightSum": weight_sum,
        "rejected": rejected,
        "endpointCount": all.len(),
        "failingCount": n_failing,
        "endpoints": endpoints
            .into_iter()
            .map(|(addr, counted)| endpoint(addr, counted, numbers))
            .collect::<Vec<_>>(),
    })
}

fn endpoint(addr: SocketAddr, counted: Option<&EndpointNumbers>, numbers: &Numbers) -> Value {
    let health = match counted {
        Some(it) if it.failing_for > 0 && it.avoided_by > 0 => Some("avoided"),
        Some(it) if it.failing_for > 0 => Some("failing"),
        Some(it) if it.reached > 0 => Some("reached"),
        None if numbers.has_more_endpoints => None,
        Some(_) | None => Some("untried"),
    };
    let failed = counted.map(|it| it.failed().map(|(_, n)| n).sum::<u64>());
    json!({
        "address": addr.to_string(),
        "health": health,
        "open": counted.map(|it| it.open),
        "reached": counted.map(|it| it.reached),
        "failedDials": failed,
        "bytesToBackend": counted.map(|it| it.bytes_to_backend),
        "bytesToClient": counted.map(|it| it.bytes_to_client),
    })
}
