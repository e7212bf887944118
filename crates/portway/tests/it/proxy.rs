//! `portway proxy`: fed by a controller, and going on without one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use portway_engine::table::{
    BackendSpec, ListenerSpec, Protocol, RouteSpec, TableSpec, TargetSpec,
};
use portway_feed::{Authorities, Feed, GatewayName, Identity, Leading, ProxyFacts, Refused, serve};
use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::admin::open;
use crate::backend::{self, DEADLINE, free_port, talk};
use crate::files::Dir;
use crate::portway::{Running, command, run};

/// A controller in this process.
struct Controller {
    runtime: Runtime,
    feed: Feed,
    changes: watch::Receiver<u64>,
    addr: SocketAddr,
    files: Dir,
}

impl Controller {
    fn start() -> Self {
        let authorities = Authorities::generate(SystemTime::now()).unwrap();
        let names = ["localhost".to_owned()];
        let leaf = authorities.leaf(&names, SystemTime::now()).unwrap();
        let files = Dir::new()
            .with("ca.crt", authorities.bundle_pem())
            .with("token", "a token");
        let runtime = Runtime::new().unwrap();
        let (feed, changes) = Feed::new();
        feed.set_leading(Leading::Yes);
        let _inside = runtime.enter();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let addr = listener.local_addr().unwrap();
        let review = |token: portway_feed::Token| async move {
            if token.expose() != "a token" {
                return Err(Refused::Unknown);
            }
            Ok(Identity {
                gateway: gateway(),
                pod: "pod".into(),
                uid: "uid".into(),
            })
        };
        let (_, leaf) = watch::channel(Arc::new(leaf));
        let served = serve(feed.clone(), listener, leaf, review, std::future::pending());
        runtime.spawn(served);
        drop(_inside);
        Self {
            runtime,
            feed,
            changes,
            addr,
            files,
        }
    }

    fn proxy(&self, more: &[&str]) -> Running {
        let port = self.addr.port();
        let controller = format!("localhost:{port}");
        let (ca, token) = (self.files.0.join("ca.crt"), self.files.0.join("token"));
        let mut command = command(&["proxy", "--workers", "2", "--admin-socket", "off"]);
        command.args(["--controller", &controller]);
        command
            .arg("--ca-file")
            .arg(ca)
            .arg("--token-file")
            .arg(token);
        command.args(more);
        Running::start(command)
    }

    fn wait_for(&mut self, is_wanted: impl Fn(&ProxyFacts) -> bool) -> ProxyFacts {
        let wanted = async {
            loop {
                self.changes.borrow_and_update();
                let proxies = self.feed.proxies(&gateway());
                if let Some(proxy) = proxies.into_iter().find(&is_wanted) {
                    return proxy;
                }
                self.changes.changed().await.unwrap();
            }
        };
        let wanted = self
            .runtime
            .block_on(async { timeout(DEADLINE, wanted).await });
        wanted.unwrap_or_else(|_| panic!("never so: {:?}", self.feed.proxies(&gateway())))
    }
}

fn gateway() -> GatewayName {
    GatewayName {
        namespace: "infra".into(),
        name: "edge".into(),
    }
}

/// One listener and where its streams go.
fn table(listener: SocketAddr, endpoint: SocketAddr) -> TableSpec {
    TableSpec {
        listeners: vec![ListenerSpec {
            name: "infra/edge/sql".into(),
            protocol: Protocol::Tcp,
            binds: vec![listener],
            route: Some("db/sql".into()),
        }],
        routes: vec![RouteSpec {
            name: "db/sql".into(),
            backends: vec![BackendSpec {
                name: "db/postgres:5432".into(),
                weight: 1,
                target: TargetSpec::Endpoints(vec![endpoint]),
            }],
        }],
        drains: Vec::new(),
        grants: None,
    }
}

fn free() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// Status and body of a probe.
fn probe(pod_addr: SocketAddr, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect_timeout(&pod_addr, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    format!("{status} {}", body.trim_end())
}

#[test]
fn a_fed_proxy_serves_and_says_so() {
    let mut controller = Controller::start();
    let (listener, pod_addr) = (free(), free());
    let mut proxy = controller.proxy(&["--pod-addr", &pod_addr.to_string()]);
    proxy.wait_for("following the controller");
    assert!(probe(pod_addr, "/readyz").starts_with("503 starting"));
    assert!(probe(pod_addr, "/healthz").starts_with("200"));
    let first = table(listener, backend::start("one"));
    controller.feed.publish(&gateway(), 1, &first).unwrap();
    controller.wait_for(|it| it.acknowledged == Some(1));
    assert_eq!(talk(listener), "one", "what is acknowledged is served");
    proxy.wait_for("INFO ready");
    assert_eq!(probe(pod_addr, "/readyz"), "200 ready");
    assert!(probe(pod_addr, "/metrics").contains("portway_feed_following 1"));
    let second = table(listener, backend::start("two"));
    controller.feed.publish(&gateway(), 2, &second).unwrap();
    controller.wait_for(|it| it.acknowledged == Some(2));
    assert_eq!(talk(listener), "two");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait().code(), Some(0), "{}", proxy.seen());
    assert!(proxy.seen().contains("stopped"), "{}", proxy.seen());
}

/// It knows its connections, and of objects who does.
#[test]
fn a_fed_proxy_explains_connections_and_no_objects() {
    let mut controller = Controller::start();
    let listener = free();
    let (pod_addr, admin) = (free().to_string(), free().to_string());
    let _proxy = controller.proxy(&["--pod-addr", &pod_addr, "--admin", &admin]);
    let first = table(listener, backend::start("one"));
    controller.feed.publish(&gateway(), 1, &first).unwrap();
    controller.wait_for(|it| it.acknowledged == Some(1));
    let client = open(listener.port());
    let addr = client.local_addr().unwrap().to_string();
    let connection = run(&["explain", "connection", &addr, "--admin", &admin]);
    assert_eq!(connection.code, 0, "{}", connection.stderr);
    let title = format!("connection from `{addr}`, open for ");
    assert!(
        connection.stdout.starts_with(&title),
        "{}",
        connection.stdout
    );
    let object = run(&["explain", "tcproute/a", "--admin", &admin]);
    assert_eq!(object.code, 2);
    let who = "portway explain SUBJECT --kube";
    assert!(object.stderr.contains(who), "{}", object.stderr);
}

#[test]
fn without_its_controller_a_proxy_goes_on() {
    let mut controller = Controller::start();
    let (listener, pod_addr) = (free(), free());
    let mut proxy = controller.proxy(&["--pod-addr", &pod_addr.to_string()]);
    let spec = table(listener, backend::start("one"));
    controller.feed.publish(&gateway(), 1, &spec).unwrap();
    controller.wait_for(|it| it.acknowledged == Some(1));
    controller.feed.set_leading(Leading::No);
    proxy.wait_for("serving what is here");
    assert_eq!(talk(listener), "one");
    assert_eq!(probe(pod_addr, "/readyz"), "200 ready");
    assert!(probe(pod_addr, "/metrics").contains("portway_feed_following 0"));
    controller.feed.set_leading(Leading::Yes);
    controller.wait_for(|it| it.acknowledged == Some(1));
}

#[test]
fn a_proxy_that_finds_no_controller_is_not_ready_and_says_why() {
    let pod_addr = free();
    let nobody = free().port();
    let files = Dir::new().with("ca.crt", "none").with("token", "none");
    let mut command = command(&["proxy", "--admin-socket", "off"]);
    command.args(["--controller", &format!("localhost:{nobody}")]);
    command.args(["--pod-addr", &pod_addr.to_string()]);
    command.arg("--ca-file").arg(files.0.join("ca.crt"));
    command.arg("--token-file").arg(files.0.join("token"));
    let mut proxy = Running::start(command);
    proxy.wait_for("no table yet");
    let answer = probe(pod_addr, "/readyz");
    assert!(
        answer.starts_with("503 starting: no controller to follow: "),
        "{answer}"
    );
    assert!(answer.contains(&nobody.to_string()), "{answer}");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait().code(), Some(0), "{}", proxy.seen());
}

#[test]
fn a_socket_that_cannot_be_bound_is_told_to_the_controller() {
    let mut controller = Controller::start();
    let listener = free();
    let taken = std::net::TcpListener::bind(listener).unwrap();
    let _proxy = controller.proxy(&["--pod-addr", "off"]);
    let spec = table(listener, backend::start("one"));
    controller.feed.publish(&gateway(), 1, &spec).unwrap();
    let facts = controller.wait_for(|it| it.acknowledged == Some(1));
    let want = vec![(listener, "address already in use".to_owned())];
    assert_eq!(facts.unbound, want);
    drop(taken);
    controller.wait_for(|it| it.unbound.is_empty());
    assert_eq!(talk(listener), "one");
}

#[test]
fn wrong_flags_are_explained() {
    for (arguments, want) in [
        (&["proxy"][..], "--controller <HOST:PORT>"),
        (
            &["proxy", "--controller", "x"],
            "expected a name or address with port",
        ),
        (
            &["proxy", "--controller", "x:0"],
            "expected a name or address with port",
        ),
        (
            &["proxy", "--controller", ":1"],
            "expected a name or address with port",
        ),
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}");
        assert!(ended.stderr.contains(want), "{}", ended.stderr);
    }
}
