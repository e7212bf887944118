//! What a supervisor hears by `NOTIFY_SOCKET` (sd_notify(3)).

use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};

use crate::backend::{self, DEADLINE, free_port};
use crate::files::{Dir, guide, services};
use crate::portway::{Running, command};

fn next(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let n = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..n].to_vec()).unwrap()
}

/// The guide, and the socket by which its supervisor hears of it.
struct Supervised {
    running: Running,
    socket: UnixDatagram,
    ports: [u16; 2],
    endpoints: [SocketAddr; 2],
    dir: Dir,
    _sockets: Dir,
}

impl Supervised {
    fn start() -> Self {
        let ports = [free_port(), free_port()];
        let endpoints = [backend::start("foo"), backend::start("bar")];
        let dir = Dir::new()
            .with("tcp-routing.yaml", guide(ports))
            .with("services.yaml", services(endpoints));
        let sockets = Dir::new();
        let path = sockets.0.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut run = command(&["run", "-f", dir.path(), "--workers", "2"]);
        run.env("NOTIFY_SOCKET", &path);
        let running = Running::start(run);
        assert_eq!(next(&socket), "READY=1\n");
        Self {
            running,
            socket,
            ports,
            endpoints,
            dir,
            _sockets: sockets,
        }
    }

    /// Asks for a reload, which must begin now and then be over.
    fn reload(&self) {
        let before = monotonic_usec();
        self.running.signal(Signal::HUP);
        let reloading = next(&self.socket);
        let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        let since: i128 = since.unwrap().trim_end().parse().unwrap();
        assert!((before..=monotonic_usec()).contains(&since), "{reloading}");
        assert_eq!(next(&self.socket), "READY=1\n");
    }
}

/// The clock of `MONOTONIC_USEC` (sd_notify(3)).
fn monotonic_usec() -> i128 {
    let now = clock_gettime(ClockId::Monotonic);
    i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec / 1000)
}

#[test]
fn it_hears_when_connections_are_served_and_when_no_more() {
    let mut supervised = Supervised::start();
    let stream = backend::loopback(supervised.ports[0]).map(backend::talk);
    assert_eq!(stream, ["foo", "foo"]);
    supervised.running.signal(Signal::TERM);
    assert_eq!(next(&supervised.socket), "STOPPING=1\n");
    let running = &mut supervised.running;
    assert_eq!(running.wait().code(), Some(0), "{}", running.seen());
}

/// Who was told of the end of a reload connects by what was read.
#[test]
fn it_hears_of_a_reload_when_it_begins_and_when_every_worker_has_it() {
    let supervised = Supervised::start();
    let [foo, bar] = supervised.endpoints;
    for (endpoints, name) in [([bar, foo], "bar"), ([foo, bar], "foo")] {
        let path = supervised.dir.0.join("services.yaml");
        let beside = supervised.dir.0.join(".services");
        fs::write(&beside, services(endpoints)).unwrap();
        fs::rename(&beside, &path).unwrap();
        supervised.reload();
        for to in backend::loopback(supervised.ports[0]) {
            assert_eq!(backend::talk(to), name);
        }
    }
    // What is gone is gone when the reload is over.
    let path = supervised.dir.0.join("services.yaml");
    let text = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    supervised.reload();
    let mut stream = TcpStream::connect(backend::loopback(supervised.ports[0])[0]).unwrap();
    let end = stream.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    fs::write(&path, text).unwrap();
    supervised.reload();
    // Nothing is different, or something is broken: the reload is over all the same.
    supervised.reload();
    fs::write(supervised.dir.0.join("services.yaml"), "{").unwrap();
    supervised.reload();
    assert_eq!(
        backend::talk(backend::loopback(supervised.ports[0])[0]),
        "foo"
    );
}
