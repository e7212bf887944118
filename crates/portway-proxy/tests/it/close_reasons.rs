//! Every reason for which a connection can end, brought about on real sockets where that takes no
//! minutes; the others are named with the test that has them.

use std::net::TcpStream;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use portway_engine::limits::DIAL_TIMEOUT;
use portway_engine::record::CloseReason;
use portway_engine::table::{RejectReason, TableSpec};

use crate::gateway::{
    ANY, Gateway, PATIENCE, backend, by_hand, connect, echo, expect_reasons, greeter, is_reset,
    listener, one_route, read_all, refused, rejecting, reset, to,
};

/// A client and its endpoint, connected through a gateway.
fn pair() -> (Gateway, TcpStream, TcpStream, Receiver<TcpStream>) {
    let (addr, connections) = by_hand();
    let gateway = Gateway::with(&to(&[addr]));
    let client = gateway.connect();
    let server = connections.recv_timeout(PATIENCE).unwrap();
    (gateway, client, server, connections)
}

/// Brings one connection to its end; whoever needs the gateway later gets it back.
fn end_for(reason: CloseReason) -> Option<Gateway> {
    match reason {
        CloseReason::Finished => {
            let gateway = Gateway::with(&to(&[greeter("bye")]));
            read_all(gateway.connect()).unwrap();
            Some(gateway)
        }
        CloseReason::ClientReset => {
            let (gateway, client, server, _) = pair();
            reset(client);
            assert!(is_reset(&server));
            Some(gateway)
        }
        CloseReason::BackendReset => {
            let (gateway, client, server, _) = pair();
            reset(server);
            assert!(is_reset(&client));
            Some(gateway)
        }
        CloseReason::DialFailed => {
            let gateway = Gateway::with(&to(&[refused()]));
            assert!(is_reset(&gateway.connect()));
            Some(gateway)
        }
        CloseReason::Rejected(reason) => Some(end_for_rejection(reason)),
        // relay/tests.rs: errors are told as these ends; conn/tests.rs: ends become these reasons.
        CloseReason::ClientTimeout
        | CloseReason::BackendTimeout
        | CloseReason::ClientError(_)
        | CloseReason::BackendError(_) => None,
        // dials.rs: a_client_that_goes_away_during_the_dial_is_not_dialled_for_any_longer.
        CloseReason::ClientGone => None,
        // shutdown_resets_what_is_left_when_the_drain_is_over, below.
        CloseReason::Shutdown => None,
        // drains.rs: who_lost_its_endpoint_ends_at_once_where_that_is_asked_for.
        CloseReason::Drained => None,
        // tests/descriptors.rs: a_connection_without_a_descriptor_for_its_dial_is_reset.
        CloseReason::OutOfResources => None,
    }
}

fn end_for_rejection(reason: RejectReason) -> Gateway {
    let spec = match reason {
        RejectReason::NoRoute => TableSpec {
            listeners: vec![listener("edge/a", ANY, None)],
            ..TableSpec::default()
        },
        RejectReason::NoWeight => one_route(vec![backend("b", 0, &[greeter("never")])]),
        _ => one_route(vec![rejecting("b", 1, reason)]),
    };
    let gateway = Gateway::with(&spec);
    assert!(is_reset(&gateway.connect()));
    gateway
}

#[test]
fn every_reason_is_told_in_the_record_and_counted() {
    for reason in CloseReason::ALL {
        if let Some(gateway) = end_for(reason) {
            assert_eq!(gateway.next_record().reason, reason);
            expect_reasons(&gateway, &[(reason, 1)]);
            let counters = gateway.proxy.counters();
            assert_eq!((counters.accepted, counters.open), (1, 0), "{reason:?}");
        }
    }
}

#[test]
fn shutdown_lets_open_connections_finish() {
    let (gateway, client, server, _connections) = pair();
    let Gateway { proxy, reports, .. } = gateway;
    let ending = std::thread::spawn(move || proxy.shutdown(Duration::from_secs(600)));
    drop((client, server));
    ending.join().unwrap();
    let records: Vec<_> = reports.try_iter().collect();
    assert!(format!("{records:?}").contains("Finished"), "{records:?}");
}

#[test]
fn shutdown_resets_what_is_left_when_the_drain_is_over() {
    let (gateway, client, server, _connections) = pair();
    let Gateway { proxy, reports, .. } = gateway;
    proxy.shutdown(Duration::ZERO);
    assert!(is_reset(&client) && is_reset(&server));
    let records: Vec<_> = reports.try_iter().collect();
    assert!(format!("{records:?}").contains("Shutdown"), "{records:?}");
}

/// More connections are left than the channel has room for, and nobody reads before all are closed.
#[test]
fn the_last_records_wait_for_a_reader_that_is_behind() {
    const N: usize = 100;
    let mut gateway = Gateway::start_with_reports(1, DIAL_TIMEOUT, N / 4);
    gateway.apply(&to(&[echo()]));
    let _clients: Vec<_> = (0..N).map(|_| gateway.connect()).collect();
    gateway.wait_until("accepted", |it| it.open_connections() == N as u64);
    let Gateway { proxy, reports, .. } = gateway;
    let observer = proxy.observer();
    let ending = std::thread::spawn(move || proxy.shutdown(Duration::ZERO));
    while observer.counters().open > 0 {
        std::thread::yield_now();
    }
    let records = reports.iter().map(|it| format!("{it:?}"));
    assert_eq!(records.filter(|it| it.contains("Shutdown")).count(), N);
    ending.join().unwrap();
    assert_eq!(observer.counters().reports_dropped, 0);
}

#[test]
fn after_a_shutdown_nobody_listens() {
    let gateway = Gateway::with(&to(&[greeter("hello")]));
    let addr = gateway.addr();
    read_all(connect(addr)).unwrap();
    gateway.proxy.shutdown(Duration::ZERO);
    let error = TcpStream::connect(addr).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

/// A consumer that reads nothing loses records, which are counted, and stalls nobody.
#[test]
fn reports_that_nobody_takes_are_dropped_and_counted() {
    let mut gateway = Gateway::start_with_reports(1, DIAL_TIMEOUT, 1);
    gateway.apply(&to(&[greeter("hello")]));
    for _ in 0..20 {
        assert_eq!(read_all(gateway.connect()).unwrap(), "hello");
    }
    expect_reasons(&gateway, &[(CloseReason::Finished, 20)]);
    gateway.wait_until("dropped", |it| it.counters().reports_dropped == 19);
    // What is rare is not lost: it waits for room.
    gateway.hand_out(&to(&[greeter("other")]));
    assert_eq!(gateway.next_record().reason, CloseReason::Finished);
    assert_eq!(gateway.next_applied().0.0, 2);
}
