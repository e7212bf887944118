//! What the admin server tells: every field is documented, and what is documented is there.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use portway_control::manifest;
use portway_control::origin::Source;
use portway_control::snapshot::{CONTROLLER_NAME, Facts, Snapshot, Target};
use portway_control::translate::translate;
use portway_engine::limits::DIAL_TIMEOUT;
use portway_engine::table::{ListenerKey, Protocol, RoutingTable, TableVersion};
use portway_feed::Link;
use portway_proxy::limits::{ENDPOINT_SERIES_MAX, STREAM_SERIES_MAX};
use portway_proxy::{Config, Proxy, Report};
use serde_json::Value;
use tokio::sync::watch;

use super::{Board, Shown};
use crate::admin::{ASKS, Everywhere, PARAMETERS, Query, SUBJECT, SUBJECTS, Unexplained, View};
use crate::inputs::{Unused, UnusedFile};
use crate::limits::RELOAD_MAX;

const PATIENCE: Duration = Duration::from_secs(30);

/// Fields of `/api/v1/status`; `[]` is each of a list, `*` each of a map.
const STATUS: &[(&str, &str)] = &[
    ("role", "the verb that started the instance"),
    ("version", "its version"),
    ("commit", "the commit it was built from"),
    ("state", "`starting`, `ready` or `draining`"),
    ("startedAt", "when it was started"),
    ("uptimeSeconds", "since then"),
    (
        "config.version",
        "the newest table that was handed to the workers",
    ),
    (
        "config.appliedVersion",
        "the newest table that every worker has",
    ),
    ("config.appliedAt", "when every worker had it"),
    ("config.applySeconds", "how long that took"),
    (
        "config.errors",
        "errors of configuration found since the start",
    ),
    ("config.lastError.at", "when the last one was found"),
    ("config.lastError.what", "what it was, with its code"),
    ("config.lastError.place", "where: `file:line:column`"),
    ("connections.open", "connections open now"),
    (
        "connections.accepted",
        "connections accepted since the start",
    ),
    (
        "connections.closed.*",
        "connections that ended, by [close reason](close-reasons.md); those that occurred",
    ),
    (
        "connections.bytesToBackend",
        "bytes relayed from clients to endpoints",
    ),
    (
        "connections.bytesToClient",
        "bytes relayed from endpoints to clients",
    ),
    ("dials.reached", "dials that reached an endpoint"),
    ("dials.failed", "dials that failed"),
    ("workers[].open", "connections open now on this worker"),
    ("workers[].accepted", "connections it accepted"),
    ("workers[].cpuSeconds", "CPU time it took"),
    ("gateways[].namespace", "of the Gateway"),
    ("gateways[].name", "of the Gateway"),
    ("gateways[].addresses[]", "addresses in its status"),
    (
        "gateways[].accepted.status",
        "its condition `Accepted`: `True`, `False` or `Unknown`",
    ),
    ("gateways[].accepted.reason", "one word"),
    ("gateways[].accepted.message", "for people"),
    ("gateways[].programmed.status", "its condition `Programmed`"),
    ("gateways[].programmed.reason", "one word"),
    ("gateways[].programmed.message", "for people"),
    ("gateways[].listeners[].name", "of the listener"),
    (
        "gateways[].listeners[].fullName",
        "its name in metrics, logs and filters",
    ),
    ("gateways[].listeners[].protocol", "as declared"),
    ("gateways[].listeners[].port", "as declared"),
    (
        "gateways[].listeners[].sockets[]",
        "addresses it listens on",
    ),
    (
        "gateways[].listeners[].attachedRoutes",
        "routes that are attached, whether they get connections or not",
    ),
    (
        "gateways[].listeners[].fate",
        "`serves`, `rejects` (accepted and reset) or `not_served` (does not listen)",
    ),
    (
        "gateways[].listeners[].reason",
        "why it rejects or is not served",
    ),
    ("gateways[].listeners[].message", "the same for people"),
    (
        "gateways[].listeners[].route",
        "the route that gets its connections",
    ),
    (
        "gateways[].listeners[].connections.open",
        "open now; null, as all below, where it is counted together with others",
    ),
    (
        "gateways[].listeners[].connections.accepted",
        "accepted since it has this route",
    ),
    (
        "gateways[].listeners[].connections.bytesToBackend",
        "bytes to endpoints",
    ),
    (
        "gateways[].listeners[].connections.bytesToClient",
        "bytes to clients",
    ),
    (
        "listenersLeftOut",
        "listeners beyond the 10,000 that are told of",
    ),
    ("routes[].kind", "of the route"),
    ("routes[].namespace", "of the route"),
    ("routes[].name", "of the route"),
    ("routes[].fullName", "its name in metrics, logs and filters"),
    (
        "routes[].parents[].namespace",
        "of the Gateway it refers to; null: its own",
    ),
    ("routes[].parents[].name", "of that Gateway"),
    (
        "routes[].parents[].sectionName",
        "the listener it names, if any",
    ),
    ("routes[].parents[].port", "the port it names, if any"),
    (
        "routes[].parents[].accepted.status",
        "its condition `Accepted` there",
    ),
    ("routes[].parents[].accepted.reason", "one word"),
    ("routes[].parents[].accepted.message", "for people"),
    (
        "routes[].parents[].resolvedRefs.status",
        "its condition `ResolvedRefs`",
    ),
    ("routes[].parents[].resolvedRefs.reason", "one word"),
    ("routes[].parents[].resolvedRefs.message", "for people"),
    (
        "routes[].parents[].active.status",
        "its condition `portway.dev/Active`: whether it gets connections, and who else does",
    ),
    ("routes[].parents[].active.reason", "one word"),
    ("routes[].parents[].active.message", "for people"),
    (
        "routes[].backends[].name",
        "of the backend: `namespace/name:port`",
    ),
    ("routes[].backends[].weight", "its weight"),
    (
        "routes[].backends[].weightSum",
        "the sum of the route's weights",
    ),
    (
        "routes[].backends[].rejected",
        "why its share is reset, if it is",
    ),
    (
        "routes[].backends[].endpointCount",
        "how many endpoints it has",
    ),
    (
        "routes[].backends[].failingCount",
        "how many of them, as far as known, the newest dial of any worker failed to reach",
    ),
    (
        "routes[].backends[].endpoints[].address",
        "of the endpoint; at most 64 are told, those that fail first",
    ),
    (
        "routes[].backends[].endpoints[].health",
        "`reached`, `avoided` (the newest dial failed, a moment ago), `failing` (the same, and it is tried again by now) or `untried`; null, as all below, where it is counted together with others",
    ),
    (
        "routes[].backends[].endpoints[].open",
        "connections it serves now",
    ),
    (
        "routes[].backends[].endpoints[].reached",
        "dials that reached it",
    ),
    (
        "routes[].backends[].endpoints[].failedDials",
        "dials that failed",
    ),
    (
        "routes[].backends[].endpoints[].bytesToBackend",
        "bytes to it",
    ),
    (
        "routes[].backends[].endpoints[].bytesToClient",
        "bytes from it",
    ),
    (
        "routes[].connections.open",
        "connections of the route open now; null, as all below, where a listener of it is counted together with others",
    ),
    ("routes[].connections.accepted", "connections it got"),
    (
        "routes[].connections.bytesToBackend",
        "bytes to its endpoints",
    ),
    ("routes[].connections.bytesToClient", "bytes to clients"),
    ("routesLeftOut", "routes beyond the 10,000 that are told of"),
    (
        "countedTogether.listeners",
        "listeners beyond the bound of series (see [limits](limits.md)), of which only the sum is known: metrics have it as `(others)`",
    ),
    ("countedTogether.endpoints", "the same of endpoints"),
    (
        "files.unusedCount",
        "files that are not used as they are now, since they are broken",
    ),
    ("files.unused[].file", "the first 200 of them"),
    ("files.unused[].errors", "errors in it"),
    (
        "files.unused[].holdsWhatItHeld",
        "whether what it held before is used; otherwise nothing of it is",
    ),
    (
        "files.unreadCount",
        "paths that could not be read the last time; what they held before is used",
    ),
    (
        "files.unread[]",
        "the first 200 of them, each with the cause",
    ),
    ("refusedSockets[].address", "a socket that cannot be bound"),
    ("refusedSockets[].reason", "why"),
    (
        "findings.errors",
        "errors in the configuration as it is now",
    ),
    ("findings.warnings", "warnings in it"),
    ("findings.notes", "notes on it"),
    (
        "findings.listed[]",
        "the first 200, errors first, each as `check --output json` tells it, and `where`: `file:line:column`",
    ),
];

/// Fields of `/api/v1/connections`.
const CONNECTIONS: &[(&str, &str)] = &[
    ("open", "connections open now, of any kind"),
    ("connections[].client", "address and port of the client"),
    ("connections[].listener", "the listener that accepted it"),
    ("connections[].route", "the route that got it"),
    ("connections[].backend", "the backend it was given to"),
    (
        "connections[].endpoint",
        "the endpoint that is dialled or serves",
    ),
    (
        "connections[].state",
        "`dialling`, `relaying`, `client_finished` or `backend_finished` (that side has sent its FIN)",
    ),
    (
        "connections[].draining",
        "whether it lost its place in the configuration and is to end",
    ),
    ("connections[].ageSeconds", "since when it is open"),
    (
        "connections[].bytesToBackend",
        "bytes relayed to the endpoint so far",
    ),
    (
        "connections[].bytesToClient",
        "bytes relayed to the client so far",
    ),
    (
        "connections[].failedDials[].endpoint",
        "an endpoint that was tried before",
    ),
    ("connections[].failedDials[].error", "why that failed"),
    (
        "connections[].failedDials[].errno",
        "the kernel's number, where there is no word for it",
    ),
    ("connections[].worker", "the worker that serves it"),
    (
        "next",
        "the cursor of the next page (`after=…`); null: that was all",
    ),
    (
        "silentWorkers[]",
        "workers that did not answer within a second, as those that have ended",
    ),
];

/// Fields of `/api/v1/explain`.
const EXPLAIN: &[(&str, &str)] = &[
    ("title", "what is explained"),
    (
        "steps[].depth",
        "steps of a greater depth belong to the last one of a smaller depth",
    ),
    (
        "steps[].verdict",
        "`yes` and `no`: in favour of connections, or against them; `fact`: nothing was at stake",
    ),
    ("steps[].what", "what was decided"),
    (
        "steps[].place.file",
        "where the field that decided was written",
    ),
    ("steps[].place.line", "the line, from 1"),
    ("steps[].place.column", "the column, from 1"),
    ("steps[].place.field", "the field"),
    ("outcome", "what comes of it for connections"),
];

/// The paths of all leaves.
fn collect(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if path == "findings.listed[]" => assert!(fields.len() > 3),
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = match path {
                    "connections.closed" => "*",
                    _ => name,
                };
                let dot = if path.is_empty() { "" } else { "." };
                collect(value, &format!("{path}{dot}{name}"), paths);
            }
            return;
        }
        Value::Array(items) => {
            for item in items {
                collect(item, &format!("{path}[]"), paths);
            }
            return;
        }
        _ => {}
    }
    paths.insert(path.to_owned());
}

/// Each field is documented. What is null or empty now may stand for what lies below it.
fn check_fields(value: &Value, documented: &[(&str, &str)]) {
    let mut paths = BTreeSet::new();
    collect(value, "", &mut paths);
    for path in &paths {
        let is_known = |(known, _): &(&str, &str)| known.starts_with(path.as_str());
        assert!(documented.iter().any(is_known), "{path} is not documented");
    }
    for (known, _) in documented {
        assert!(
            paths.contains(*known),
            "{known} is documented and not there: {paths:#?}"
        );
    }
}

/// A Gateway with a listener that serves and one that is taken, and a route with a broken backend.
const OBJECTS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  gatewayClassName: portway
  addresses: [{type: IPAddress, value: 127.0.0.1}]
  listeners:
  - {name: a, protocol: TCP, port: 1}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: r, namespace: default}
spec:
  parentRefs: [{name: edge, sectionName: a}]
  rules: [{backendRefs: [{name: s, port: 80}, {name: missing, port: 80, weight: 0}]}]
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: default}
spec: {ports: [{port: 80, targetPort: ENDPOINT}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s-1, namespace: default, labels: {kubernetes.io/service-name: s}}
addressType: IPv4
ports: [{port: ENDPOINT}]
endpoints: [{addresses: [127.0.0.2]}, {addresses: [127.0.0.1]}]
";

/// A board and its data plane, through which one connection is open and one was closed.
struct Stage {
    board: Board,
    proxy: Proxy,
    open: TcpStream,
}

impl Stage {
    fn new() -> Self {
        let echo = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = echo.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in echo.incoming() {
                let (mut from, mut to) = {
                    let stream = stream.unwrap();
                    (stream.try_clone().unwrap(), stream)
                };
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        });
        let text = OBJECTS.replace("ENDPOINT", &port.to_string());
        let shown = shown(&text);
        let board = Board::new("run");
        let (sender, reports) = mpsc::sync_channel(100);
        let proxy = Proxy::start(&one_worker(), sender).unwrap();
        board.observe(proxy.observer());
        let mut spec = shown.translation.host_table.clone();
        spec.listeners[0].binds = vec![any()];
        let table = RoutingTable::build(TableVersion(1), &spec, None).unwrap();
        board.handed_out(TableVersion(1));
        proxy.apply(Arc::new(table));
        let Report::Applied { version, .. } = reports.recv_timeout(PATIENCE).unwrap() else {
            panic!("not applied");
        };
        board.applied(version, Duration::from_millis(3));
        board.config_error("PW0203: an error".into(), Some("a.yaml:3:1".into()));
        board.show(shown);
        let (protocol, addr) = (Protocol::Tcp, any());
        let to = proxy.bound(ListenerKey { protocol, addr }).unwrap();
        drop(talk(to));
        while !matches!(reports.recv_timeout(PATIENCE).unwrap(), Report::Closed(_)) {}
        let open = talk(to);
        // A byte is counted right after it was sent, so the client may be ahead.
        let observer = proxy.observer();
        while observer.counters().bytes_to_client < 10 {
            std::thread::yield_now();
        }
        Self { board, proxy, open }
    }
}

fn one_worker() -> Config {
    Config {
        workers: NonZeroUsize::MIN,
        dial_timeout: DIAL_TIMEOUT,
        measure_paths: false,
    }
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Connects, and hears an echo.
fn talk(to: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"hello").unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
    stream
}

fn shown(text: &str) -> Shown {
    let source = Source {
        name: "a.yaml".into(),
        text: text.into(),
    };
    let reading = manifest::read(&[source]);
    assert_eq!(reading.diagnostics, []);
    let translation = translate(&Snapshot {
        target: Target::Standalone,
        controller_name: CONTROLLER_NAME.into(),
        objects: reading.objects.clone(),
        facts: Facts::default(),
    });
    Shown {
        objects: reading.objects,
        facts: Facts::default(),
        unused: Unused {
            files: vec![UnusedFile {
                file: "b.yaml".into(),
                n_errors: 2,
                holds: true,
            }],
            unread: vec!["read c: no such file".into()],
        },
        findings: translation.diagnostics.clone(),
        translation: translation.into(),
        refused: [(SocketAddr::from(([127, 0, 0, 9], 9)), "in use".to_owned())].into(),
    }
}

#[test]
fn the_status_has_what_is_documented() {
    let stage = Stage::new();
    let status = stage.board.status().unwrap();
    check_fields(&status, STATUS);
    let listener = &status["gateways"][0]["listeners"][0];
    assert_eq!(listener["fate"], "serves");
    assert_eq!(listener["connections"]["open"], 1);
    assert_eq!(listener["connections"]["accepted"], 2);
    let route = &status["routes"][0];
    assert_eq!(route["connections"]["bytesToClient"], 10);
    // The first dial, of 127.0.0.2, failed, and since then it is avoided.
    let endpoints = &route["backends"][0]["endpoints"];
    assert_eq!(
        endpoints[0]["address"].as_str().unwrap().split(':').next(),
        Some("127.0.0.2")
    );
    assert_eq!(
        (&endpoints[0]["health"], &endpoints[1]["health"]),
        (&"avoided".into(), &"reached".into())
    );
    assert_eq!(endpoints[1]["reached"], 2);
    assert_eq!(status["config"]["lastError"]["place"], "a.yaml:3:1");
}

#[test]
fn connections_have_what_is_documented() {
    let stage = Stage::new();
    let connections = stage.board.connections(&Query::default()).unwrap();
    let mut whole = connections.clone();
    // Of what is not there now, an example.
    whole["silentWorkers"] = vec![0].into();
    let dial = serde_json::json!({ "endpoint": "127.0.0.2:1", "error": "refused", "errno": null });
    whole["connections"][0]["failedDials"] = vec![dial].into();
    check_fields(&whole, CONNECTIONS);
    assert_eq!(connections["connections"].as_array().unwrap().len(), 1);
    let nobody = Query::parse("client=192.0.2.1").unwrap();
    assert_eq!(
        stage.board.connections(&nobody).unwrap()["connections"],
        Value::Array(vec![])
    );
}

/// The same words as from files, with what the host says beside them.
#[test]
fn what_is_served_is_explained_where_it_is_served() {
    let stage = Stage::new();
    let route = stage.board.explain("tcproute/r").unwrap();
    assert_eq!(route["title"], "TCPRoute `default/r`");
    assert_eq!(route["steps"][0]["place"]["file"], "a.yaml");
    check_fields(&route, EXPLAIN);
    let again = stage.board.explain("TCPRoute/default/r").unwrap();
    assert_eq!(again, route);
    let address = stage.board.explain("127.0.0.1:1").unwrap();
    let outcome = address["outcome"].as_str().unwrap();
    assert!(outcome.contains("`default/r`"), "{outcome}");
    let why = |subject: &str| stage.board.explain(subject).unwrap_err().to_string();
    assert_eq!(
        why("tcproute/other"),
        "there is no TCPRoute `other`; there are default/r"
    );
    assert_eq!(why("PW0203"), "that is about no object");
    assert!(why("nonsense").starts_with("`nonsense` is no subject"));
    let early = Board::new("run").explain("tcproute/r").unwrap_err();
    assert_eq!(early, Unexplained::TooEarly);
    let fed = Board::new("proxy");
    fed.follow(watch::channel(Link::Down(None)).1);
    let none = fed.explain("tcproute/r").unwrap_err();
    assert_eq!(none, Unexplained::NoObjects);
}

#[test]
fn every_metric_of_the_data_plane_is_told() {
    let stage = Stage::new();
    let text = stage.board.metrics();
    for line in [
        "portway_connections_total 2",
        "portway_connections_open 1",
        "portway_listener_connections_open{listener=\"default/edge/a\",route=\"TCPRoute default/r\"} 1",
        "portway_relayed_bytes_total{to=\"client\"} 10",
        "portway_dials_failed_total 1",
        "portway_config_applied_version 1",
        "portway_config_apply_seconds_count 1",
        "portway_config_errors_total 1",
        "portway_config_findings{severity=\"warning\"} 1",
        "portway_sockets_refused 1",
        "portway_config_files_unused 1",
        "portway_config_files_unread 1",
        "portway_worker_connections_total{worker=\"0\"} 2",
        "portway_dial_seconds_count 2",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}\n{text}");
    }
    let told = |name: &str| text.contains(&format!("# TYPE {name}"));
    // This stage has neither of the two.
    let is_elsewhere =
        |name: &str| name.starts_with("portway_access_log") || name.starts_with("portway_feed");
    let here = crate::metrics::CATALOG.iter();
    for metric in here.filter(|it| !is_elsewhere(it.name)) {
        assert!(told(metric.name), "{}", metric.name);
    }
}

/// 65 listeners and routes with 64 endpoints each, and more listeners than are counted apart: of what is
/// not known no zero is told.
#[test]
fn what_is_counted_together_is_not_told_as_zero() {
    const ROUTES: usize = ENDPOINT_SERIES_MAX / 64 + 1;
    const GATEWAYS: usize = STREAM_SERIES_MAX / 64 + 1;
    portway_proxy::raise_fd_limit().unwrap();
    let gateways = (0..GATEWAYS).map(gateway_of_64);
    let routes = (0..ROUTES).map(route_to_64);
    let shown = shown(&gateways.chain(routes).collect::<String>());
    let mut spec = shown.translation.host_table.clone();
    for (n, listener) in (256..).zip(&mut spec.listeners) {
        let addr = Ipv4Addr::from_bits(0x7f00_0000 + n);
        listener.binds = vec![(addr, 0).into()];
    }
    let (sender, reports) = mpsc::sync_channel(100);
    let proxy = Proxy::start(&one_worker(), sender).unwrap();
    let table = RoutingTable::build(TableVersion(1), &spec, None).unwrap();
    proxy.apply(Arc::new(table));
    reports.recv_timeout(PATIENCE).unwrap();
    let board = Board::new("run");
    board.observe(proxy.observer());
    board.show(shown);

    let status = board.status().unwrap();
    let together = &status["countedTogether"];
    let n_more = GATEWAYS * 64 - STREAM_SERIES_MAX;
    assert_eq!(
        (&together["listeners"], &together["endpoints"]),
        (&n_more.into(), &64.into())
    );
    let gateways = status["gateways"].as_array().unwrap().iter();
    let listeners: Vec<&Value> = gateways
        .flat_map(|it| it["listeners"].as_array().unwrap())
        .collect();
    let nulls = |of: &[&Value], field: &str| of.iter().filter(|it| it[field].is_null()).count();
    let counts: Vec<&Value> = listeners.iter().map(|it| &it["connections"]).collect();
    let routes = status["routes"].as_array().unwrap().iter();
    let endpoints = routes.flat_map(|it| it["backends"][0]["endpoints"].as_array().unwrap());
    let endpoints: Vec<&Value> = endpoints.collect();
    assert_eq!(
        (counts.len(), endpoints.len()),
        (GATEWAYS * 64, ROUTES * 64)
    );
    for field in ["open", "accepted", "bytesToBackend", "bytesToClient"] {
        assert_eq!(nulls(&counts, field), n_more, "{field}");
    }
    for field in ["health", "open", "reached", "failedDials", "bytesToClient"] {
        assert_eq!(nulls(&endpoints, field), 64, "{field}");
    }
    // A route is known where its listener is.
    for route in status["routes"].as_array().unwrap() {
        let mine = |it: &&&Value| it["route"] == route["fullName"];
        let listener = listeners.iter().find(mine).unwrap();
        assert_eq!(
            listener["connections"]["open"],
            route["connections"]["open"]
        );
    }
}

fn gateway_of_64(n: usize) -> String {
    let listeners = (0..64).map(|it| {
        let port = 1 + n * 64 + it;
        format!("  - {{name: l{port}, protocol: TCP, port: {port}}}\n")
    });
    let listeners = listeners.collect::<String>();
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: g{n}, namespace: default}}
spec:
  gatewayClassName: portway
  addresses: [{{type: IPAddress, value: 127.0.0.1}}]
  listeners:
{listeners}---"
    )
}

fn route_to_64(n: usize) -> String {
    let (gateway, port) = (n / 64, n + 1);
    let endpoints = (0..64).map(|it| format!("{{addresses: [10.0.{n}.{it}]}}"));
    let endpoints = endpoints.collect::<Vec<_>>().join(", ");
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {{name: r{n}, namespace: default}}
spec:
  parentRefs: [{{name: g{gateway}, sectionName: l{port}}}]
  rules: [{{backendRefs: [{{name: s{n}, port: 80}}]}}]
---
apiVersion: v1
kind: Service
metadata: {{name: s{n}, namespace: default}}
spec: {{ports: [{{port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: s{n}, namespace: default, labels: {{kubernetes.io/service-name: s{n}}}}}
addressType: IPv4
ports: [{{port: 80}}]
endpoints: [{endpoints}]
---"
    )
}

/// Nobody takes reports of this stage any more.
#[test]
fn records_that_nobody_takes_are_told() {
    let stage = Stage::new();
    assert!(
        stage
            .board
            .metrics()
            .contains("\nportway_records_dropped_total 0\n")
    );
    drop(talk(stage.open.peer_addr().unwrap()));
    let observer = stage.proxy.observer();
    while observer.counters().reports_dropped == 0 {
        std::thread::yield_now();
    }
    assert!(
        stage
            .board
            .metrics()
            .contains("\nportway_records_dropped_total 1\n")
    );
}

/// The board says nothing of what is not there yet, and does not wait for it.
#[test]
fn before_the_start_there_is_little_to_tell() {
    let board = Board::new("run");
    assert_eq!(board.connections(&Query::default()), None);
    let status = board.status().unwrap();
    assert_eq!(
        (&status["state"], &status["gateways"]),
        (&"starting".into(), &Value::Null)
    );
    assert!(board.metrics().contains("portway_ready 0\n"));
}

#[test]
fn the_reference_of_the_admin_server_is_current() {
    let mut page = String::from(
        "# Admin server\n\nA running instance tells about itself over HTTP/1.1 on 127.0.0.1:9180 \
         (`--admin`) and on a Unix socket (`--admin-socket`). Nothing can be changed through it. Only \
         GET is answered, one request a connection; on TCP, Host must be an address or `localhost`, and \
         requests from other origins are refused. Errors are JSON with the field `error`, but for what is no HTTP request at all (400, 431), which gets no body.\n\n\
         In a Pod, what is marked is also told on the Pod's address, port 15021.\n\n\
         | path | tells | |\n|---|---|---|\n",
    );
    for (path, what, everywhere) in ASKS {
        let mark = match everywhere {
            Everywhere::Yes => "Pod",
            Everywhere::No => "",
        };
        _ = writeln!(page, "| `{path}` | {what} | {mark} |");
    }
    page += "\n## `/api/v1/status`\n\nFields are only ever added; `[]` is each of a list, `*` each of a \
             map. What is not known is null.\n\n| field | is |\n|---|---|\n";
    for (path, what) in STATUS {
        _ = writeln!(page, "| `{path}` | {what} |");
    }
    page += "\n## `/api/v1/connections`\n\nThe connections that are open, a page at a time, in no order that means anything. \
             Workers are asked, and answer between two batches of events; who asks does not slow down \
             the rest.\n\n| parameter | is | |\n|---|---|---|\n";
    for (name, value, what) in PARAMETERS {
        _ = writeln!(page, "| `{name}` | {value} | {what} |");
    }
    page += "\n| field | is |\n|---|---|\n";
    for (path, what) in CONNECTIONS {
        _ = writeln!(page, "| `{path}` | {what} |");
    }
    page += "\n## `/api/v1/explain`\n\nThe decisions behind one object or address, in order, as `portway explain --output json` prints them. \
             They are made once more from what is served. A `portway proxy` has no objects and answers 404.\n\n\
             | parameter | is |\n|---|---|\n";
    _ = writeln!(page, "| `{SUBJECT}` | {SUBJECTS} |");
    page += "\n| field | is |\n|---|---|\n";
    for (path, what) in EXPLAIN {
        _ = writeln!(page, "| `{path}` | {what} |");
    }
    crate::reference::check("admin-api.md", &page);
}

/// Two objects stand in two files for a moment, one after the other: it was nothing.
#[test]
fn an_error_of_a_moment_is_not_the_last() {
    let board = Board::new("run");
    let last = || board.progress().last_error.clone().map(|it| it.what);
    board.config_error("worse".into(), None);
    let mut progress = board.progress();
    let worse = progress.last_error.as_mut().unwrap();
    worse.at -= RELOAD_MAX;
    drop(progress);
    for what in ["a is there twice", "b is there twice"] {
        board.config_error(what.into(), Some("a.yaml:1:1".into()));
    }
    board.config_mended("b is there twice", Some("c.yaml:1:1"));
    board.config_mended("a is there twice", Some("a.yaml:1:1"));
    assert_eq!(last().as_deref(), Some("b is there twice"));
    board.config_mended("b is there twice", Some("a.yaml:1:1"));
    assert_eq!(last().as_deref(), Some("worse"));
    board.config_mended("worse", None);
    assert_eq!(last().as_deref(), Some("worse"), "it has lasted");
    assert_eq!(board.progress().n_errors, 3);
}
