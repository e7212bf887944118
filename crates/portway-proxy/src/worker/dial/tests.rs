//! A dial that reaches nobody but itself.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use portway_engine::conn::End;
use portway_engine::record::DialError;

use super::{Outcome, outcome, reason};
use crate::relay::Leg;
use crate::sys::epoll::Flags;
use crate::sys::{Errno, tcp};

/// Binding first brings about at once what chance does once in some ten thousand dials.
#[test]
fn a_dial_that_is_connected_to_itself_counts_as_refused() {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let socket = tcp::socket(any).unwrap();
    tcp::bind(socket.as_fd(), any).unwrap();
    let own = tcp::local_addr(socket.as_fd()).unwrap();
    tcp::connect(socket.as_fd(), own).unwrap();
    let mut leg = Leg::new(socket);
    let failed = Outcome::Failed(DialError::Refused);
    for ports_from in [0, 1024, own.port()] {
        assert_eq!(outcome(&mut leg, Flags::OUT, Some(own), ports_from), failed);
    }
    let other = Some("127.0.0.1:40000".parse().unwrap());
    let connected = Outcome::Connected;
    assert_eq!(outcome(&mut leg, Flags::OUT, other, 1024), connected);
    let above = u16::MAX;
    assert_eq!(outcome(&mut leg, Flags::OUT, Some(own), above), connected);
}

#[test]
fn errors_of_a_dial_are_told_apart() {
    for (error, dial_error) in [
        (Errno::CONNREFUSED, DialError::Refused),
        (Errno::NETUNREACH, DialError::Unreachable),
        (Errno::HOSTUNREACH, DialError::Unreachable),
        (Errno::TIMEDOUT, DialError::TimedOut),
        (Errno::ADDRNOTAVAIL, DialError::OutOfResources),
        (Errno::MFILE, DialError::OutOfResources),
        (Errno::ACCESS, DialError::Other(13)),
    ] {
        assert_eq!(reason(error), dial_error);
    }
}

/// An endpoint that takes a connection and resets it at once has been reached: trying the next one
/// would bring the same client to two endpoints.
#[test]
fn a_reset_right_after_the_handshake_is_no_failed_dial() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap();
    let socket = tcp::socket(endpoint).unwrap();
    tcp::connect(socket.as_fd(), endpoint).unwrap();
    let (server, _) = listener.accept().unwrap();
    tcp::reset_on_close(server.as_fd()).unwrap();
    drop(server);
    let mut leg = Leg::new(socket);
    let flags = Flags::IN | Flags::OUT | Flags::RDHUP | Flags::HUP | Flags::ERR;
    let outcome = outcome(&mut leg, flags, Some(endpoint), 1024);
    assert_eq!(outcome, Outcome::Connected);
    assert_eq!(leg.take_failure(), Some(End::Reset));
}
