//! From table to table: what stays is not touched, what goes is emptied, what is refused is told.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use portway_engine::limits::DIAL_TIMEOUT;
use portway_engine::table::{RouteSpec, TableSpec};

use crate::gateway::{
    ANY, Gateway, backend, connect, echo, free_port, greeter, key, listener, one_route, read_all,
    to,
};

/// A second listener, so that ports cannot be mixed up.
const OTHER: &str = "127.0.0.2:0";

/// The table of `to`, and a second listener with the same route.
fn with_other(endpoints: &[SocketAddr]) -> TableSpec {
    let mut spec = to(endpoints);
    spec.listeners
        .push(listener("edge/other", OTHER, Some("a")));
    spec
}

#[test]
fn tables_change_under_load_and_nobody_is_refused_or_reset() {
    let (a, b) = (greeter("a"), greeter("b"));
    let mut gateway = Gateway::with(&to(&[a]));
    let addr = gateway.addr();
    let stop = AtomicBool::new(false);
    let ask = || {
        let mut n = 0;
        while !stop.load(Ordering::Relaxed) {
            let answer = read_all(connect(addr)).unwrap();
            assert!(["a", "b"].contains(&&*answer), "{answer}");
            n += 1;
        }
        n
    };
    thread::scope(|scope| {
        let asking = [scope.spawn(ask), scope.spawn(ask), scope.spawn(ask)];
        for n in 0..200 {
            let spec = [to(&[a]), with_other(&[b]), to(&[b]), with_other(&[a, b])];
            assert!(gateway.apply(&spec[n % 4]).is_empty());
            assert_eq!(gateway.addr(), addr);
        }
        stop.store(true, Ordering::Relaxed);
        let n_answers: usize = asking.into_iter().map(|it| it.join().unwrap()).sum();
        assert!(n_answers > 0);
    });
}

#[test]
fn a_change_is_seen_by_the_next_connection() {
    let (a, b) = (greeter("a"), greeter("b"));
    let mut gateway = Gateway::with(&to(&[a]));
    for _ in 0..20 {
        assert_eq!(read_all(gateway.connect()).unwrap(), "a");
        gateway.apply(&to(&[b]));
        assert_eq!(read_all(gateway.connect()).unwrap(), "b");
        gateway.apply(&to(&[a]));
    }
}

#[test]
fn an_open_connection_outlives_its_listener_and_its_route() {
    let mut gateway = Gateway::with(&to(&[echo()]));
    let (addr, mut client) = (gateway.addr(), gateway.connect());
    let mut say = |text: &[u8; 4]| {
        let mut answer = [0; 4];
        client.write_all(text).unwrap();
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, text);
    };
    say(b"here");
    gateway.apply(&TableSpec::default());
    let error = TcpStream::connect(addr).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(gateway.proxy.bound(key(ANY)), None);
    say(b"stay");
}

#[test]
fn tickets_go_on_over_tables() {
    let backends = || vec![backend("a", 1, &[]), backend("b", 1, &[])];
    let (a, b) = (greeter("a"), greeter("b"));
    let spec = |other: &str| {
        let mut backends = backends();
        backends[0] = backend("a", 1, &[a]);
        backends[1] = backend("b", 1, &[b]);
        let mut spec = one_route(backends);
        spec.routes.push(RouteSpec {
            name: other.into(),
            backends: Vec::new(),
        });
        spec
    };
    let mut gateway = Gateway::with(&spec("first"));
    let first = read_all(gateway.connect()).unwrap();
    for n in 0..10 {
        gateway.apply(&spec(&n.to_string()));
        let answer = read_all(gateway.connect()).unwrap();
        assert_eq!(answer == first, n % 2 == 1, "{answer} after {first}");
    }
}

#[test]
fn of_many_tables_the_newest_wins() {
    let mut gateway = Gateway::start(2, DIAL_TIMEOUT);
    let endpoints = ["a", "b", "c"].map(greeter);
    for n in 0..100 {
        gateway.hand_out(&to(&endpoints[n % 3..=n % 3]));
    }
    let mut last = 0;
    while last < 100 {
        let (version, unbound) = gateway.next_applied();
        assert!(version.0 > last && unbound.is_empty());
        last = version.0;
    }
    assert_eq!(read_all(gateway.connect()).unwrap(), "a");
}

#[test]
fn an_address_in_use_is_told_and_taken_when_it_is_free() {
    let occupant = TcpListener::bind("127.0.0.3:0").unwrap();
    let taken = occupant.local_addr().unwrap().to_string();
    let mut spec = to(&[greeter("hello")]);
    spec.listeners
        .push(listener("edge/taken", &taken, Some("a")));
    let mut gateway = Gateway::start(2, DIAL_TIMEOUT);

    let unbound = gateway.apply(&spec);
    let [(refused, error)] = &*unbound else {
        panic!("{unbound:?}");
    };
    assert_eq!(
        (*refused, error.kind()),
        (key(&taken), io::ErrorKind::AddrInUse)
    );
    assert_eq!(read_all(gateway.connect()).unwrap(), "hello");

    drop(occupant);
    let (version, unbound) = gateway.next_applied();
    assert_eq!((version.0, unbound.len()), (1, 0));
    assert_eq!(read_all(connect(gateway.bound(&taken))).unwrap(), "hello");
}

#[test]
fn two_instances_do_not_share_an_address_silently() {
    let first = Gateway::with(&to(&[greeter("first")]));
    let addr = first.addr();
    let mut spec = to(&[greeter("second")]);
    spec.listeners = vec![listener("edge/a", &addr.to_string(), Some("a"))];
    let mut second = Gateway::start(2, DIAL_TIMEOUT);
    let unbound = second.apply(&spec);
    assert_eq!(unbound[0].1.kind(), io::ErrorKind::AddrInUse);
    for _ in 0..20 {
        assert_eq!(read_all(connect(addr)).unwrap(), "first");
    }
}

#[test]
fn an_address_not_of_this_host_is_told() {
    let mut spec = to(&[greeter("hello")]);
    // For documentation (RFC 5737), so nobody has it.
    let foreign = "192.0.2.1:80";
    spec.listeners
        .push(listener("edge/foreign", foreign, Some("a")));
    let unbound = Gateway::start(2, DIAL_TIMEOUT).apply(&spec);
    assert_eq!(unbound.len(), 1);
    assert_eq!(unbound[0].1.kind(), io::ErrorKind::AddrNotAvailable);
}

#[test]
fn a_listener_may_take_over_the_port_that_the_same_table_gives_up() {
    let port = free_port();
    let (here, everywhere) = (format!("127.0.0.1:{port}"), format!("0.0.0.0:{port}"));
    let mut spec = to(&[greeter("hello")]);
    let mut gateway = Gateway::start(2, DIAL_TIMEOUT);
    for bind in [&here, &everywhere, &here] {
        spec.listeners = vec![listener("edge/a", bind, Some("a"))];
        let unbound = gateway.apply(&spec);
        assert!(unbound.is_empty(), "{unbound:?}");
        let addr = gateway.proxy.bound(key(bind)).unwrap();
        assert_eq!(addr, bind.parse().unwrap());
        assert!(TcpStream::connect(&*here).is_ok());
    }
}

#[test]
fn ipv4_and_ipv6_are_two_sockets() {
    let port = free_port();
    let six = &*format!("[::]:{port}");
    let mut spec = to(&[greeter("hello")]);
    spec.listeners = vec![listener("edge/six", six, Some("a"))];
    let mut gateway = Gateway::start(2, DIAL_TIMEOUT);
    if let [(_, error)] = &*gateway.apply(&spec) {
        // A host without IPv6 says so, in whichever way it is without.
        assert_eq!(error.raw_os_error(), Some(97));
        return;
    }
    let four = format!("0.0.0.0:{port}");
    spec.listeners.push(listener("edge/four", &four, Some("a")));
    assert!(gateway.apply(&spec).is_empty());
    for addr in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let addr: SocketAddr = addr.parse().unwrap();
        assert_eq!(read_all(connect(addr)).unwrap(), "hello", "{addr}");
        assert_eq!(gateway.next_record().client.is_ipv6(), addr.is_ipv6());
    }
}
