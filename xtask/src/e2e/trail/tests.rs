//! A connect that fails says how, and is an error of the right kind.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rustix::net::listen;

use super::connect;

#[test]
fn a_connect_that_nobody_answers_says_what_became_of_its_packets() {
    let server = TcpListener::bind("127.0.0.1:0").expect("bind");
    // Room for one that nobody accepts; the next one's SYN is dropped.
    listen(&server, 0).expect("listen");
    let to = server.local_addr().expect("an address");
    let wait = Duration::from_millis(100);
    let _first = connect(to, wait).expect("room for one");
    let error = connect(to, wait).expect_err("no room for another");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let text = error.to_string();
    assert!(text.contains("timed out from port "), "{text}");
    // What they say, or that they are not here.
    assert!(text.contains("; ss: "), "{text}");
    assert!(text.contains("; conntrack: "), "{text}");
}

#[test]
fn a_connect_that_is_refused_is_an_error_of_that_kind() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let to: SocketAddr = free.expect("an address");
    let error = connect(to, Duration::from_secs(1)).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let text = error.to_string();
    assert!(text.contains("refused"), "{text}");
    // Who refused is in the last of them, if the packet was rewritten.
    assert!(text.contains("; conntrack: "), "{text}");
}
