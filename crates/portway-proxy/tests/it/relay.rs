//! Bytes go through whole, and ends are passed on as what they are.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use portway_engine::record::CloseReason;

use crate::gateway::{
    Gateway, PATIENCE, by_hand, echo, endpoint, greeter, is_reset, one_route, read_all, reset, to,
};

/// More than all buffers on the way, so that both sides block now and then.
const MUCH: usize = 24 * 1024 * 1024;

/// Bytes that are different everywhere, from a start that makes streams different.
struct Stream {
    state: u64,
}

impl Stream {
    fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn fill(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            self.state = self
                .state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(97);
            *byte = (self.state >> 56) as u8;
        }
    }

    /// Sends `n` bytes, in pieces of many sizes.
    fn send(mut self, mut to: &TcpStream, n: usize) {
        let mut buffer = vec![0; 300_000];
        let mut sent = 0;
        for size in [1, 64, 1500, 65_536, 65_537, 300_000].into_iter().cycle() {
            let size = size.min(n - sent);
            if size == 0 {
                return;
            }
            self.fill(&mut buffer[..size]);
            to.write_all(&buffer[..size]).unwrap();
            sent += size;
        }
    }

    /// Expects exactly `n` bytes and then FIN.
    fn expect(mut self, mut from: &TcpStream, n: usize) {
        let (mut got, mut expected) = (vec![0; 100_000], vec![0; 100_000]);
        let mut received = 0;
        loop {
            let size = from.read(&mut got).unwrap();
            if size == 0 {
                break;
            }
            self.fill(&mut expected[..size]);
            assert!(
                got[..size] == expected[..size],
                "wrong after {received} bytes"
            );
            received += size;
        }
        assert_eq!(received, n);
    }
}

#[test]
fn an_endpoint_may_speak_first() {
    let gateway = Gateway::with(&to(&[greeter("220 ready")]));
    let client = gateway.connect();
    assert_eq!(read_all(&client).unwrap(), "220 ready");
}

#[test]
fn what_is_sent_comes_back() {
    let gateway = Gateway::with(&to(&[echo()]));
    let mut client = gateway.connect();
    let mut answer = [0; 5];
    for _ in 0..100 {
        client.write_all(b"hello").unwrap();
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"hello");
    }
    drop(client);
    let record = gateway.next_record();
    assert_eq!(
        (record.bytes_to_backend, record.bytes_to_client),
        (500, 500)
    );
    assert_eq!(record.reason, CloseReason::Finished);
}

#[test]
fn both_ways_at_once_every_byte_arrives_and_each_end_is_its_own() {
    let backend = endpoint(|stream| {
        thread::scope(|scope| {
            scope.spawn(|| Stream::new(1).expect(&stream, MUCH));
            Stream::new(2).send(&stream, MUCH);
            stream.shutdown(Shutdown::Write).unwrap();
        });
    });
    let gateway = Gateway::with(&to(&[backend]));
    let client = gateway.connect();
    thread::scope(|scope| {
        scope.spawn(|| Stream::new(2).expect(&client, MUCH));
        Stream::new(1).send(&client, MUCH);
        client.shutdown(Shutdown::Write).unwrap();
    });
    let record = gateway.next_record();
    let much = u64::try_from(MUCH).unwrap();
    assert_eq!(
        (record.bytes_to_backend, record.bytes_to_client),
        (much, much)
    );
    assert_eq!(record.reason, CloseReason::Finished);
}

#[test]
fn a_client_that_sent_its_fin_still_gets_its_answer() {
    let backend = endpoint(|stream| {
        Stream::new(3).expect(&stream, MUCH);
        Stream::new(4).send(&stream, MUCH);
    });
    let gateway = Gateway::with(&to(&[backend]));
    let client = gateway.connect();
    Stream::new(3).send(&client, MUCH);
    client.shutdown(Shutdown::Write).unwrap();
    Stream::new(4).expect(&client, MUCH);
    assert_eq!(gateway.next_record().reason, CloseReason::Finished);
}

#[test]
fn an_endpoint_that_sent_its_fin_still_gets_what_the_client_sends() {
    let (done, is_done) = std::sync::mpsc::channel();
    let backend = endpoint(move |stream| {
        Stream::new(5).send(&stream, MUCH);
        stream.shutdown(Shutdown::Write).unwrap();
        Stream::new(6).expect(&stream, MUCH);
        done.send(()).unwrap();
    });
    let gateway = Gateway::with(&to(&[backend]));
    let client = gateway.connect();
    Stream::new(5).expect(&client, MUCH);
    Stream::new(6).send(&client, MUCH);
    drop(client);
    is_done.recv_timeout(PATIENCE).unwrap();
    assert_eq!(gateway.next_record().reason, CloseReason::Finished);
}

/// The shape of a short exchange: everything and FIN at once, both ways, many times.
#[test]
fn no_byte_is_lost_when_fin_follows_at_once() {
    let gateway = Gateway::with(&to(&[echo()]));
    for n in (0..300).map(|it| it * it * 13 % 400_000) {
        let client = gateway.connect();
        thread::scope(|scope| {
            scope.spawn(|| Stream::new(7).expect(&client, n));
            Stream::new(7).send(&client, n);
            client.shutdown(Shutdown::Write).unwrap();
        });
        let record = gateway.next_record();
        let n = u64::try_from(n).unwrap();
        assert_eq!((record.bytes_to_backend, record.bytes_to_client), (n, n));
        assert_eq!(record.reason, CloseReason::Finished);
    }
}

#[test]
fn a_reset_by_the_client_is_a_reset_at_the_endpoint() {
    let (backend, connections) = by_hand();
    let gateway = Gateway::with(&to(&[backend]));
    let client = gateway.connect();
    let server = connections.recv_timeout(PATIENCE).unwrap();
    reset(client);
    assert!(is_reset(&server));
    assert_eq!(gateway.next_record().reason, CloseReason::ClientReset);
}

#[test]
fn a_reset_by_the_endpoint_is_a_reset_at_the_client() {
    let (backend, connections) = by_hand();
    let gateway = Gateway::with(&to(&[backend]));
    let client = gateway.connect();
    reset(connections.recv_timeout(PATIENCE).unwrap());
    assert!(is_reset(&client));
    assert_eq!(gateway.next_record().reason, CloseReason::BackendReset);
}

#[test]
fn a_reset_after_a_fin_is_still_a_reset() {
    let (backend, connections) = by_hand();
    let gateway = Gateway::with(&to(&[backend]));
    let client = gateway.connect();
    let mut server = connections.recv_timeout(PATIENCE).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    reset(client);
    assert_eq!(gateway.next_record().reason, CloseReason::ClientReset);
    // Reading would say FIN for ever; writing shows that nobody is there.
    let error = server.write(b"x").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

/// Sends until nothing has been taken for a while; how much was taken.
fn send_until_blocked(mut client: &TcpStream) -> u64 {
    client
        .set_write_timeout(Some(std::time::Duration::from_millis(300)))
        .unwrap();
    let buffer = vec![7; 1 << 20];
    let mut sent = 0;
    loop {
        match client.write(&buffer) {
            Ok(n) => sent += u64::try_from(n).unwrap(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return sent,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_stalled_reader_stops_the_sender() {
    let (backend, connections) = by_hand();
    let gateway = Gateway::with(&to(&[backend]));
    let client = gateway.connect();
    let server = connections.recv_timeout(PATIENCE).unwrap();
    let sent = send_until_blocked(&client);
    // Two sockets' buffers on each side of us, and a pipe: not what the sender would like to send.
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    // When the reader goes on, everything arrives.
    client.shutdown(Shutdown::Write).unwrap();
    let received = io::copy(&mut &server, &mut io::sink()).unwrap();
    assert_eq!(received, sent);
}

#[test]
fn a_reset_is_passed_on_even_when_the_other_side_is_stalled() {
    let (backend, connections) = by_hand();
    let gateway = Gateway::with(&to(&[backend]));
    let client = gateway.connect();
    let server = connections.recv_timeout(PATIENCE).unwrap();
    send_until_blocked(&client);
    reset(client);
    assert_eq!(gateway.next_record().reason, CloseReason::ClientReset);
    assert!(is_reset(&server));
}

#[test]
fn what_an_endpoint_said_before_it_broke_off_is_heard() {
    let backend = endpoint(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        stream.write_all(b"too much").unwrap();
        // Bytes that were never read make this close a reset.
        stream.peek(&mut [0]).unwrap();
    });
    let gateway = Gateway::with(&to(&[backend]));
    let mut client = gateway.connect();
    client.write_all(&[1; 1000]).unwrap();
    let mut answer = [0; 8];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"too much");
    assert!(is_reset(&client));
}

#[test]
fn many_connections_at_once_do_not_mix() {
    let gateway = Gateway::with(&one_route(vec![crate::gateway::backend("b", 1, &[echo()])]));
    thread::scope(|scope| {
        for seed in 0..50 {
            let client = gateway.connect();
            scope.spawn(move || {
                thread::scope(|scope| {
                    scope.spawn(|| Stream::new(seed).expect(&client, 300_000));
                    Stream::new(seed).send(&client, 300_000);
                    client.shutdown(Shutdown::Write).unwrap();
                });
            });
        }
    });
    crate::gateway::expect_reasons(&gateway, &[(CloseReason::Finished, 50)]);
    gateway.wait_until("none open", |it| it.open_connections() == 0);
}
