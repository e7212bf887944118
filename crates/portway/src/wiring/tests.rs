//! Which sockets nobody can want on a host without IPv6; that statuses follow tables.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::time::Duration;

use portway_control::manifest;
use portway_control::origin::Source;
use portway_control::snapshot::Objects;
use portway_engine::limits::DIAL_TIMEOUT;
use portway_engine::record::CloseReason;
use portway_engine::table::{ListenerSpec, Protocol, RoutingTable, TableSpec, TableVersion};

use super::{Change, Config, FIRST, News, Standalone};
use crate::conn_log::Heard;
use crate::host::beside_ipv4;

/// Changes that wait at any time, and those after which statuses are not waited for any more: some
/// twenty times as many as it takes.
const N_WAITING: u32 = 100;
const N_CHANGES_MAX: u32 = 500_000;

fn listener(name: &str, binds: &[&str]) -> ListenerSpec {
    ListenerSpec {
        name: name.into(),
        protocol: Protocol::Tcp,
        binds: binds.iter().map(|it| it.parse().unwrap()).collect(),
        route: None,
    }
}

/// The last two have one port, but are two listeners: of one there is nothing.
#[test]
fn a_listener_on_ipv6_alone_is_missed_though_another_has_its_port_on_ipv4() {
    let listeners = [
        listener("both", &["0.0.0.0:1", "[::]:1"]),
        listener("alone", &["[::]:2"]),
        listener("other", &["0.0.0.0:2"]),
    ];
    let spec = TableSpec {
        listeners: listeners.into(),
        ..TableSpec::default()
    };
    let table = RoutingTable::build(FIRST, &spec, None).unwrap();
    let refused = ["[::]:1", "[::]:2"].map(|it| {
        let addr: SocketAddr = it.parse().unwrap();
        (addr, io::Error::from(io::ErrorKind::Unsupported))
    });
    let (absent, alone) = beside_ipv4(Some(&table), refused.into());
    let ports = |of: &[(SocketAddr, io::Error)]| -> Vec<u16> {
        of.iter().map(|(addr, _)| addr.port()).collect()
    };
    assert_eq!((ports(&absent), ports(&alone)), (vec![1], vec![2]));
}

const NAMED: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: portway
  addresses: [{value: ADDRESS}]
  listeners: [{name: a, port: PORT, protocol: TCP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: db, port: 5432}]}]
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {ports: [{port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db, labels: {kubernetes.io/service-name: db}}
addressType: FQDN
endpoints: [{addresses: [db.example.com]}]
ports: [{port: 5432}]
";

fn named(address: &str) -> Objects {
    let port = free_addr().port().to_string();
    read(&NAMED.replace("ADDRESS", address).replace("PORT", &port))
}

fn free_addr() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn read(text: &str) -> Objects {
    let source = Source {
        name: "a.yaml".into(),
        text: text.into(),
    };
    manifest::read(&[source]).objects
}

/// One worker, and nothing to serve.
fn started() -> Standalone {
    started_with(Objects::default(), |_| None)
}

fn started_with(
    objects: Objects,
    tell: impl FnMut(Heard<'_>) -> Option<Duration> + Send + 'static,
) -> Standalone {
    let config = Config {
        proxy: portway_proxy::Config {
            workers: NonZeroUsize::MIN,
            dial_timeout: DIAL_TIMEOUT,
            measure_paths: false,
        },
        drain_timeout: Duration::ZERO,
        admin: Vec::new(),
    };
    let mut standalone = Standalone::start(&config, None, objects, None, tell).unwrap();
    while standalone.next(None).unwrap() != Change::Translated {}
    standalone
}

/// A worker that hangs must be seen: the newest table is not the applied one.
#[test]
fn a_table_is_told_of_before_the_workers_have_it() {
    let mut standalone = started();
    standalone.snapshot.objects = named("127.0.0.1");
    standalone.sender.send(News::TimePassed).unwrap();
    assert_eq!(standalone.next(None).unwrap(), Change::HandedOut);
    assert_eq!(standalone.progress(), Some((TableVersion(2), None)));
    while standalone.next(None).unwrap() != Change::Translated {}
    let (version, time) = standalone.progress().unwrap();
    assert_eq!((version, time.is_some()), (TableVersion(2), true));
    standalone.shutdown();
}

/// A worker died, and what it had is over; what others had is told as it is at any other end.
#[test]
fn connections_that_are_cut_are_told_before_the_end() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let (at, to) = (free_addr(), backend.local_addr().unwrap());
    let text = NAMED.replace("ADDRESS", "127.0.0.1");
    let text = text.replace("PORT", &at.port().to_string());
    let text = text.replace("FQDN", "IPv4");
    let text = text.replace("db.example.com", "127.0.0.1");
    let (text, _) = text.rsplit_once("ports:").unwrap();
    let objects = read(&format!("{text}ports: [{{port: {}}}]\n", to.port()));
    let (told, ends) = mpsc::channel();
    let standalone = started_with(objects, move |heard| {
        if let Heard::Closed(record) = heard {
            told.send((record.endpoint, record.reason)).unwrap();
        }
        None
    });
    let clients = [(); 50].map(|()| TcpStream::connect(at).unwrap());
    let servers = [(); 50].map(|()| backend.accept().unwrap());
    standalone.cut();
    let ends: Vec<_> = ends.try_iter().collect();
    assert_eq!(ends, [(Some(to), CloseReason::Shutdown); 50]);
    drop((clients, servers));
}

/// A standby gets the address it shares when it takes over. 192.0.2.0/24 is nobody's. Spec: RFC 5737.
#[test]
fn an_address_that_is_not_here_is_looked_for_again() {
    let mut standalone = started();
    let mut is_looked_for = |address| {
        standalone.snapshot.objects = named(address);
        standalone.learn_addresses();
        standalone.addresses_from.is_some()
    };
    assert!(is_looked_for("192.0.2.1"));
    assert!(!is_looked_for("127.0.0.1"));
    standalone.shutdown();
}

/// There is always a change that waits, so that the workers never have the newest table for long:
/// statuses would wait for an end that does not come.
#[test]
fn statuses_come_while_tables_change_without_end() {
    let mut standalone = started();
    // No name is asked for, as only objects from files are: what it resolves to comes from here.
    standalone.snapshot.objects = named("127.0.0.1");
    let sender = standalone.sender.clone();
    let change = |n| {
        let addrs = vec![Ipv4Addr::from_bits(0x7f00_0002 + n).into()];
        let resolved = [("db.example.com".into(), addrs)].into();
        sender.send(News::Resolved(resolved)).unwrap();
    };
    (0..N_WAITING).for_each(change);
    let is_told = (N_WAITING..N_CHANGES_MAX).any(|n| {
        let is_told = standalone.next(None).unwrap() == Change::Translated;
        change(n);
        is_told
    });
    assert!(is_told, "no word about any of {N_CHANGES_MAX} tables");
    standalone.shutdown();
}
