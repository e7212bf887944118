//! What is answered, to whom, and what is refused: at the parsers, then at real doors.

use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process};

use expect_test::{Expect, expect};
use hyper::{Method, Request};
use rustix::fs::inotify;
use rustix::io::Errno;

use super::query::Query;
use super::request::{self, Reach};
use super::serve::{Admin, AdminError};
use super::{At, Door, Readiness, Wanted, serve};
use crate::board::Board;
use crate::limits::{ADMIN_CONNECTIONS_MAX, ADMIN_HEADER_TIMEOUT};

const PATIENCE: Duration = Duration::from_secs(30);

fn check_ask(reach: Reach, head: &str, want: &Expect) {
    let mut lines = head.lines();
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder().uri(target);
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let request = request.body(()).unwrap();
    let method: Method = method.parse().unwrap();
    let asked = request::read(&method, request.uri(), request.headers(), reach);
    want.assert_eq(&match asked {
        Ok(ask) => format!("{ask:?}"),
        Err(refusal) => format!("{refusal:?}"),
    });
}

#[test]
fn a_name_in_host_is_refused_on_loopback() {
    let refused = expect!["Host"];
    for host in [
        "evil.example",
        "evil.example:9180",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "1.2.3",
        "user@evil.example",
        "",
        "[::1",
    ] {
        check_ask(
            Reach::Loopback,
            &format!("GET /healthz\nHost: {host}"),
            &refused,
        );
    }
    let fine = expect!["Health"];
    for host in [
        "127.0.0.1",
        "127.0.0.1:9180",
        "localhost:1",
        "LocalHost",
        "[::1]:9180",
    ] {
        check_ask(
            Reach::Loopback,
            &format!("GET /healthz\nHost: {host}"),
            &fine,
        );
    }
    check_ask(
        Reach::Loopback,
        "GET http://evil.example/healthz\nHost: localhost",
        &refused,
    );
    check_ask(Reach::Loopback, "GET /healthz", &expect!["NoHost"]);
    check_ask(
        Reach::Loopback,
        "GET /healthz\nHost: localhost\nHost: localhost",
        &expect!["NoHost"],
    );
    check_ask(Reach::Socket, "GET /healthz\nHost: portway", &fine);
    check_ask(Reach::Probes, "GET /healthz\nHost: pod.example", &fine);
}

#[test]
fn another_origin_is_refused() {
    for header in [
        "Origin: http://evil.example",
        "Sec-Fetch-Site: cross-site",
        "Origin: null",
    ] {
        let head = format!("GET /api/v1/status\nHost: localhost\n{header}");
        check_ask(Reach::Loopback, &head, &expect!["Origin"]);
    }
    let typed = "GET /api/v1/status\nHost: localhost\nSec-Fetch-Site: none";
    check_ask(Reach::Loopback, typed, &expect!["Status"]);
}

#[test]
fn only_get_is_taken() {
    for method in [
        "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "BREW",
    ] {
        let head = format!("{method} /api/v1/status\nHost: localhost");
        check_ask(Reach::Loopback, &head, &expect!["Method"]);
    }
}

#[test]
fn a_door_for_probes_tells_no_status() {
    for path in [
        "/api/v1/status",
        "/api/v1/connections",
        "/api/v1/explain?subject=:80",
        "/",
    ] {
        check_ask(Reach::Probes, &format!("GET {path}"), &expect!["Nothing"]);
    }
    check_ask(Reach::Probes, "GET /metrics", &expect!["Metrics"]);
    check_ask(Reach::Probes, "GET /readyz", &expect!["Readiness"]);
}

#[test]
fn a_path_is_taken_as_it_stands() {
    for path in [
        "/healthz/",
        "//healthz",
        "/%68ealthz",
        "/api/v1",
        "/api/v1/../v1/status",
    ] {
        let head = format!("GET {path}\nHost: localhost");
        check_ask(Reach::Loopback, &head, &expect!["Nothing"]);
    }
}

fn check_query(text: &str, want: &Expect) {
    want.assert_eq(&match Query::parse(text) {
        Ok(query) => format!("{query:?}"),
        Err(error) => error.to_string(),
    });
}

#[test]
fn a_query_is_read() {
    check_query(
        "",
        &expect![
            "Query { listener: None, route: None, backend: None, endpoint: None, client: None, limit: 100, after: Cursor { worker: 0, place: 0 } }"
        ],
    );
    check_query(
        "listener=default%2Fedge%2Fsql&route=TCPRoute+db%2Fsql&limit=7&after=1.20",
        &expect![[
            r#"Query { listener: Some("default/edge/sql"), route: Some("TCPRoute db/sql"), backend: None, endpoint: None, client: None, limit: 7, after: Cursor { worker: 1, place: 20 } }"#
        ]],
    );
    check_query(
        "client=10.0.0.7&endpoint=[::1]:5432",
        &expect![
            "Query { listener: None, route: None, backend: None, endpoint: Some([::1]:5432), client: Some(Ip(10.0.0.7)), limit: 100, after: Cursor { worker: 0, place: 0 } }"
        ],
    );
    check_query(
        "client=10.0.0.7:99&backend=b",
        &expect![[
            r#"Query { listener: None, route: None, backend: Some("b"), endpoint: None, client: Some(Socket(10.0.0.7:99)), limit: 100, after: Cursor { worker: 0, place: 0 } }"#
        ]],
    );
}

#[test]
fn a_wrong_query_says_what_is_wrong_and_nothing_of_what_was_sent() {
    check_query(
        "<script>=1",
        &expect![
            "unknown parameter: there are listener, route, backend, endpoint, client, limit, after"
        ],
    );
    check_query("limit=1&limit=1", &expect!["`limit` is given twice"]);
    check_query(
        "limit=0",
        &expect!["`limit` is not a number from 1 to 1000"],
    );
    check_query(
        "limit=1001",
        &expect!["`limit` is not a number from 1 to 1000"],
    );
    check_query(
        "endpoint=db",
        &expect!["`endpoint` is not an address with port"],
    );
    check_query(
        "client=",
        &expect!["`client` is not an address, with or without port"],
    );
    check_query("listener=", &expect!["`listener` is not a name"]);
    check_query(
        "after=1",
        &expect!["`after` is not a cursor as `next` gave it"],
    );
    check_query(&"a".repeat(5000), &expect!["longer than 4096 bytes"]);
}

#[test]
fn one_subject_is_read() {
    let check = |query: &str, want: &Expect| {
        let head = format!("GET /api/v1/explain{query}\nHost: localhost");
        check_ask(Reach::Loopback, &head, want);
    };
    check(
        "?subject=tcproute/a%2Fb",
        &expect![[r#"Explain("tcproute/a/b")"#]],
    );
    for none in [
        "",
        "?",
        "?subjects=a",
        "?subject=a&subject=b",
        "?subject=a&x=",
    ] {
        check(none, &expect!["Query(NoSubject)"]);
    }
    let wrong = expect![[
        r#"Query(Wrong("subject", "tcproute/NAME, gateway/NAME, with or without NAMESPACE/ before NAME, or ADDRESS:PORT"))"#
    ]];
    check("?subject=", &wrong);
    check(&format!("?subject={}", "a".repeat(2000)), &wrong);
    check(
        &format!("?subject={}", "a".repeat(5000)),
        &expect!["Query(TooLong)"],
    );
    let other = "GET /api/v1/explain?subject=:80\nHost: localhost\nOrigin: http://evil.example";
    check_ask(Reach::Loopback, other, &expect!["Origin"]);
}

/// A directory that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("portway-admin-{}-{n}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tcp(addr: SocketAddr, wanted: Wanted, reach: Reach) -> Door {
    let at = At::Tcp(addr);
    Door { at, wanted, reach }
}

fn socket(path: PathBuf, wanted: Wanted) -> Door {
    Door {
        at: At::Socket(path),
        wanted,
        reach: Reach::Socket,
    }
}

/// A server on any port of loopback, and where that is.
fn start(reach: Reach) -> (Admin, SocketAddr, Arc<Board>) {
    let board = Arc::new(Board::new("run"));
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let doors = [tcp(any, Wanted::Explicitly, reach)];
    let admin = serve(&doors, Arc::<Board>::clone(&board)).unwrap();
    let At::Tcp(addr) = admin.at()[0] else {
        panic!("{admin:?}");
    };
    (admin, addr, board)
}

/// Sends a request and reads until the end.
fn exchange(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&addr, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn status_of(addr: SocketAddr, request: &str) -> String {
    let answer = exchange(connect(addr), request);
    answer.split(' ').nth(1).unwrap_or(&answer).to_owned()
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const READY: &str = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn readiness_follows_the_board() {
    let (_admin, addr, board) = start(Reach::Loopback);
    assert_eq!(status_of(addr, READY), "503");
    board.set_readiness(Readiness::Ready);
    assert_eq!(status_of(addr, READY), "200");
    board.set_readiness(Readiness::Draining);
    assert_eq!(status_of(addr, READY), "503");
    assert_eq!(status_of(addr, HEALTH), "200");
}

#[test]
fn refusals_have_their_status() {
    let (_admin, addr, _board) = start(Reach::Loopback);
    for (request, want) in [
        ("POST /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"),
        ("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"),
        ("GET /healthz HTTP/1.1\r\n\r\n", "400"),
        ("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: x\r\n\r\n",
            "403",
        ),
        (
            "GET /api/v1/connections?x HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "400",
        ),
        ("GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n", "200"),
        ("nonsense\r\n\r\n", "400"),
        // HTTP/2 is none of ours: closed.
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
    ] {
        assert_eq!(status_of(addr, request), want, "{request}");
    }
}

#[test]
fn no_answer_may_be_kept_sniffed_or_read_by_others() {
    let (_admin, addr, _board) = start(Reach::Loopback);
    let answer = exchange(connect(addr), HEALTH).to_ascii_lowercase();
    for header in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "cross-origin-resource-policy: same-origin",
        "connection: close",
    ] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
    assert!(!answer.contains("access-control"), "{answer}");
}

#[test]
fn a_request_is_bounded_in_bytes_and_headers() {
    let (_admin, addr, _board) = start(Reach::Loopback);
    let long = format!(
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    assert_eq!(status_of(addr, &long), "431");
    let many = "X: y\r\n".repeat(100);
    let many = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
    assert_eq!(status_of(addr, &many), "431");
}

/// Somebody who sends byte by byte holds a seat no longer than that, though nobody waits for it.
#[test]
fn whoever_sends_slowly_loses_the_seat() {
    let (_admin, addr, _board) = start(Reach::Loopback);
    let begun = Instant::now();
    let mut slow = connect(addr);
    slow.write_all(b"GET /hea").unwrap();
    let mut rest = Vec::new();
    // Closed, or reset if it was not read; in either case over.
    let _ = slow.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    assert!(
        begun.elapsed() >= ADMIN_HEADER_TIMEOUT,
        "{:?}",
        begun.elapsed()
    );
}

/// Three times as many as there are seats say nothing, or not all of it: those who came first make
/// room, and whoever asks has its answer long before they would have been ended by themselves.
#[test]
fn whoever_asks_is_not_held_up_by_those_who_do_not() {
    let (_admin, addr, _board) = start(Reach::Loopback);
    let begun = Instant::now();
    let mut silent: Vec<TcpStream> = (0..3 * ADMIN_CONNECTIONS_MAX)
        .map(|_| connect(addr))
        .collect();
    silent[1].write_all(b"GET /hea").unwrap();
    assert_eq!(status_of(addr, HEALTH), "200");
    assert!(
        begun.elapsed() < ADMIN_HEADER_TIMEOUT,
        "{:?}",
        begun.elapsed()
    );
    for first in &mut silent[..2] {
        assert!(matches!(first.read(&mut [0]), Ok(0) | Err(_)));
    }
    let mut last = silent.pop().unwrap();
    last.write_all(HEALTH.as_bytes()).unwrap();
    let mut answer = String::new();
    last.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// A burst of more than there are seats: all of them are served.
#[test]
fn whoever_asks_at_once_keeps_the_seat() {
    let (_admin, addr, _board) = start(Reach::Loopback);
    let mut askers: Vec<TcpStream> = (0..2 * ADMIN_CONNECTIONS_MAX)
        .map(|_| {
            let mut stream = connect(addr);
            stream.write_all(HEALTH.as_bytes()).unwrap();
            stream
        })
        .collect();
    for asker in &mut askers {
        let mut answer = String::new();
        asker.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn a_socket_file_is_for_its_user_and_group_and_goes_with_the_server() {
    let dir = Dir::new();
    let path = dir.0.join("portway.sock");
    let board = Arc::new(Board::new("run"));
    let doors = [socket(path.clone(), Wanted::Explicitly)];
    let admin = serve(&doors, board).unwrap();
    let found = fs::metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o660);
    let stream = UnixStream::connect(&path).unwrap();
    let answer = exchange(stream, "GET /healthz HTTP/1.1\r\nHost: portway\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(admin);
    assert!(!path.exists());
}

/// It is made elsewhere: whoever may write to the directory could have put another file in its place,
/// whose mode would be set. Nothing of that stays.
#[test]
fn a_socket_file_is_as_it_should_be_when_it_comes() {
    let dir = Dir::new();
    let path = dir.0.join("portway.sock");
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    inotify::add_watch(&watch, &dir.0, inotify::WatchFlags::ATTRIB).unwrap();
    let doors = [socket(path, Wanted::Explicitly)];
    let _admin = serve(&doors, Arc::new(Board::new("run"))).unwrap();
    let mut room = [MaybeUninit::uninit(); 512];
    let changed = inotify::Reader::new(&watch, &mut room).next().map(drop);
    assert_eq!(changed, Err(Errno::AGAIN));
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1);
}

/// One left by an instance that was killed is replaced, one that is served is not, and neither is a
/// file that is no socket.
#[test]
fn a_socket_file_of_others_stays() {
    let dir = Dir::new();
    let path = dir.0.join("portway.sock");
    let board = Arc::new(Board::new("run"));
    let open = |wanted| {
        let doors = [socket(path.clone(), wanted)];
        serve(&doors, Arc::<Board>::clone(&board))
    };
    drop(UnixListener::bind(&path).unwrap());
    drop(open(Wanted::Explicitly).unwrap());

    let living = UnixListener::bind(&path).unwrap();
    assert!(matches!(open(Wanted::Explicitly), Err(AdminError::Door(_))));
    drop(open(Wanted::ByDefault).unwrap());
    assert!(path.exists());
    drop(living);
    fs::remove_file(&path).unwrap();

    fs::write(&path, "mine").unwrap();
    assert!(open(Wanted::Explicitly).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_taken_port_is_done_without_unless_it_was_asked_for() {
    let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = holder.local_addr().unwrap();
    let board = Arc::new(Board::new("run"));
    let open = |wanted| {
        let doors = [tcp(taken, wanted, Reach::Loopback)];
        serve(&doors, Arc::<Board>::clone(&board))
    };
    assert!(open(Wanted::ByDefault).unwrap().at().is_empty());
    let error = open(Wanted::Explicitly).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("open the admin server at {taken}")
    );
}

/// As between an instance that lets its connections finish and the next one.
#[test]
fn a_door_opens_when_another_gives_its_place_up() {
    let dir = Dir::new();
    let path = dir.0.join("portway.sock");
    let board = Arc::new(Board::new("run"));
    // No port of a client is at this address, so that none meets itself there.
    let taken = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 3), 0)).unwrap();
    let addr = taken.local_addr().unwrap();
    let doors = [
        tcp(addr, Wanted::ByDefault, Reach::Loopback),
        socket(path.clone(), Wanted::ByDefault),
    ];
    let old = serve(&doors[1..], Arc::<Board>::clone(&board)).unwrap();
    let new = serve(&doors, board).unwrap();
    assert!(new.at().is_empty());
    assert_eq!(new.addrs(), [addr]);
    drop((old, taken));
    let stream = wait_for(|| UnixStream::connect(&path).ok());
    assert!(exchange(stream, HEALTH).starts_with("HTTP/1.1 200"));
    let stream = wait_for(|| TcpStream::connect(addr).ok());
    assert!(exchange(stream, HEALTH).starts_with("HTTP/1.1 200"));
    drop(new);
    assert!(!path.exists());
}

fn wait_for<T>(attempt: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(it) = attempt() {
            return it;
        }
        assert!(begun.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
}
