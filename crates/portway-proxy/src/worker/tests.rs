//! A worker without a thread: what it does between two batches can be watched.

use std::io::{Read, Write};
use std::iter;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, mpsc::Sender};
use std::thread;
use std::time::Duration;

use portway_engine::drain::Pace;
use portway_engine::limits::DIAL_TIMEOUT;
use portway_engine::table::{
    BackendSpec, Listener, ListenerSpec, Protocol, RouteSpec, RoutingTable, TableSpec,
    TableVersion, TargetSpec,
};

use super::{Birth, Worker};
use crate::applier::Order;
use crate::clock::Clock;
use crate::descriptors::Descriptors;
use crate::limits::{ACCEPT_RETRY, ACCEPTS_PER_TURN, ACCEPTS_UNSEEN, SOCKETS_PER_TURN};
use crate::listener;
use crate::slot::{Duty, Plan, Slot};
use crate::sys::tcp;

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn worker(orders: Sender<Order>) -> (Worker, Arc<Slot>, Clock) {
    let (clock, slot) = (Clock::start(), Arc::new(Slot::new().unwrap()));
    let worker = Worker::new(Birth {
        clock,
        slot: Arc::clone(&slot),
        counts: Arc::default(),
        descriptors: Arc::new(Descriptors::new(1000)),
        orders,
        reports: mpsc::sync_channel(100).0,
        dial_timeout: DIAL_TIMEOUT,
        measure_paths: false,
        pace: Pace::shared_by(1),
        seed: 0,
        ports_from: 1024,
    });
    (worker.unwrap(), slot, clock)
}

/// A listener of a table, with one endpoint.
pub(super) fn planned(endpoint: SocketAddr) -> Arc<Listener> {
    planned_at("127.0.0.1:0".parse().unwrap(), endpoint)
}

fn planned_at(bind: SocketAddr, endpoint: SocketAddr) -> Arc<Listener> {
    let spec = TableSpec {
        listeners: vec![ListenerSpec {
            name: "edge/a".into(),
            protocol: Protocol::Tcp,
            binds: vec![bind],
            route: Some("a".into()),
        }],
        routes: vec![RouteSpec {
            name: "a".into(),
            backends: vec![BackendSpec {
                name: "b".into(),
                weight: 1,
                target: TargetSpec::Endpoints(vec![endpoint]),
            }],
        }],
        ..TableSpec::default()
    };
    let table = RoutingTable::build(TableVersion(1), &spec, None).unwrap();
    Arc::clone(table.listeners().next().unwrap().1)
}

fn acknowledged(orders: &Receiver<Order>) -> bool {
    matches!(orders.try_recv(), Ok(Order::Acknowledge(_)))
}

/// Lets the worker listen on any port; where that is.
pub(super) fn listen(worker: &mut Worker, slot: &Slot, listener: Arc<Listener>) -> SocketAddr {
    let key = listener.keys[0];
    let mut opened = listener::open(key.addr, 1).unwrap();
    let ticket = Arc::default();
    let duty = Duty {
        listener,
        ticket,
        tallies: Arc::default(),
    };
    slot.put(|wishes| {
        wishes.plan = Some(Plan {
            opened: vec![(key, opened.sockets.remove(0), duty)],
            ..Plan::default()
        });
    });
    worker.obey();
    opened.addr
}

#[test]
fn who_waits_on_a_socket_that_is_closed_is_served() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = planned(backend.local_addr().unwrap());
    let key = listener.keys[0];
    let (orders, received) = mpsc::channel();
    let (mut worker, slot, clock) = worker(orders);
    let addr = listen(&mut worker, &slot, listener);
    assert!(acknowledged(&received));

    // The worker does not run, so all of them wait.
    let clients: Vec<_> = (0..50).map(|_| TcpStream::connect(addr).unwrap()).collect();
    assert_eq!(worker.connections.len(), 0);
    slot.put(|wishes| {
        wishes.plan = Some(Plan {
            closed: vec![key],
            ..Plan::default()
        });
    });
    worker.obey();
    assert!(acknowledged(&received));
    assert_eq!(worker.connections.len(), clients.len());
    assert!(TcpStream::connect(addr).is_err());

    slot.put(|wishes| wishes.stop = Some(clock.now().after(PATIENCE)));
    let greeter = thread::spawn(move || {
        for _ in 0..50 {
            backend.accept().unwrap().0.write_all(b"hello").unwrap();
        }
    });
    let serving = thread::spawn(move || worker.run());
    for mut client in clients {
        let mut greeting = String::new();
        client.read_to_string(&mut greeting).unwrap();
        assert_eq!(greeting, "hello");
    }
    greeter.join().unwrap();
    serving.join().unwrap().unwrap();
}

/// After a flood the next client stands behind all who are gone.
#[test]
fn nobody_is_dialled_for_clients_who_left_a_long_queue() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut worker, slot, _) = worker(mpsc::channel().0);
    let addr = listen(&mut worker, &slot, planned(backend.local_addr().unwrap()));
    for _ in 1..ACCEPTS_PER_TURN {
        let client = TcpStream::connect(addr).unwrap();
        tcp::reset_on_close(client.as_fd()).unwrap();
    }
    let _there = TcpStream::connect(addr).unwrap();
    all_are_ready(&mut worker);
    worker.accept();
    let n_accepted = u64::try_from(ACCEPTS_PER_TURN).unwrap();
    assert_eq!(worker.site.counts.accepted.read(), n_accepted);
    assert_eq!(worker.connections.len(), ACCEPTS_UNSEEN + 1);
}

/// A client on each of more listeners than one turn accepts from.
fn clients_of_many(worker: &mut Worker, slot: &Slot, backend: &TcpListener) -> Vec<TcpStream> {
    let at = |last| SocketAddr::from(([127, 0, 0, last], 0));
    let binds = (1..).map(at).take(SOCKETS_PER_TURN + 1);
    let clients = binds.map(|bind| {
        let listener = planned_at(bind, backend.local_addr().unwrap());
        TcpStream::connect(listen(worker, slot, listener)).unwrap()
    });
    clients.collect()
}

fn all_are_ready(worker: &mut Worker) {
    let keys: Vec<_> = worker.accepting.by_key.values().copied().collect();
    keys.into_iter().for_each(|key| worker.accepting.ready(key));
}

/// Whoever is connected does not wait for all who come to a thousand listeners.
#[test]
fn in_one_turn_some_sockets_are_accepted_from_and_the_others_in_the_next() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut worker, slot, _) = worker(mpsc::channel().0);
    let clients = clients_of_many(&mut worker, &slot, &backend);
    all_are_ready(&mut worker);
    worker.accept();
    assert_eq!(worker.connections.len(), SOCKETS_PER_TURN);
    assert_eq!(worker.patience(), Some(Duration::ZERO));
    worker.accept();
    assert_eq!(worker.connections.len(), clients.len());
}

/// The next who come to the listeners are not waited for.
#[test]
fn accepting_has_resumed_when_all_that_waited_had_their_turn() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let (orders, received) = mpsc::channel();
    let (mut worker, slot, _) = worker(orders);
    let clients = clients_of_many(&mut worker, &slot, &backend);
    assert!(
        received
            .try_iter()
            .all(|it| matches!(it, Order::Acknowledge(_)))
    );
    let descriptors = Arc::clone(&worker.site.descriptors);
    let n_taken = iter::repeat_with(|| descriptors.take(1)).take_while(|it| *it);
    let n_taken = n_taken.count();
    all_are_ready(&mut worker);
    worker.accept();
    assert!(matches!(received.try_recv(), Ok(Order::Pause)));

    descriptors.give(n_taken);
    assert!(descriptors.has_plenty());
    worker.accept();
    assert!(received.try_recv().is_err(), "the last of them waits still");
    assert_eq!(worker.patience(), Some(Duration::ZERO));
    all_are_ready(&mut worker);
    worker.accept();
    assert!(matches!(received.try_recv(), Ok(Order::Resume)));
    assert_eq!(worker.connections.len(), clients.len());
}

/// A socket that does not listen says EINVAL to whoever accepts, as often as it is asked.
#[test]
fn a_socket_that_refuses_all_is_left_alone_for_a_moment() {
    let endpoint = "127.0.0.1:9".parse().unwrap();
    let (mut worker, slot, clock) = worker(mpsc::channel().0);
    listen(&mut worker, &slot, planned(endpoint));
    let key = *worker.accepting.by_key.values().next().unwrap();
    let socket = &worker.accepting.sockets.get_mut(key).unwrap().socket;
    tcp::stop_listening(socket.as_fd()).unwrap();
    worker.accepting.ready(key);
    assert_eq!(worker.patience(), Some(Duration::ZERO));

    worker.accept();
    assert!(worker.patience() > Some(Duration::ZERO));
    worker.site.now = clock.now().after(ACCEPT_RETRY);
    worker.accept();
    let wait = worker.patience();
    assert_eq!(wait, Some(ACCEPT_RETRY), "tried again, and refused again");
}
