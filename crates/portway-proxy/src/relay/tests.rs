//! The relay alone, between two pairs of connected sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use portway_engine::conn::End;
use portway_engine::record::Relayed;
use rustix::net::{SendFlags, sockopt};

use super::leg::end_of;
use super::{Leg, Progress, Relay, Tools};
use crate::descriptors::Descriptors;
use crate::limits::{
    PIPES_PER_WORKER_MAX, SCRATCH_BYTES, SPILL_BYTES_MAX, THIN_READS_MAX, THRIFTY_READ_BYTES,
    TURN_BYTES_MAX,
};
use crate::sys::epoll::Flags;
use crate::sys::{Errno, limit};

/// A relay and what is at its two ends.
struct Scene {
    relay: Relay,
    tools: Tools,
    client_leg: Leg,
    backend_leg: Leg,
    client: TcpStream,
    backend: TcpStream,
}

/// Two connected sockets: the one outside, and our leg.
fn pair() -> (TcpStream, Leg) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let outside = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (inside, _) = listener.accept().unwrap();
    inside.set_nonblocking(true).unwrap();
    outside.set_nonblocking(true).unwrap();
    (outside, Leg::new(inside.into()))
}

impl Scene {
    fn new() -> Self {
        Self::with_descriptors(limit::descriptors())
    }

    fn with_descriptors(n: usize) -> Self {
        let (client, client_leg) = pair();
        let (backend, backend_leg) = pair();
        Self {
            relay: Relay::default(),
            tools: Tools::new(Arc::new(Descriptors::new(n))),
            client_leg,
            backend_leg,
            client,
            backend,
        }
    }

    /// Tells both legs what epoll might, and lets the relay run.
    fn run(&mut self, client: Flags, backend: Flags) -> Progress {
        self.client_leg.note(client);
        self.backend_leg.note(backend);
        let legs = (&mut self.client_leg, &mut self.backend_leg);
        self.relay.run(legs.0, legs.1, &mut self.tools)
    }

    /// Sends as much as the kernel takes.
    fn send_all_that_fits(&mut self) -> usize {
        let bytes = vec![9; 1 << 20];
        std::iter::from_fn(|| self.client.write(&bytes).ok()).sum()
    }

    /// Takes everything that has arrived at the endpoint.
    fn take_all_there_is(&mut self) -> usize {
        let mut bytes = vec![0; 1 << 20];
        std::iter::from_fn(|| self.backend.read(&mut bytes).ok().filter(|n| *n > 0)).sum()
    }

    /// Sends bulk until it arrives no more; how much went through.
    fn send_bulk(&mut self) -> usize {
        let mut sent = self.send_all_that_fits();
        let mut taken = 0;
        while taken < sent {
            self.run(Flags::IN, Flags::OUT);
            taken += self.take_all_there_is();
            if sent < 32 * SCRATCH_BYTES {
                sent += self.send_all_that_fits();
            }
        }
        taken
    }

    fn is_at_rest(&self) -> bool {
        let directions = [&self.relay.to_backend, &self.relay.to_client];
        directions.iter().all(|it| it.is_at_rest()) && self.tools.spilled == 0
    }

    fn splices(&self) -> bool {
        self.relay.to_backend.splices()
    }
}

const NOTHING: Progress = Progress {
    client: None,
    backend: None,
    again: false,
};

#[test]
fn small_messages_are_copied_and_nothing_is_held_after() {
    let mut scene = Scene::new();
    for n in 1..100 {
        scene.client.write_all(&vec![3; n * 100]).unwrap();
        assert_eq!(scene.run(Flags::IN, Flags::empty()), NOTHING);
        assert_eq!(scene.take_all_there_is(), n * 100);
        assert!(scene.is_at_rest() && !scene.splices());
    }
}

#[test]
fn bulk_is_spliced_and_nothing_is_held_after() {
    let mut scene = Scene::new();
    let n = scene.send_bulk();
    assert!(n > SCRATCH_BYTES && scene.splices());
    scene.run(Flags::IN, Flags::OUT);
    assert!(scene.is_at_rest());
    let to_backend = u64::try_from(n).unwrap();
    assert_eq!(
        scene.relay.relayed(),
        Relayed {
            to_backend,
            to_client: 0
        }
    );
}

#[test]
fn thin_reads_in_a_row_end_splicing() {
    let mut scene = Scene::new();
    scene.send_bulk();
    scene.run(Flags::IN, Flags::OUT);
    // The last reads of the bulk may have been thin too.
    let mut n_thin = 0;
    while scene.splices() {
        n_thin += 1;
        scene.client.write_all(b"thin").unwrap();
        scene.run(Flags::IN, Flags::empty());
    }
    assert!(
        (1..=usize::from(THIN_READS_MAX)).contains(&n_thin),
        "{n_thin}"
    );
    assert_eq!(scene.take_all_there_is(), 4 * n_thin);
}

#[test]
fn without_descriptors_for_pipes_bulk_is_copied() {
    let mut scene = Scene::with_descriptors(0);
    assert!(scene.send_bulk() > SCRATCH_BYTES);
    scene.run(Flags::IN, Flags::OUT);
    assert!(scene.is_at_rest());
}

#[test]
fn a_worker_has_no_more_pipes_than_its_bound() {
    let mut tools = Tools::new(Arc::new(Descriptors::new(limit::descriptors())));
    let pipes: Vec<_> = std::iter::from_fn(|| tools.pipes.lend()).collect();
    // The kernel may refuse earlier: it bounds the pipes of a user.
    assert!(!pipes.is_empty() && pipes.len() <= PIPES_PER_WORKER_MAX);
    for pipe in pipes {
        tools.pipes.take_back(pipe);
    }
    assert!(tools.pipes.lend().is_some());
}

#[test]
fn a_turn_ends_for_the_sake_of_others() {
    let mut scene = Scene::new();
    let mut total = 0;
    // What a socket holds at once is less than a turn moves, so the reader takes in between.
    let moved = |scene: &Scene| usize::try_from(scene.relay.relayed().to_backend).unwrap();
    for _ in 0..1000 {
        scene.send_all_that_fits();
        let before = moved(&scene);
        let progress = scene.run(Flags::IN, Flags::OUT);
        let turn = moved(&scene) - before;
        assert!(turn <= 2 * TURN_BYTES_MAX, "{turn}");
        total += turn;
        scene.take_all_there_is();
        if progress.again {
            assert!(turn >= TURN_BYTES_MAX);
            return;
        }
    }
    panic!("no turn was used up in {total} bytes");
}

#[test]
fn a_stalled_reader_stops_the_reading_and_everything_arrives_later() {
    let mut scene = Scene::new();
    let mut sent = 0;
    while scene.relay.to_backend.is_at_rest() {
        sent += scene.send_all_that_fits();
        scene.run(Flags::IN, Flags::empty());
    }
    let held = scene.relay.relayed();
    // Blocked: whatever comes now stays in the kernel.
    sent += scene.send_all_that_fits();
    scene.run(Flags::IN, Flags::empty());
    assert_eq!(scene.relay.relayed(), held);
    scene.client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut taken = 0;
    let mut end = None;
    while end.is_none() {
        taken += scene.take_all_there_is();
        end = scene.run(Flags::RDHUP, Flags::OUT).client;
    }
    taken += scene.take_all_there_is();
    assert_eq!((end, taken), (Some(End::Eof), sent));
    assert!(scene.is_at_rest());
}

#[test]
fn the_end_is_seen_in_the_turn_that_reads_the_last_bytes() {
    let mut scene = Scene::new();
    scene.client.write_all(b"last").unwrap();
    scene.client.shutdown(std::net::Shutdown::Write).unwrap();
    let progress = scene.run(Flags::IN | Flags::RDHUP, Flags::empty());
    assert_eq!(progress.client, Some(End::Eof));
    assert_eq!(scene.take_all_there_is(), 4);
}

#[test]
fn a_short_read_asks_no_further_unless_the_end_is_near() {
    let mut scene = Scene::new();
    scene.client.write_all(b"first").unwrap();
    scene.run(Flags::IN, Flags::empty());
    // Epoll has not told of these bytes yet, and nobody looks for them.
    scene.client.write_all(b"second").unwrap();
    assert_eq!(scene.run(Flags::empty(), Flags::empty()), NOTHING);
    assert_eq!(scene.take_all_there_is(), 5);
    scene.run(Flags::IN, Flags::empty());
    assert_eq!(scene.take_all_there_is(), 6);
}

/// The kernel keeps urgent bytes apart from the stream; what follows them must not be left behind.
#[test]
fn urgent_data_stops_neither_copying_nor_splicing() {
    for bulk_before in [false, true] {
        let mut scene = Scene::new();
        if bulk_before {
            scene.send_bulk();
            scene.run(Flags::IN, Flags::OUT);
        }
        scene.client.write_all(b"before").unwrap();
        rustix::net::send(&scene.client, b"!", SendFlags::OOB).unwrap();
        scene.client.write_all(b"after").unwrap();
        scene.run(Flags::IN | Flags::PRI, Flags::empty());
        assert_eq!(scene.take_all_there_is(), b"beforeafter".len());
    }
}

#[test]
fn a_side_that_cannot_be_written_to_is_first_read_to_its_end() {
    let mut scene = Scene::new();
    scene.client.write_all(b"request").unwrap();
    scene.backend.write_all(b"answer").unwrap();
    scene.backend_leg.break_off(Errno::PIPE);
    let progress = scene.run(Flags::IN, Flags::empty());
    assert_eq!(progress.backend, Some(End::Reset));
    let mut answer = [0; 6];
    scene.client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
}

#[test]
fn what_a_client_sent_before_it_broke_off_arrives() {
    let mut scene = Scene::new();
    scene.client.write_all(b"last words").unwrap();
    sockopt::set_socket_linger(&scene.client, Some(Duration::ZERO)).unwrap();
    // Its place is taken by a socket that is connected to nobody.
    drop(std::mem::replace(&mut scene.client, pair().0));
    scene.backend.write_all(b"to nobody").unwrap();
    let progress = scene.run(Flags::empty(), Flags::IN);
    assert_eq!(progress.client, Some(End::Reset));
    assert_eq!(scene.take_all_there_is(), b"last words".len());
}

#[test]
fn errors_are_told_as_ends() {
    for (error, end) in [
        (Errno::CONNRESET, End::Reset),
        (Errno::PIPE, End::Reset),
        (Errno::TIMEDOUT, End::Timeout),
        (Errno::HOSTUNREACH, End::Other(113)),
    ] {
        assert_eq!(end_of(error), end);
        let mut scene = Scene::new();
        scene.client_leg.break_off(error);
        let progress = scene.run(Flags::empty(), Flags::empty());
        assert_eq!(
            progress,
            Progress {
                client: Some(end),
                ..NOTHING
            }
        );
    }
}

#[test]
fn when_spills_add_up_reads_become_small() {
    let mut tools = Tools::new(Arc::new(Descriptors::new(0)));
    assert_eq!(tools.read_bytes(), SCRATCH_BYTES);
    tools.spilled = SPILL_BYTES_MAX;
    assert_eq!(tools.read_bytes(), THRIFTY_READ_BYTES);
}

#[test]
fn an_abandoned_relay_gives_back_what_it_held() {
    let descriptors = Arc::new(Descriptors::new(400));
    let mut scene = Scene::new();
    scene.tools = Tools::new(Arc::clone(&descriptors));
    while scene.relay.to_backend.is_at_rest() {
        scene.send_all_that_fits();
        scene.run(Flags::IN, Flags::empty());
    }
    scene.relay.abandon(&mut scene.tools);
    assert!(scene.is_at_rest());
    drop(scene.tools);
    assert!(descriptors.take(300), "all but the reserve are free again");
}
