//! What is set on the endpoint's side, and when.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::mpsc;

use rustix::net::sockopt;

use super::{Backend, Served};
use crate::limits::{KEEPALIVE_IDLE, USER_TIMEOUT};
use crate::sys::epoll::Batch;
use crate::worker::Worker;
use crate::worker::tests::{listen, planned, worker};

fn is_kept_alive(worker: &mut Worker) -> bool {
    let key = worker.connections.key_at(0).unwrap();
    let served = worker.connections.get_mut(key).unwrap();
    let Backend::Connected(leg) = &served.backend else {
        panic!("{served:?}");
    };
    assert!(sockopt::tcp_nodelay(leg.as_fd()).unwrap());
    let millis = u128::from(sockopt::tcp_user_timeout(leg.as_fd()).unwrap());
    let idle = sockopt::tcp_keepidle(leg.as_fd()).unwrap();
    let is_set = sockopt::socket_keepalive(leg.as_fd()).unwrap();
    is_set && idle == KEEPALIVE_IDLE && millis == USER_TIMEOUT.as_millis()
}

fn is_connected(worker: &mut Worker) -> bool {
    let key = worker.connections.key_at(0);
    let served = key.and_then(|it| worker.connections.get_mut(it));
    served.is_some_and(|it| matches!(it.backend, Backend::Connected(_)))
}

/// The calls for it are spared to connections that are over before the dial would have timed out.
#[test]
fn an_endpoint_is_kept_alive_once_its_connection_has_lived_for_seconds() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut worker, slot, _) = worker(mpsc::channel().0);
    let addr = listen(&mut worker, &slot, planned(backend.local_addr().unwrap()));
    let _client = TcpStream::connect(addr).unwrap();
    // The kernel takes the dial for the endpoint, so each wait ends with an event.
    let mut batch = Batch::new();
    while !is_connected(&mut worker) {
        worker.serve_batch(&mut batch).unwrap();
    }
    let key = worker.connections.key_at(0).unwrap();
    assert!(!is_kept_alive(&mut worker));
    worker.serve(key, Served::tick);
    assert!(is_kept_alive(&mut worker));
}
