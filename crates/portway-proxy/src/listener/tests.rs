//! What a connection finds set, and who may have an address.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use rustix::net::sockopt;

use super::open;
use crate::limits::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, USER_TIMEOUT};
use crate::sys::{Errno, tcp};

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[test]
fn a_connection_inherits_what_its_listening_socket_has() {
    let opened = open(any(), 1).unwrap();
    let _client = TcpStream::connect(opened.addr).unwrap();
    let (accepted, _) = tcp::accept(opened.sockets[0].as_fd()).unwrap();
    assert!(sockopt::tcp_nodelay(&accepted).unwrap());
    assert!(sockopt::socket_keepalive(&accepted).unwrap());
    assert_eq!(sockopt::tcp_keepidle(&accepted).unwrap(), KEEPALIVE_IDLE);
    assert_eq!(
        sockopt::tcp_keepintvl(&accepted).unwrap(),
        KEEPALIVE_INTERVAL
    );
    assert_eq!(sockopt::tcp_keepcnt(&accepted).unwrap(), KEEPALIVE_PROBES);
    let millis = u128::from(sockopt::tcp_user_timeout(&accepted).unwrap());
    assert_eq!(millis, USER_TIMEOUT.as_millis());
}

#[test]
fn each_worker_has_a_socket_of_its_own_on_the_same_port() {
    let opened = open(any(), 4).unwrap();
    let addrs = opened
        .sockets
        .iter()
        .map(|it| tcp::local_addr(it.as_fd()).unwrap());
    assert!(addrs.into_iter().eq([opened.addr; 4]));
}

#[test]
fn who_comes_second_is_refused_even_if_it_is_us() {
    let opened = open(any(), 2).unwrap();
    assert_eq!(open(opened.addr, 2).unwrap_err(), Errno::ADDRINUSE);
    drop(opened.sockets);
    assert!(open(opened.addr, 2).is_ok());
}
