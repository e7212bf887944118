//! What is counted together beyond the bound, and what is forgotten.

use std::net::SocketAddr;
use std::sync::Arc;

use portway_engine::record::DialError;
use portway_engine::table::diff::unshared_routes;
use portway_engine::table::{
    BackendSpec, ListenerSpec, Protocol, RouteSpec, RoutingTable, TableSpec, TableVersion,
    TargetSpec,
};
use portway_engine::time::Moment;

use super::{Ledger, OTHERS};
use crate::limits::{ENDPOINT_SERIES_MAX, STREAM_SERIES_MAX};
use crate::tally::Tallies;

fn table(n_listeners: usize, n_endpoints: usize, before: Option<&RoutingTable>) -> RoutingTable {
    let addr = |n: usize| {
        let n = u32::try_from(n).unwrap().to_be_bytes();
        SocketAddr::from(([10, n[1], n[2], n[3]], 80))
    };
    let listeners = (0..n_listeners).map(|n| ListenerSpec {
        name: format!("l{n:05}").into(),
        protocol: Protocol::Tcp,
        binds: vec![SocketAddr::from((
            [127, 0, 0, 1],
            u16::try_from(n + 1).unwrap(),
        ))],
        route: Some("r".into()),
    });
    let spec = TableSpec {
        listeners: listeners.collect(),
        routes: vec![RouteSpec {
            name: "r".into(),
            backends: vec![BackendSpec {
                name: "b".into(),
                weight: 1,
                target: TargetSpec::Endpoints((0..n_endpoints).map(addr).collect()),
            }],
        }],
        ..TableSpec::default()
    };
    RoutingTable::build(TableVersion(1), &spec, before).unwrap()
}

/// What a worker holds of a table.
fn take(
    ledger: &mut Ledger,
    before: Option<&RoutingTable>,
    table: &RoutingTable,
) -> Vec<Arc<Tallies>> {
    ledger.move_to(&unshared_routes(before, table));
    let listeners = table.listeners();
    listeners.map(|(_, it)| ledger.tallies(it, 0)).collect()
}

#[test]
fn beyond_the_bound_all_are_one() {
    let mut ledger = Ledger::new(1);
    let table = table(STREAM_SERIES_MAX + 5, ENDPOINT_SERIES_MAX + 5, None);
    let held = take(&mut ledger, None, &table);
    for tallies in &held {
        tallies.stream.opened();
    }
    for endpoint in 0..ENDPOINT_SERIES_MAX + 5 {
        held[0]
            .endpoint(Some((0, endpoint)))
            .unwrap()
            .reached(Moment::default());
    }
    let streams = ledger.streams();
    assert_eq!(streams.len(), STREAM_SERIES_MAX + 1);
    let others = streams.iter().find(|it| &*it.listener == OTHERS).unwrap();
    assert_eq!((others.accepted, others.open), (5, 5));
    let endpoints = ledger.endpoints(Moment::default());
    assert_eq!(endpoints.len(), ENDPOINT_SERIES_MAX + 1);
    let others = endpoints.iter().find(|it| it.endpoint.is_none()).unwrap();
    assert_eq!((others.reached, &*others.backend), (5, OTHERS));
}

#[test]
fn what_nobody_holds_is_forgotten() {
    let mut ledger = Ledger::new(1);
    let first = table(3, 3, None);
    let mut held = take(&mut ledger, None, &first);
    held[2].stream.opened();
    let connection = Arc::clone(&held[2]);
    let second = table(1, 1, Some(&first));
    held = take(&mut ledger, Some(&first), &second);
    let names = |ledger: &mut Ledger| {
        let streams = ledger.streams().into_iter();
        streams
            .map(|it| it.listener.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&mut ledger), ["l00000", "l00002"]);
    drop(connection);
    assert_eq!(names(&mut ledger), ["l00000"]);
    assert_eq!(ledger.endpoints(Moment::default()).len(), 1);
    drop(held);
}

/// A route that is the same costs nothing, and one that differs finds its numbers again.
#[test]
fn a_route_finds_its_numbers_again() {
    let mut ledger = Ledger::new(1);
    let first = table(1, 2, None);
    let before = take(&mut ledger, None, &first);
    before[0]
        .endpoint(Some((0, 1)))
        .unwrap()
        .reached(Moment::default());
    let same = table(1, 2, Some(&first));
    let again = take(&mut ledger, Some(&first), &same);
    assert!(Arc::ptr_eq(&before[0].route, &again[0].route));
    let other = table(1, 3, Some(&same));
    let more = take(&mut ledger, Some(&same), &other);
    assert!(!Arc::ptr_eq(&before[0].route, &more[0].route));
    assert_eq!(more[0].endpoint(Some((0, 1))).unwrap().reached.read(), 1);
}

/// An endpoint that no route names is told of while it serves a connection, and a route's connection
/// that is with another endpoint keeps none of the rest.
#[test]
fn an_endpoint_that_nobody_names_is_told_while_it_serves() {
    let mut ledger = Ledger::new(1);
    let first = table(1, 3, None);
    let before = take(&mut ledger, None, &first);
    let served = before[0].endpoint(Some((0, 2))).unwrap();
    served.reached(Moment::default());
    before[0]
        .endpoint(Some((0, 1)))
        .unwrap()
        .failed(DialError::Refused, None, Moment::default());
    let second = table(1, 1, Some(&first));
    let after = take(&mut ledger, Some(&first), &second);
    let told = |ledger: &mut Ledger| {
        let all = ledger.endpoints(Moment::default()).into_iter();
        all.map(|it| (it.endpoint.unwrap().ip().to_string(), it.is_named))
            .collect::<Vec<_>>()
    };
    let named = ("10.0.0.0".to_owned(), true);
    assert_eq!(
        told(&mut ledger),
        [named.clone(), ("10.0.0.2".to_owned(), false)]
    );
    served.open.subtract_one();
    assert_eq!(told(&mut ledger), [named]);
    drop((before, after));
}

/// Two workers: what the newest of their dials said holds, whoever made it.
#[test]
fn an_endpoint_fails_until_any_worker_reaches_it() {
    let mut ledger = Ledger::new(2);
    let table = table(1, 1, None);
    ledger.move_to(&unshared_routes(None, &table));
    let (_, listener) = table.listeners().next().unwrap();
    let held = [0, 1].map(|worker| ledger.tallies(listener, worker));
    let of = |worker: usize| held[worker].endpoint(Some((0, 0))).unwrap();
    let at = Moment::from_nanos;
    let mut failing = || {
        let all = ledger.endpoints(at(1000));
        all.iter().map(|it| it.failing_for).sum::<u64>()
    };
    assert_eq!(failing(), 0);
    of(0).failed(DialError::Refused, Some(at(50)), at(10));
    assert_eq!(failing(), 1, "nobody reached it since");
    of(1).reached(at(20));
    assert_eq!(failing(), 0, "the other did");
    of(1).failed(DialError::OutOfResources, None, at(25));
    assert_eq!(failing(), 0, "that was not its fault");
    of(1).failed(DialError::Refused, Some(at(70)), at(30));
    assert_eq!(failing(), 1);
    of(0).failed(DialError::Refused, Some(at(80)), at(40));
    assert_eq!(failing(), 2);
    of(1).reached(at(60));
    assert_eq!(failing(), 0);
}
