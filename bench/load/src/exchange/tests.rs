//! What `exchange` promises.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use super::{Exchange, Side, State, scratch};
use crate::protocol::{Header, Order};

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (backend, _) = listener.accept().unwrap();
    client.set_nonblocking(true).unwrap();
    backend.set_nonblocking(true).unwrap();
    (client, backend)
}

fn header(order: Order) -> Header {
    Header {
        order,
        seed: 11,
        up: 300_001,
        down: 200_003,
    }
}

#[test]
fn every_order_of_half_closing_is_good_without_a_gateway() {
    for order in [Order::AtOnce, Order::ClientFirst, Order::BackendFirst] {
        let (client, backend) = pair();
        let mut one = Exchange::new(header(order), Side::Client);
        let mut other = Exchange::new(header(order), Side::Backend);
        let mut scratch = scratch();
        let mut states = (State::Goes, State::Goes);
        for _ in 0..1_000_000 {
            if states.0 == State::Goes {
                states.0 = one.go_on(&client, &mut scratch);
            }
            if states.1 == State::Goes {
                states.1 = other.go_on(&backend, &mut scratch);
            }
            if states.0 != State::Goes && states.1 != State::Goes {
                break;
            }
        }
        assert_eq!(states, (State::Good, State::Good), "{order:?}");
    }
}

#[test]
fn a_wrong_byte_and_an_early_end_are_bad() {
    for (sends, says) in [(&b"wrong"[..], "byte 0 of 200003"), (b"", "ended after 0")] {
        let (client, mut backend) = pair();
        backend.write_all(sends).unwrap();
        drop(backend);
        let mut exchange = Exchange::new(header(Order::BackendFirst), Side::Client);
        let mut scratch = scratch();
        let state = loop {
            match exchange.go_on(&client, &mut scratch) {
                State::Goes => std::thread::yield_now(),
                state => break state,
            }
        };
        let State::Bad(what) = state else {
            panic!("{state:?}")
        };
        assert!(what.starts_with(says), "{what}");
    }
}
