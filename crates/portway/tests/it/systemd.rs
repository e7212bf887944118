//! What a supervisor hears by `NOTIFY_SOCKET` (sd_notify(3)).

use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;

use crate::backend::{self, DEADLINE, free_port};
use crate::files::{Dir, guide, services};
use crate::portway::{Running, command};

fn next(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let n = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..n].to_vec()).unwrap()
}

#[test]
fn it_hears_when_connections_are_served_and_when_no_more() {
    let ports = [free_port(), free_port()];
    let endpoints = [backend::start("foo"), backend::start("bar")];
    let dir = Dir::new()
        .with("tcp-routing.yaml", guide(ports))
        .with("services.yaml", services(endpoints));
    let sockets = Dir::new();
    let path = sockets.0.join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut run = command(&["run", "-f", dir.path(), "--workers", "1"]);
    run.env("NOTIFY_SOCKET", &path);
    let mut running = Running::start(run);
    assert_eq!(next(&socket), "READY=1\n");
    let stream = backend::loopback(ports[0]).map(backend::talk);
    assert_eq!(stream, ["foo", "foo"], "{}", running.seen());
    running.signal(Signal::TERM);
    assert_eq!(next(&socket), "STOPPING=1\n");
    assert_eq!(running.wait().code(), Some(0), "{}", running.seen());
}
