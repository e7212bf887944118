//! Descriptors run out. In a test binary of its own, since the limit is the process's.
#![cfg(test)]

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portway_engine::limits::DIAL_TIMEOUT;
use portway_engine::record::{CloseReason, ConnRecord, DialError};
use portway_engine::table::{
    BackendSpec, ListenerKey, ListenerSpec, Protocol, RouteSpec, RoutingTable, TableSpec,
    TableVersion, TargetSpec,
};
use portway_proxy::{Config, Proxy, Report};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt::{self, Timeout};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const PATIENCE: Duration = Duration::from_secs(30);

const ANY: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// One test at a time changes the limit.
static LIMIT: Mutex<()> = Mutex::new(());

fn limit_to(n: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(n);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

/// A socket that is not connected yet.
fn tcp_socket() -> OwnedFd {
    let family = rustix::net::AddressFamily::INET;
    rustix::net::socket(family, rustix::net::SocketType::STREAM, None).unwrap()
}

struct Gateway {
    proxy: Proxy,
    reports: Receiver<Report>,
    addr: SocketAddr,
    backend: TcpListener,
}

impl Gateway {
    /// One worker that believes in a limit of `n` descriptors; the rest of the test has more.
    fn with_limit(n: u64) -> Self {
        Self::with_backend(TcpListener::bind(ANY).unwrap(), n)
    }

    fn with_backend(backend: TcpListener, n: u64) -> Self {
        // Accepting must not wait for ever either.
        sockopt::set_socket_timeout(&backend, Timeout::Recv, Some(PATIENCE)).unwrap();
        let endpoint = backend.local_addr().unwrap();
        Self::to(vec![endpoint], backend, n)
    }

    /// The same, with other endpoints.
    fn to(endpoints: Vec<SocketAddr>, backend: TcpListener, n: u64) -> Self {
        let spec = TableSpec {
            listeners: vec![ListenerSpec {
                name: "edge/a".into(),
                protocol: Protocol::Tcp,
                binds: vec![ANY],
                route: Some("a".into()),
            }],
            routes: vec![RouteSpec {
                name: "a".into(),
                backends: vec![BackendSpec {
                    name: "b".into(),
                    weight: 1,
                    target: TargetSpec::Endpoints(endpoints),
                }],
            }],
            ..TableSpec::default()
        };
        let table = RoutingTable::build(TableVersion(1), &spec, None).unwrap();
        let (sender, reports) = mpsc::sync_channel(4096);
        let config = Config {
            workers: NonZeroUsize::MIN,
            dial_timeout: DIAL_TIMEOUT,
            measure_paths: false,
        };
        limit_to(n);
        let proxy = Proxy::start(&config, sender).unwrap();
        limit_to(4096);
        proxy.apply(Arc::new(table));
        let applied = reports.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(applied, Report::Applied { .. }), "{applied:?}");
        let (protocol, addr) = (Protocol::Tcp, ANY);
        let addr = proxy.bound(ListenerKey { protocol, addr }).unwrap();
        Self {
            proxy,
            reports,
            addr,
            backend,
        }
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.addr).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// A client and its endpoint's connection.
    fn pair(&self) -> (TcpStream, TcpStream) {
        let client = self.connect();
        (client, self.backend.accept().unwrap().0)
    }

    fn next_pause(&self) -> bool {
        loop {
            match self.reports.recv_timeout(PATIENCE).unwrap() {
                Report::AcceptPaused(paused) => return paused,
                Report::Closed(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn next_record(&self) -> ConnRecord {
        loop {
            match self.reports.recv_timeout(PATIENCE).unwrap() {
                Report::Closed(record) => return *record,
                Report::AcceptPaused(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// 70 descriptors less a worker's 4 and a reserve of 16 are a listening socket and 24 connections.
#[test]
fn accepting_pauses_when_descriptors_run_out_and_resumes_when_some_are_free() {
    let _guard = LIMIT.lock().unwrap_or_else(PoisonError::into_inner);
    let gateway = Gateway::with_limit(70);
    let mut open: Vec<_> = (0..24).map(|_| gateway.pair()).collect();
    // Not refused: they wait in the kernel's queue.
    let waiting: Vec<_> = (0..5).map(|_| gateway.connect()).collect();
    assert!(gateway.next_pause());
    let counters = gateway.proxy.counters();
    assert_eq!((counters.open, counters.accept_pauses), (24, 1));

    for _ in &waiting {
        drop(open.pop());
        gateway.backend.accept().unwrap();
    }
    assert!(!gateway.next_pause());
    assert_eq!(gateway.proxy.counters().accepted, 29);
    drop((open, waiting));
}

/// Descriptors that others in this process took are not in our books; the kernel's word counts.
/// Whoever was accepted with the last one is dialled for from the spare socket.
#[test]
fn with_one_descriptor_left_one_more_client_is_served_and_the_next_waits() {
    let _guard = LIMIT.lock().unwrap_or_else(PoisonError::into_inner);
    let gateway = Gateway::with_limit(4096);
    // The worker opens its spare sockets when it first accepts.
    let first = gateway.pair();
    let clients = [tcp_socket(), tcp_socket()];
    limit_to(256);
    let mut others: Vec<OwnedFd> = Vec::new();
    while let Ok(other) = gateway.backend.try_clone() {
        others.push(other.into());
    }
    drop(others.pop());
    rustix::net::connect(&clients[0], &gateway.addr).unwrap();
    let mut dialled = [PollFd::new(&gateway.backend, PollFlags::IN)];
    assert_eq!(
        poll(&mut dialled, Some(&PATIENCE.try_into().unwrap())),
        Ok(1)
    );
    rustix::net::connect(&clients[1], &gateway.addr).unwrap();
    assert!(gateway.next_pause());
    drop(others);
    limit_to(4096);
    let served = [(); 2].map(|()| gateway.backend.accept().unwrap());
    assert!(!gateway.next_pause());
    drop((first, clients, served));
    let reasons = [(); 3].map(|()| gateway.next_record().reason);
    assert_eq!(reasons, [CloseReason::Finished; 3]);
}

/// Descriptors of no use, below those of the spare sockets if no client came yet.
fn others(gateway: &Gateway) -> Vec<OwnedFd> {
    let clone = |_| gateway.backend.try_clone().unwrap().into();
    (0..64).map(clone).collect()
}

/// Lowers the limit so that one more is to be had beneath it, and connects.
fn connect_with_room_for_one(gateway: &Gateway, others: &mut Vec<OwnedFd>) -> OwnedFd {
    let client = tcp_socket();
    let room = others.pop().unwrap();
    limit_to(u64::try_from(room.as_raw_fd()).unwrap() + 1);
    drop(room);
    rustix::net::connect(&client, &gateway.addr).unwrap();
    client
}

/// The spare socket is above a limit that was lowered beneath a running instance; it is there.
#[test]
fn a_client_accepted_under_a_lowered_limit_is_served_from_the_spare_socket() {
    let _guard = LIMIT.lock().unwrap_or_else(PoisonError::into_inner);
    let of_hosts = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        Ipv6Addr::LOCALHOST.into(),
    ];
    let backends = of_hosts.map(|host| TcpListener::bind((host, 0)));
    // A host may have no IPv6.
    assert!(backends[0].is_ok());
    for backend in backends.into_iter().flatten() {
        one_more_is_served(&Gateway::with_backend(backend, 4096));
    }
}

fn one_more_is_served(gateway: &Gateway) {
    let mut others = others(gateway);
    let first = gateway.pair();
    let client = connect_with_room_for_one(gateway, &mut others);
    let mut dialled = [PollFd::new(&gateway.backend, PollFlags::IN)];
    assert_eq!(
        poll(&mut dialled, Some(&PATIENCE.try_into().unwrap())),
        Ok(1)
    );
    limit_to(4096);
    let served = gateway.backend.accept().unwrap();
    drop((first, client, served, others));
    let reasons = [(); 2].map(|()| gateway.next_record().reason);
    assert_eq!(reasons, [CloseReason::Finished; 2]);
}

/// There is one spare socket, and the endpoint that it was for refused.
#[test]
fn a_connection_without_a_descriptor_for_its_second_dial_is_reset() {
    let _guard = LIMIT.lock().unwrap_or_else(PoisonError::into_inner);
    let refusing = [(); 2].map(|()| {
        let socket = tcp_socket();
        rustix::net::bind(&socket, &ANY).unwrap();
        TcpListener::from(socket)
    });
    let endpoints = refusing.each_ref().map(|it| it.local_addr().unwrap());
    let backend = TcpListener::bind(ANY).unwrap();
    let gateway = Gateway::to(endpoints.to_vec(), backend, 4096);
    let mut others = others(&gateway);
    drop(gateway.connect());
    assert_eq!(gateway.next_record().failed_dials.len(), 2);
    let client = connect_with_room_for_one(&gateway, &mut others);
    let record = gateway.next_record();
    limit_to(4096);
    drop(others);
    assert_eq!(record.reason, CloseReason::DialFailed);
    let errors: Vec<_> = record.failed_dials.iter().map(|it| it.1).collect();
    assert_eq!(errors, [DialError::Refused, DialError::OutOfResources]);
    let error = TcpStream::from(client).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn when_even_accepting_fails_nobody_is_reset_and_it_goes_on_later() {
    let _guard = LIMIT.lock().unwrap_or_else(PoisonError::into_inner);
    let gateway = Gateway::with_limit(4096);
    limit_to(256);
    let client = tcp_socket();
    let mut others: Vec<OwnedFd> = Vec::new();
    while let Ok(other) = gateway.backend.try_clone() {
        others.push(other.into());
    }
    rustix::net::connect(&client, &gateway.addr).unwrap();
    assert!(gateway.next_pause());
    drop(others);
    limit_to(4096);
    let (server, _) = gateway.backend.accept().unwrap();
    assert!(!gateway.next_pause());
    drop((client, server));
    assert_eq!(gateway.next_record().reason, CloseReason::Finished);
}
