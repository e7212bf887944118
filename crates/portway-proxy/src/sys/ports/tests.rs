//! What this host says, and what others may.

use std::net::{TcpListener, TcpStream};

use super::{lowest, lowest_of_dials};

#[test]
fn the_range_is_read_as_the_kernel_writes_it() {
    assert_eq!(lowest("32768\t60999\n"), Some(32768));
    assert_eq!(lowest("1024\t65535\n"), Some(1024));
    assert_eq!(lowest(""), None);
}

#[test]
fn a_dial_of_this_host_gets_a_port_from_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dial = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let lowest = lowest_of_dials();
    assert!(lowest > 0 && dial.local_addr().unwrap().port() >= lowest);
}
