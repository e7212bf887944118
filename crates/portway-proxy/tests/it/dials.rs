//! Dials that fail, and what a client does meanwhile.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use portway_engine::record::{CloseReason, DialError};
use portway_engine::table::TableSpec;
use rustix::net::{AddressFamily, SocketType};

use crate::gateway::{
    ANY, Gateway, connect, echo, greeter, is_reset, one_route, read_all, reset, to,
};

/// Short, for dials that are never answered.
const SHORT: Duration = Duration::from_millis(200);

/// Long, for dials that must not end before the test does.
const LONG: Duration = Duration::from_secs(60);

/// An endpoint that answers no dial: its queue has room for one connection, which is there.
struct BlackHole {
    addr: SocketAddr,
    _queue: (OwnedFd, TcpStream),
}

impl BlackHole {
    fn open() -> Self {
        let family = AddressFamily::INET;
        let socket = rustix::net::socket(family, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &ANY.parse::<SocketAddr>().unwrap()).unwrap();
        rustix::net::listen(&socket, 0).unwrap();
        let addr = rustix::net::getsockname(&socket)
            .unwrap()
            .try_into()
            .unwrap();
        let only = connect(addr);
        let _queue = (socket, only);
        Self { addr, _queue }
    }
}

fn gateway_with(spec: &TableSpec, dial_timeout: Duration) -> Gateway {
    let mut gateway = Gateway::start(2, dial_timeout);
    assert!(gateway.apply(spec).is_empty());
    gateway
}

#[test]
fn an_endpoint_that_does_not_answer_is_passed_over_for_the_next() {
    let hole = BlackHole::open();
    let gateway = gateway_with(&to(&[hole.addr, greeter("alive")]), SHORT);
    assert_eq!(read_all(gateway.connect()).unwrap(), "alive");
    let record = gateway.next_record();
    assert_eq!(record.failed_dials, [(hole.addr, DialError::TimedOut)]);
    assert_eq!(record.reason, CloseReason::Finished);
}

#[test]
fn when_no_endpoint_answers_the_client_is_reset() {
    let (one, two) = (BlackHole::open(), BlackHole::open());
    let gateway = gateway_with(&to(&[one.addr, two.addr]), SHORT);
    assert!(is_reset(&gateway.connect()));
    let record = gateway.next_record();
    let tried = [
        (one.addr, DialError::TimedOut),
        (two.addr, DialError::TimedOut),
    ];
    assert_eq!(record.failed_dials, tried);
    assert_eq!(record.reason, CloseReason::DialFailed);
}

/// TCP to the broadcast address of loopback: the kernel knows no way.
#[test]
fn an_unreachable_endpoint_is_told_from_a_refused_one() {
    let nowhere = "127.255.255.255:9".parse().unwrap();
    let gateway = gateway_with(&to(&[nowhere, greeter("alive")]), LONG);
    assert_eq!(read_all(gateway.connect()).unwrap(), "alive");
    let tried = gateway.next_record().failed_dials;
    assert_eq!(tried, [(nowhere, DialError::Unreachable)]);
}

#[test]
fn a_client_that_goes_away_during_the_dial_is_not_dialled_for_any_longer() {
    let hole = BlackHole::open();
    let gateway = gateway_with(&to(&[hole.addr]), LONG);
    let client = gateway.connect();
    gateway.wait_until("accepted", |it| it.open_connections() == 1);
    reset(client);
    let record = gateway.next_record();
    assert_eq!(
        (record.reason, record.endpoint),
        (CloseReason::ClientGone, None)
    );
}

#[test]
fn what_a_client_sends_during_the_dial_arrives_and_so_does_its_fin() {
    let hole = BlackHole::open();
    let gateway = gateway_with(&to(&[hole.addr, echo()]), SHORT);
    let mut client = gateway.connect();
    client.write_all(b"early").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client).unwrap(), "early");
    assert_eq!(gateway.next_record().reason, CloseReason::Finished);
}

#[test]
fn retries_stay_within_the_chosen_backend() {
    let hole = BlackHole::open();
    let gateway = gateway_with(
        &one_route(vec![
            crate::gateway::backend("dead", 1, &[hole.addr]),
            crate::gateway::backend("alive", 1, &[greeter("alive")]),
        ]),
        SHORT,
    );
    let addr = gateway.addr();
    let turns: Vec<bool> = (0..6).map(|_| read_all(connect(addr)).is_ok()).collect();
    assert!(turns.windows(2).all(|pair| pair[0] != pair[1]), "{turns:?}");
}
