//! What the tests stand on: a proxy with a table, endpoints, and clients with timeouts.

use std::io::{self, Read, Write};
use std::iter;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use portway_engine::limits::DIAL_TIMEOUT;
use portway_engine::record::{CloseReason, ConnRecord};
use portway_engine::table::{
    BackendSpec, ListenerKey, ListenerSpec, Protocol, RejectReason, RouteSpec, RoutingTable,
    TableSpec, TableVersion, TargetSpec,
};
use portway_proxy::{Config, Proxy, Report};

/// Longest wait for anything: a machine may be slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Listening on any port of this address is what most tests want.
pub(crate) const ANY: &str = "127.0.0.1:0";

/// A proxy, its newest table and what it reports.
pub(crate) struct Gateway {
    pub(crate) proxy: Proxy,
    pub(crate) reports: Receiver<Report>,
    table: Option<Arc<RoutingTable>>,
}

/// What could not be bound.
pub(crate) type Unbound = Vec<(ListenerKey, io::Error)>;

impl Gateway {
    /// Without a table.
    pub(crate) fn start(workers: usize, dial_timeout: Duration) -> Self {
        Self::start_with_reports(workers, dial_timeout, 65_536)
    }

    /// Without a table, and with room for so many reports.
    pub(crate) fn start_with_reports(workers: usize, dial_timeout: Duration, n: usize) -> Self {
        let workers = NonZeroUsize::new(workers).unwrap();
        let config = Config {
            workers,
            dial_timeout,
            measure_paths: true,
        };
        let (sender, reports) = mpsc::sync_channel(n);
        Self {
            proxy: Proxy::start(&config, sender).unwrap(),
            reports,
            table: None,
        }
    }

    /// Two workers that have applied `spec` and bound all of it.
    pub(crate) fn with(spec: &TableSpec) -> Self {
        let mut gateway = Self::start(2, DIAL_TIMEOUT);
        let unbound = gateway.apply(spec);
        assert!(unbound.is_empty(), "{unbound:?}");
        gateway
    }

    /// Hands out a table without waiting.
    pub(crate) fn hand_out(&mut self, spec: &TableSpec) -> TableVersion {
        let before = self.table.as_deref();
        let version = TableVersion(before.map_or(1, |it| it.version().0 + 1));
        let table = Arc::new(RoutingTable::build(version, spec, before).unwrap());
        self.table = Some(Arc::clone(&table));
        self.proxy.apply(table);
        version
    }

    /// Hands out a table and waits until it is applied.
    pub(crate) fn apply(&mut self, spec: &TableSpec) -> Unbound {
        let version = self.hand_out(spec);
        loop {
            let (applied, unbound) = self.next_applied();
            if applied == version {
                return unbound;
            }
        }
    }

    /// The next table that is applied; records before it are passed over.
    pub(crate) fn next_applied(&self) -> (TableVersion, Unbound) {
        loop {
            match self.reports.recv_timeout(PATIENCE).unwrap() {
                Report::Applied { version, unbound } => return (version, unbound),
                Report::Closed(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next connection that is over.
    pub(crate) fn next_record(&self) -> ConnRecord {
        match self.reports.recv_timeout(PATIENCE).unwrap() {
            Report::Closed(record) => *record,
            other => panic!("{other:?}"),
        }
    }

    /// Where the only listener of the table listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.bound(ANY)
    }

    /// Where a listener that asks for `bind` listens.
    pub(crate) fn bound(&self, bind: &str) -> SocketAddr {
        self.proxy.bound(key(bind)).unwrap()
    }

    /// A client of the only listener.
    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.addr())
    }

    /// Waits until a fact about the proxy holds.
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&Proxy) -> bool) {
        let start = Instant::now();
        while !holds(&self.proxy) {
            assert!(
                start.elapsed() < PATIENCE,
                "{what}: {:?}",
                self.proxy.counters()
            );
            thread::yield_now();
        }
    }
}

pub(crate) fn key(bind: &str) -> ListenerKey {
    let protocol = Protocol::Tcp;
    let addr = bind.parse().unwrap();
    ListenerKey { protocol, addr }
}

/// A client that does not wait for ever.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    patient(TcpStream::connect(addr).unwrap())
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// An endpoint that gives each connection to `serve`, on a thread of its own.
pub(crate) fn endpoint(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(ANY).unwrap();
    let addr = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (serve, stream) = (Arc::clone(&serve), patient(stream.unwrap()));
            thread::spawn(move || serve(stream));
        }
    });
    addr
}

/// An endpoint that sends back what it gets, and its FIN after the client's.
pub(crate) fn echo() -> SocketAddr {
    endpoint(|mut stream| {
        let mut back = stream.try_clone().unwrap();
        // A client may break off at any time; that is not the echo's to judge.
        let copied = io::copy(&mut stream, &mut back);
        let _ = copied.and_then(|_| back.shutdown(Shutdown::Write));
    })
}

/// An endpoint that says its name and hangs up.
pub(crate) fn greeter(name: &'static str) -> SocketAddr {
    endpoint(move |mut stream| {
        let _ = stream.write_all(name.as_bytes());
    })
}

/// An endpoint whose connections the test holds itself.
pub(crate) fn by_hand() -> (SocketAddr, Receiver<TcpStream>) {
    let (sender, received) = mpsc::channel();
    let addr = endpoint(move |stream| {
        let _ = sender.send(stream);
    });
    (addr, received)
}

/// A port that nobody has, on any address, and that no connection is given: it lies below those.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 10_000).unwrap();
    let ports = iter::from_fn(|| Some(NEXT.fetch_add(1, Ordering::Relaxed))).take(10_000);
    let mut ports = ports.map(|n| 20_000 + (start + n) % 10_000);
    let free = |port: &u16| TcpListener::bind(("0.0.0.0", *port)).is_ok();
    ports.find(free).unwrap()
}

/// An address at which nothing listens.
pub(crate) fn refused() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// A table with one listener and one route.
pub(crate) fn one_route(backends: Vec<BackendSpec>) -> TableSpec {
    TableSpec {
        listeners: vec![listener("edge/a", ANY, Some("a"))],
        routes: vec![RouteSpec {
            name: "a".into(),
            backends,
        }],
        ..TableSpec::default()
    }
}

/// A table with one listener, one route and one backend.
pub(crate) fn to(endpoints: &[SocketAddr]) -> TableSpec {
    one_route(vec![backend("b", 1, endpoints)])
}

pub(crate) fn listener(name: &str, bind: &str, route: Option<&str>) -> ListenerSpec {
    ListenerSpec {
        name: name.into(),
        protocol: Protocol::Tcp,
        binds: vec![bind.parse().unwrap()],
        route: route.map(Into::into),
    }
}

pub(crate) fn backend(name: &str, weight: u32, endpoints: &[SocketAddr]) -> BackendSpec {
    let target = TargetSpec::Endpoints(endpoints.to_vec());
    let name = name.into();
    BackendSpec {
        name,
        weight,
        target,
    }
}

pub(crate) fn rejecting(name: &str, weight: u32, reason: RejectReason) -> BackendSpec {
    let target = TargetSpec::Reject(reason);
    let name = name.into();
    BackendSpec {
        name,
        weight,
        target,
    }
}

/// Everything until the other side's FIN.
pub(crate) fn read_all(mut stream: impl Read) -> io::Result<String> {
    let mut text = String::new();
    stream.read_to_string(&mut text).map(|_| text)
}

/// Whether the stream is reset; bytes before the reset are passed over.
pub(crate) fn is_reset(mut stream: &TcpStream) -> bool {
    let end = io::copy(&mut stream, &mut io::sink());
    end.is_err_and(|it| it.kind() == io::ErrorKind::ConnectionReset)
}

/// Closes with RST.
pub(crate) fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// Counts how connections ended.
pub(crate) fn expect_reasons(gateway: &Gateway, reasons: &[(CloseReason, u64)]) {
    for (reason, n) in reasons {
        gateway.wait_until(reason.name(), |it| it.counters().closed(*reason) == *n);
    }
}
