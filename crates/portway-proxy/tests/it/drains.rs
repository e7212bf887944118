//! What open connections get when their place is taken away.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use portway_engine::record::CloseReason;
use portway_engine::table::{Drain, DrainSpec, TableSpec};
use portway_engine::time::Moment;

use crate::gateway::{Gateway, PATIENCE, echo, to};

const SPREAD: Duration = Duration::from_secs(2);

/// What a step of the timers, and a machine that is busy elsewhere, may add to it.
const LATE: Duration = Duration::from_secs(2);

/// A table to `endpoint`, with this drain of its route.
fn draining(endpoint: SocketAddr, drain: Drain) -> TableSpec {
    let mut spec = to(&[endpoint]);
    spec.drains.push(DrainSpec {
        route: "a".into(),
        backend: None,
        drain,
    });
    spec
}

fn say(client: &mut TcpStream) {
    let mut answer = [0; 4];
    client.write_all(b"here").unwrap();
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"here");
}

/// Clients that are connected to the endpoint.
fn clients(gateway: &Gateway, n: usize) -> Vec<TcpStream> {
    let mut clients: Vec<TcpStream> = (0..n).map(|_| gateway.connect()).collect();
    clients.iter_mut().for_each(say);
    clients
}

/// The next `n` connections that are over, all of them drained; when they ended.
fn drained(gateway: &Gateway, n: usize) -> Vec<Moment> {
    let ended = (0..n).map(|_| {
        let record = gateway.next_record();
        assert_eq!(record.reason, CloseReason::Drained);
        record.ended
    });
    let ended = ended.collect();
    assert_eq!(
        gateway.proxy.counters().closed(CloseReason::Drained),
        n as u64
    );
    ended
}

#[test]
fn who_lost_its_endpoint_ends_at_once_where_that_is_asked_for() {
    let (gone, left) = (echo(), echo());
    let mut gateway = Gateway::with(&to(&[gone, left]));
    let mut clients = clients(&gateway, 600);
    gateway.apply(&draining(left, Drain::Now));
    drained(&gateway, 300);
    // Endpoints take strict turns, and those of the other are not touched.
    let (mut n_reset, mut n_open) = (0, 0);
    for client in &mut clients {
        let mut answer = [0; 4];
        let said = client.write_all(b"here");
        match said.and_then(|()| client.read_exact(&mut answer)) {
            Ok(()) => n_open += 1,
            Err(_) => n_reset += 1,
        }
    }
    assert_eq!((n_reset, n_open), (300, 300));
    assert_eq!(gateway.proxy.open_connections(), 300);
}

#[test]
fn spread_ends_come_within_the_time_and_not_together() {
    let mut gateway = Gateway::with(&to(&[echo()]));
    let _clients = clients(&gateway, 40);
    gateway.apply(&draining(echo(), Drain::Spread(SPREAD)));
    // Their ends are drawn by now.
    let applied = gateway.proxy.observer().now();
    let ended = drained(&gateway, 40);
    let (first, last) = (ended.iter().min().unwrap(), ended.iter().max().unwrap());
    assert!(last.since(applied) < SPREAD + LATE, "{last:?}, {applied:?}");
    let apart = last.since(*first);
    assert!(apart > Duration::from_millis(100), "{apart:?}");
}

#[test]
fn kept_ones_stay_until_the_drain_is_changed() {
    let mut gateway = Gateway::with(&to(&[echo()]));
    let mut clients = clients(&gateway, 20);
    let other = echo();
    gateway.apply(&to(&[other]));
    clients.iter_mut().for_each(say);
    gateway.apply(&draining(other, Drain::Spread(PATIENCE * 100)));
    clients.iter_mut().for_each(say);
    gateway.apply(&draining(other, Drain::Now));
    drained(&gateway, 20);
}

#[test]
fn who_gets_its_endpoint_back_stays() {
    let (first, other) = (echo(), echo());
    let mut gateway = Gateway::with(&to(&[first]));
    let mut clients = clients(&gateway, 20);
    for _ in 0..3 {
        gateway.apply(&draining(other, Drain::Spread(PATIENCE * 100)));
        gateway.apply(&draining(first, Drain::Now));
        clients.iter_mut().for_each(say);
    }
    assert_eq!(gateway.proxy.open_connections(), 20);
}

#[test]
fn of_a_removed_route_the_last_word_holds() {
    let mut gateway = Gateway::with(&draining(echo(), Drain::Now));
    let _clients = clients(&gateway, 10);
    gateway.apply(&TableSpec::default());
    drained(&gateway, 10);
}
