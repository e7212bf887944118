//! What can be seen of a running proxy: numbers by listener, route and endpoint, and connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use portway_engine::conn::Side;
use portway_engine::conn::Stage;
use portway_engine::limits::DIAL_TIMEOUT;
use portway_engine::record::{CloseReason, DialError};
use portway_engine::table::{RejectReason, TableSpec};
use portway_proxy::{Cursor, EndpointNumbers, LiveConnection, StreamNumbers, Wanted};

use crate::gateway::{
    ANY, Gateway, by_hand, connect, echo, greeter, listener, one_route, read_all, refused,
    rejecting, to,
};

fn stream_of(gateway: &Gateway, listener: &str) -> StreamNumbers {
    let streams = gateway.proxy.observer().streams();
    let mut streams = streams.into_iter().filter(|it| &*it.listener == listener);
    let stream = streams.next().unwrap();
    assert_eq!(streams.next(), None);
    stream
}

fn endpoint_of(gateway: &Gateway, addr: SocketAddr) -> EndpointNumbers {
    let endpoints = gateway.proxy.observer().endpoints();
    let mut endpoints = endpoints.into_iter().filter(|it| it.endpoint == Some(addr));
    let endpoint = endpoints.next().unwrap();
    assert_eq!(endpoints.next(), None);
    endpoint
}

/// Sends `text` to an echo and hears it again.
fn say(mut client: &TcpStream, text: &str) {
    client.write_all(text.as_bytes()).unwrap();
    let mut heard = vec![0; text.len()];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(heard, text.as_bytes());
}

fn finish(client: TcpStream) {
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(client).unwrap(), "");
}

fn live(gateway: &Gateway) -> Vec<LiveConnection> {
    let page = gateway
        .proxy
        .observer()
        .connections(&Wanted::default(), Cursor::default(), 100);
    assert_eq!((page.next, page.silent), (None, Vec::new()));
    page.connections
}

#[test]
fn numbers_are_kept_by_listener_and_by_endpoint() {
    let addr = echo();
    let gateway = Gateway::with(&to(&[addr]));
    let before = stream_of(&gateway, "edge/a");
    assert_eq!((before.accepted, before.open), (0, 0));
    let client = gateway.connect();
    say(&client, "hello");
    let open = stream_of(&gateway, "edge/a");
    assert_eq!(
        (open.accepted, open.open, open.route.as_deref()),
        (1, 1, Some("a"))
    );
    let serving = endpoint_of(&gateway, addr);
    assert_eq!(
        (serving.reached, serving.open, &*serving.backend),
        (1, 1, "b")
    );
    finish(client);
    gateway.next_record();
    let over = stream_of(&gateway, "edge/a");
    assert_eq!((over.accepted, over.open), (1, 0));
    assert_eq!((over.bytes_to_backend, over.bytes_to_client), (5, 5));
    assert_eq!(over.closed(CloseReason::Finished), 1);
    assert_eq!(over.closed(CloseReason::ClientReset), 0);
    let served = endpoint_of(&gateway, addr);
    assert_eq!((served.reached, served.open), (1, 0));
    assert_eq!((served.bytes_to_backend, served.bytes_to_client), (5, 5));
}

/// What goes by the same names goes on counting; what is gone is forgotten once nobody uses it.
#[test]
fn numbers_survive_a_change_of_tables() {
    let (addr, other) = (echo(), greeter("other"));
    let mut gateway = Gateway::with(&to(&[addr]));
    let first = gateway.connect();
    say(&first, "one");
    gateway.apply(&to(&[addr, other]));
    say(&first, "two");
    assert_eq!(stream_of(&gateway, "edge/a").bytes_to_backend, 6);
    assert_eq!(endpoint_of(&gateway, addr).bytes_to_backend, 6);

    gateway.apply(&to(&[other]));
    say(&first, "three");
    assert_eq!(endpoint_of(&gateway, addr).bytes_to_backend, 11);
    finish(first);
    assert_eq!(gateway.next_record().reason, CloseReason::Finished);
    let endpoints = gateway.proxy.observer().endpoints();
    let left: Vec<_> = endpoints.iter().map(|it| it.endpoint).collect();
    assert_eq!(left, [Some(other)]);
    assert_eq!(stream_of(&gateway, "edge/a").accepted, 1);
}

#[test]
fn a_rejection_is_counted_at_its_listener() {
    let reason = RejectReason::NoEndpoint;
    let gateway = Gateway::with(&one_route(vec![rejecting("b", 1, reason)]));
    let _ = read_all(gateway.connect());
    gateway.next_record();
    let stream = stream_of(&gateway, "edge/a");
    assert_eq!((stream.accepted, stream.open), (1, 0));
    assert_eq!(stream.closed(CloseReason::Rejected(reason)), 1);
}

#[test]
fn a_failed_dial_is_seen_at_its_endpoint_until_it_is_reached_again() {
    let dead = refused();
    let mut gateway = Gateway::start(1, DIAL_TIMEOUT);
    gateway.apply(&to(&[dead, greeter("alive")]));
    assert_eq!(read_all(gateway.connect()).unwrap(), "alive");
    gateway.next_record();
    let endpoint = endpoint_of(&gateway, dead);
    let failed: Vec<_> = endpoint.failed().filter(|(_, n)| *n > 0).collect();
    assert_eq!(failed, [(DialError::Refused, 1)]);
    assert_eq!((endpoint.failing_for, endpoint.reached), (1, 0));
    let counters = gateway.proxy.counters();
    assert_eq!(counters.dials_failed, 1);
    assert_eq!(counters.dial_times.iter().sum::<u64>(), 1);
    assert!(counters.dial_time < DIAL_TIMEOUT, "{counters:?}");
}

#[test]
fn an_open_connection_is_shown_as_it_is() {
    let addr = echo();
    let gateway = Gateway::with(&to(&[refused(), addr]));
    let clients = [gateway.connect(), gateway.connect()];
    for client in &clients {
        say(client, "hello");
    }
    let shown = live(&gateway);
    assert_eq!(shown.len(), 2);
    for client in &clients {
        let own = client.local_addr().unwrap();
        let shown = shown.iter().find(|it| it.client == own).unwrap();
        assert_eq!(
            (&*shown.listener, shown.route.as_deref()),
            ("edge/a", Some("a"))
        );
        assert_eq!(
            (shown.backend.as_deref(), shown.endpoint),
            (Some("b"), Some(addr))
        );
        assert_eq!((shown.relayed.to_backend, shown.relayed.to_client), (5, 5));
        assert_eq!((shown.stage, shown.draining), (Stage::Relaying, false));
        assert!(shown.age < Duration::from_secs(60), "{:?}", shown.age);
    }
    assert_eq!(
        shown
            .iter()
            .filter(|it| !it.failed_dials.is_empty())
            .count(),
        1
    );
    for client in clients {
        finish(client);
        gateway.next_record();
    }
    assert_eq!(live(&gateway), []);
}

#[test]
fn a_half_closed_connection_says_who_is_finished() {
    let (addr, held) = by_hand();
    let gateway = Gateway::with(&to(&[addr]));
    let client = gateway.connect();
    let backend = held.recv().unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&backend).unwrap(), "");
    assert_eq!(live(&gateway)[0].stage, Stage::HalfClosed(Side::Client));
}

/// Two listeners: `edge/a` leads to `one`, `edge/z` to `two`.
fn two_routes(one: SocketAddr, two: SocketAddr) -> TableSpec {
    let (mut spec, mut other) = (to(&[one]), to(&[two]));
    spec.listeners
        .push(listener("edge/z", "127.0.0.2:0", Some("z")));
    for mut route in other.routes.drain(..) {
        route.name = "z".into();
        route.backends[0].name = "y".into();
        spec.routes.push(route);
    }
    spec
}

#[test]
fn connections_are_found_by_what_is_known_of_them() {
    let (one, two) = (echo(), echo());
    let spec = two_routes(one, two);
    let gateway = Gateway::with(&spec);
    let (a, z) = (
        connect(gateway.bound(ANY)),
        connect(gateway.bound("127.0.0.2:0")),
    );
    say(&a, "a");
    say(&z, "z");
    let observer = gateway.proxy.observer();
    let find = |wanted: &Wanted| {
        let page = observer.connections(wanted, Cursor::default(), 10);
        let found = page.connections.iter();
        found
            .map(|it| it.listener.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let some = |text: &str| Some(text.to_owned());
    let client = z.local_addr().unwrap();
    let mut wanted = Wanted {
        listener: some("edge/z"),
        ..Wanted::default()
    };
    assert_eq!(find(&wanted), "edge/z");
    wanted.route = some("a");
    assert_eq!(find(&wanted), "");
    wanted.listener = None;
    assert_eq!(find(&wanted), "edge/a");
    wanted.endpoint = Some(one);
    assert_eq!(find(&wanted), "edge/a");
    wanted.backend = some("y");
    assert_eq!(find(&wanted), "");
    (wanted.route, wanted.endpoint) = (None, Some(two));
    assert_eq!(find(&wanted), "edge/z");
    wanted.client_port = Some(client.port());
    assert_eq!(find(&wanted), "edge/z");
    wanted.client = Some("192.0.2.1".parse().unwrap());
    assert_eq!(find(&wanted), "");
}

#[test]
fn pages_show_every_connection_once() {
    let gateway = Gateway::with(&to(&[echo()]));
    let clients: Vec<TcpStream> = (0..25).map(|_| gateway.connect()).collect();
    for client in &clients {
        say(client, "x");
    }
    let observer = gateway.proxy.observer();
    let (mut seen, mut at) = (Vec::new(), Cursor::default());
    loop {
        let page = observer.connections(&Wanted::default(), at, 4);
        assert!(page.connections.len() <= 4 && page.silent.is_empty());
        seen.extend(page.connections.iter().map(|it| it.client));
        let Some(next) = page.next else { break };
        at = next;
    }
    seen.sort();
    let mut own: Vec<_> = clients.iter().map(|it| it.local_addr().unwrap()).collect();
    own.sort();
    assert_eq!(seen, own);
    let beyond = Cursor {
        worker: 9,
        place: u32::MAX,
    };
    assert_eq!(
        observer
            .connections(&Wanted::default(), beyond, 4)
            .connections,
        []
    );
}

/// Whoever looks at a proxy that has ended is told so, and waits for nobody for ever.
#[test]
fn a_proxy_that_has_ended_is_silent() {
    let gateway = Gateway::with(&to(&[echo()]));
    let observer = gateway.proxy.observer();
    gateway.proxy.shutdown(Duration::ZERO);
    let page = observer.connections(&Wanted::default(), Cursor::default(), 4);
    assert_eq!((page.connections, page.silent), (Vec::new(), vec![0, 1]));
    assert_eq!(observer.counters().open, 0);
}

#[test]
fn each_worker_is_seen_at_work() {
    let gateway = Gateway::with(&to(&[echo()]));
    let client = gateway.connect();
    say(&client, "x");
    let workers = gateway.proxy.observer().workers();
    assert_eq!(workers.len(), 2);
    assert!(
        workers.iter().all(|it| it.thread > 0 && it.wakeups > 0),
        "{workers:?}"
    );
    assert_eq!(workers.iter().map(|it| it.open).sum::<u64>(), 1);
    assert!(workers.iter().any(|it| it.events >= 3), "{workers:?}");
}

#[test]
fn the_ways_to_both_sides_are_in_the_record() {
    let gateway = Gateway::with(&to(&[echo()]));
    let client = gateway.connect();
    say(&client, "hello");
    finish(client);
    let record = gateway.next_record();
    for path in [record.client_path, record.backend_path] {
        let path = path.unwrap();
        assert!(
            path.rtt > Duration::ZERO && path.rtt < Duration::from_secs(10),
            "{path:?}"
        );
    }
    assert!(record.dial_time.unwrap() < DIAL_TIMEOUT);
}
