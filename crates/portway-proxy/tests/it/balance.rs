//! Who gets a connection: by weight, exactly; and what happens when nobody can.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;

use portway_engine::record::{CloseReason, DialError};
use portway_engine::table::{BackendSpec, RejectReason};

use crate::gateway::{
    Gateway, backend, connect, expect_reasons, greeter, is_reset, one_route, read_all, refused,
    rejecting, to,
};

/// Connects `n` times at once from several threads and counts who answered; a reset counts as "-".
fn answers(addr: SocketAddr, n: usize) -> BTreeMap<String, usize> {
    const THREADS: usize = 4;
    let ask = move |_| read_all(connect(addr)).unwrap_or_else(|_| "-".to_owned());
    let asking: Vec<_> = (0..THREADS)
        .map(|_| thread::spawn(move || (0..n / THREADS).map(ask).collect::<Vec<_>>()))
        .collect();
    let mut counts = BTreeMap::new();
    for answer in asking.into_iter().flat_map(|it| it.join().unwrap()) {
        *counts.entry(answer).or_default() += 1;
    }
    counts
}

fn check_answers(backends: Vec<BackendSpec>, n: usize, expected: &[(&str, usize)]) {
    let gateway = Gateway::with(&one_route(backends));
    let expected = expected.iter().map(|(name, n)| ((*name).to_owned(), *n));
    assert_eq!(answers(gateway.addr(), n), expected.collect());
}

#[test]
fn weights_are_exact_over_all_workers() {
    check_answers(
        vec![
            backend("70", 70, &[greeter("seventy")]),
            backend("30", 30, &[greeter("thirty")]),
            backend("0", 0, &[greeter("zero")]),
        ],
        500,
        &[("seventy", 350), ("thirty", 150)],
    );
}

#[test]
fn endpoints_of_a_backend_take_turns() {
    let endpoints = ["a", "b", "c", "d"].map(greeter);
    check_answers(
        vec![backend("b", 1, &endpoints)],
        100,
        &[("a", 25), ("b", 25), ("c", 25), ("d", 25)],
    );
}

#[test]
fn of_two_equal_backends_one_invalid_every_other_connection_is_reset() {
    let gateway = Gateway::with(&one_route(vec![
        backend("good", 1, &[greeter("good")]),
        rejecting("bad", 1, RejectReason::InvalidBackend),
    ]));
    let addr = gateway.addr();
    let turns: Vec<bool> = (0..20).map(|_| read_all(connect(addr)).is_ok()).collect();
    assert!(turns.windows(2).all(|pair| pair[0] != pair[1]), "{turns:?}");
}

#[test]
fn a_rejected_connection_is_accepted_and_then_reset() {
    let no_endpoint = rejecting("none", 1, RejectReason::NoEndpoint);
    let gateway = Gateway::with(&one_route(vec![no_endpoint]));
    assert!(is_reset(&gateway.connect()));
    let record = gateway.next_record();
    assert_eq!(
        record.reason,
        CloseReason::Rejected(RejectReason::NoEndpoint)
    );
    assert_eq!(
        (record.endpoint, record.backend),
        (None, Some("none".into()))
    );
}

#[test]
fn a_refused_endpoint_is_passed_over_for_the_next() {
    let gone = refused();
    let gateway = Gateway::with(&to(&[gone, greeter("alive")]));
    for _ in 0..10 {
        assert_eq!(read_all(gateway.connect()).unwrap(), "alive");
    }
    let tried = (0..10).map(|_| gateway.next_record().failed_dials);
    let tried: Vec<_> = tried.filter(|it| !it.is_empty()).collect();
    // Avoided from then on, by each worker for itself.
    assert!((1..=5).contains(&tried.len()), "{tried:?}");
    assert!(tried.iter().all(|it| *it == [(gone, DialError::Refused)]));
}

#[test]
fn when_all_endpoints_refuse_the_client_is_reset_and_the_record_says_who_was_tried() {
    let gone = refused();
    let other = SocketAddr::from(([127, 0, 0, 2], gone.port()));
    let gateway = Gateway::with(&to(&[gone, other]));
    assert!(is_reset(&gateway.connect()));
    let record = gateway.next_record();
    let tried = [(gone, DialError::Refused), (other, DialError::Refused)];
    assert_eq!(
        (record.reason, record.endpoint),
        (CloseReason::DialFailed, None)
    );
    assert_eq!(record.failed_dials, tried);
    expect_reasons(&gateway, &[(CloseReason::DialFailed, 1)]);
}
