//! The admin server, the access log and `status`, at the real binary.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::backend::{self, DEADLINE, free_port, loopback, talk};
use crate::files::{Dir, guide, replace_once, services};
use crate::portway::{Ended, Running, command, run};

/// The guide, running, with an admin server on a port that the kernel chose and a socket.
pub(crate) struct Instance {
    pub(crate) running: Running,
    pub(crate) admin: SocketAddr,
    pub(crate) ports: [u16; 2],
    pub(crate) dir: Dir,
    sockets: Dir,
}

impl Instance {
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::start_with([backend::start("foo"), backend::start("bar")], more)
    }

    pub(crate) fn start_with(endpoints: [SocketAddr; 2], more: &[&str]) -> Self {
        let ports = [free_port(), free_port()];
        let dir = Dir::new()
            .with("tcp-routing.yaml", guide(ports))
            .with("services.yaml", services(endpoints));
        let sockets = Dir::new();
        let socket = sockets.0.join("admin");
        let mut run = command(&["run", "-f", dir.path(), "--workers", "2"]);
        run.args(["--admin", "127.0.0.1:0", "--admin-socket"])
            .arg(&socket);
        run.args(more);
        let mut running = Running::start(run);
        let line = running.wait_for("admin server listening at=127.0.0.1:");
        let admin = line.rsplit("at=").next().unwrap().parse().unwrap();
        running.wait_for("INFO ready");
        Self {
            running,
            admin,
            ports,
            dir,
            sockets,
        }
    }

    /// Status and body of an answer.
    fn ask(&self, path: &str) -> (u16, String) {
        ask(TcpStream::connect(self.admin).unwrap(), path)
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.ask(path);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The value of a series.
    fn metric(&self, series: &str) -> f64 {
        let (_, text) = self.ask("/metrics");
        let line = text.lines().find_map(|it| it.strip_prefix(series));
        let value = line.and_then(|it| it.strip_prefix(' '));
        value
            .unwrap_or_else(|| panic!("{series}\n{text}"))
            .parse()
            .unwrap()
    }

    pub(crate) fn wait_for_metric(&self, series: &str, want: f64) {
        let start = Instant::now();
        while self.metric(series) != want {
            assert!(
                start.elapsed() < DEADLINE,
                "{series} {}",
                self.metric(series)
            );
        }
    }

    /// A verb that asks it.
    pub(crate) fn asked(&self, arguments: &[&str]) -> Ended {
        let admin = self.admin.to_string();
        run(&[arguments, &["--admin", &admin]].concat())
    }

    fn status(&self, more: &[&str]) -> Ended {
        let admin = self.admin.to_string();
        run(&[&["status", "--admin", &admin][..], more].concat())
    }
}

pub(crate) fn ask(mut stream: impl Read + Write, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

/// A connection that was greeted.
pub(crate) fn open(port: u16) -> TcpStream {
    let client = TcpStream::connect_timeout(&loopback(port)[0], DEADLINE).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut answers = BufReader::new(client.try_clone().unwrap());
    answers.read_line(&mut String::new()).unwrap();
    client
}

/// Ready once connections are served, not any more while the open ones finish.
#[test]
fn readiness_is_told_from_start_to_drain() {
    let mut instance = Instance::start(&[]);
    assert_eq!(instance.ask("/healthz"), (200, "ok\n".into()));
    assert_eq!(instance.ask("/readyz"), (200, "ready\n".into()));
    let client = open(instance.ports[0]);
    instance.running.signal(Signal::TERM);
    instance.running.wait_for("draining");
    assert_eq!(instance.ask("/readyz"), (503, "draining\n".into()));
    assert_eq!(instance.ask("/healthz"), (200, "ok\n".into()));
    assert_eq!(instance.metric("portway_ready"), 0.0);
    drop(client);
    assert_eq!(instance.running.wait().code(), Some(0));
    assert!(!instance.sockets.0.join("admin").exists());
}

/// The socket is there by default, and the old instance has it until its last connection is over.
#[test]
fn an_instance_that_starts_while_another_drains_is_asked_when_that_has_ended() {
    let ports = [free_port(), free_port()];
    let (runtime, dir) = (Dir::new(), Dir::new().with("guide.yaml", guide(ports)));
    let services = services([backend::start("foo"), backend::start("bar")]);
    let dir = dir.with("services.yaml", services);
    let verb = |verb: &[&str]| {
        let mut verb = command(verb);
        verb.env("XDG_RUNTIME_DIR", &runtime.0);
        verb
    };
    let run = ["run", "-f", dir.path(), "--admin", "127.0.0.1:0"];
    let mut old = Running::start(verb(&run));
    old.wait_for("INFO ready");
    let client = open(ports[0]);
    old.signal(Signal::TERM);
    old.wait_for("draining");
    let mut new = Running::start(verb(&run));
    new.wait_for("no admin socket until that is free");
    new.wait_for("INFO ready");
    drop(client);
    old.wait();
    new.wait_for("admin server listening");
    let mut status = verb(&["status"]);
    status.env_remove("PORTWAY_ADMIN");
    assert_eq!(Running::start(status).wait().code(), Some(0));
}

#[test]
fn the_socket_tells_the_same() {
    let instance = Instance::start(&[]);
    let socket = UnixStream::connect(instance.sockets.0.join("admin")).unwrap();
    let (status, body) = ask(socket, "/api/v1/status");
    assert_eq!(status, 200);
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        told["gateways"],
        instance.json("/api/v1/status")["gateways"]
    );
    let socket = instance.sockets.0.join("admin");
    let ended = run(&["status", "--admin-socket", socket.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    // A flag that names no place leaves the variable's.
    let mut status = command(&["status", "--admin-socket", "off"]);
    status.env("PORTWAY_ADMIN", instance.admin.to_string());
    let ended = Running::start(status).wait();
    assert_eq!(ended.code(), Some(0));
}

const FOO: &str = "listener=\"default/my-tcp-gateway/foo\",route=\"TCPRoute default/tcp-app-1\"";

#[test]
fn metrics_move_with_what_happens() {
    let instance = Instance::start(&[]);
    let still = [
        "portway_connections_total".to_owned(),
        "portway_connections_open".to_owned(),
        format!("portway_listener_connections_total{{{FOO}}}"),
        "portway_dial_seconds_count".to_owned(),
    ];
    assert_eq!(still.map(|it| instance.metric(&it)), [0.0; 4]);
    let client = open(instance.ports[0]);
    instance.wait_for_metric("portway_connections_open", 1.0);
    instance.wait_for_metric(&format!("portway_listener_connections_open{{{FOO}}}"), 1.0);
    drop(client);
    assert_eq!(talk(loopback(instance.ports[0])[0]), "foo");
    instance.wait_for_metric("portway_connections_open", 0.0);
    let by_listener = |name: &str, more: &str| format!("portway_listener_{name}{{{FOO}{more}}}");
    for (moved, want) in [
        ("portway_connections_total".to_owned(), 2.0),
        (by_listener("connections_total", ""), 2.0),
        (
            by_listener("connections_closed_total", ",reason=\"finished\""),
            2.0,
        ),
        (
            by_listener("relayed_bytes_total", ",to=\"backend\""),
            300_000.0,
        ),
        (
            by_listener("relayed_bytes_total", ",to=\"client\""),
            300_008.0,
        ),
        (
            "portway_connections_closed_total{reason=\"finished\"}".to_owned(),
            2.0,
        ),
        (
            "portway_relayed_bytes_total{to=\"client\"}".to_owned(),
            300_008.0,
        ),
        ("portway_dial_seconds_count".to_owned(), 2.0),
        ("portway_config_applied_version".to_owned(), 1.0),
        ("portway_config_apply_seconds_count".to_owned(), 1.0),
        ("portway_ready".to_owned(), 1.0),
    ] {
        assert_eq!(instance.metric(&moved), want, "{moved}");
    }
    let workers =
        ["0", "1"].map(|it| format!("portway_worker_connections_total{{worker=\"{it}\"}}"));
    assert_eq!(
        workers.map(|it| instance.metric(&it)).iter().sum::<f64>(),
        2.0
    );
    assert!(instance.metric("process_cpu_seconds_total") > 0.0);
}

#[test]
fn metrics_of_an_endpoint_move_with_it() {
    let foo = backend::start("foo");
    let instance = Instance::start_with([foo, backend::start("bar")], &[]);
    let of = |name: &str, more: &str| {
        let backend = "default/my-foo-service:6000";
        format!("portway_endpoint_{name}{{backend=\"{backend}\",endpoint=\"{foo}\"{more}}}")
    };
    let reached = of("dials_total", ",result=\"reached\"");
    assert_eq!(instance.metric(&reached), 0.0);
    let client = open(instance.ports[0]);
    instance.wait_for_metric(&of("connections_open", ""), 1.0);
    assert_eq!(instance.metric(&of("healthy", "")), 1.0);
    drop(client);
    assert_eq!(talk(loopback(instance.ports[0])[0]), "foo");
    instance.wait_for_metric(&of("connections_open", ""), 0.0);
    assert_eq!(instance.metric(&reached), 2.0);
    assert_eq!(
        instance.metric(&of("relayed_bytes_total", ",to=\"backend\"")),
        300_000.0
    );
}

#[test]
fn a_failed_dial_is_seen_in_metrics_status_and_access_log() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mut instance =
        Instance::start_with([closed, backend::start("bar")], &["--access-log", "json"]);
    let mut client = TcpStream::connect(loopback(instance.ports[0])[0]).unwrap();
    let _ = client.read(&mut [0]);
    instance.wait_for_metric(
        "portway_connections_closed_total{reason=\"dial_failed\"}",
        1.0,
    );
    let endpoint = format!("backend=\"default/my-foo-service:6000\",endpoint=\"{closed}\"");
    let failed = format!("portway_endpoint_dials_total{{{endpoint},result=\"refused\"}}");
    assert_eq!(instance.metric(&failed), 1.0);
    assert_eq!(instance.metric("portway_dials_failed_total"), 1.0);
    let line = instance.running.wait_for("{\"start\":");
    let record: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(record["reason"], "dial_failed");
    assert_eq!(record["endpoint"], Value::Null);
    assert_eq!(record["failed_dials"][0]["endpoint"], closed.to_string());
    assert_eq!(record["failed_dials"][0]["error"], "refused");
    let status = instance.json("/api/v1/status");
    assert_eq!(status["dials"]["failed"], 1);
    assert_eq!(status["connections"]["closed"]["dial_failed"], 1);
}

#[test]
fn open_connections_are_listed_and_found() {
    let instance = Instance::start(&[]);
    let clients = [0, 0, 1].map(|at| open(instance.ports[at]));
    let all = instance.json("/api/v1/connections");
    assert_eq!(all["connections"].as_array().unwrap().len(), 3);
    assert_eq!((&all["next"], &all["open"]), (&Value::Null, &3.into()));
    let bar = "listener=default%2Fmy-tcp-gateway%2Fbar";
    let bar = instance.json(&format!("/api/v1/connections?{bar}"));
    let bar = bar["connections"].as_array().unwrap();
    assert_eq!(bar.len(), 1);
    assert_eq!(
        bar[0]["client"],
        clients[2].local_addr().unwrap().to_string()
    );
    assert_eq!(bar[0]["route"], "TCPRoute default/tcp-app-2");
    assert_eq!(bar[0]["state"], "relaying");
    let page = instance.json("/api/v1/connections?limit=2");
    assert_eq!(page["connections"].as_array().unwrap().len(), 2);
    let after = page["next"].as_str().unwrap();
    let rest = instance.json(&format!("/api/v1/connections?limit=2&after={after}"));
    assert_eq!(rest["connections"].as_array().unwrap().len(), 1);
    assert_eq!(instance.ask("/api/v1/connections?limit=x").0, 400);
}

#[test]
fn a_name_in_host_and_another_method_are_refused() {
    let instance = Instance::start(&[]);
    for (request, want) in [
        (
            "GET /api/v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            "421",
        ),
        (
            "POST /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "405",
        ),
        (
            "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\n\r\n",
            "403",
        ),
    ] {
        let mut stream = TcpStream::connect(instance.admin).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(want), "{answer}");
    }
}

/// Every field of a record that can be known is, and SIGHUP moves the log to a new file.
#[test]
fn the_access_log_has_a_record_for_each_connection() {
    let logs = Dir::new();
    let path = logs.0.join("access.log");
    let file = path.to_str().unwrap();
    let mut instance = Instance::start(&["--access-log", "json", "--access-log-file", file]);
    assert_eq!(talk(loopback(instance.ports[0])[0]), "foo");
    instance.wait_for_metric("portway_access_log_records_total", 1.0);
    let record = fs::read_to_string(&path).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    for (name, value) in record.as_object().unwrap() {
        assert!(!value.is_null(), "{name}");
    }
    assert_eq!(record["listener"], "default/my-tcp-gateway/foo");
    assert_eq!(record["route"], "TCPRoute default/tcp-app-1");
    assert_eq!(record["backend"], "default/my-foo-service:6000");
    assert_eq!(record["bytes_to_backend"], 300_000);
    assert_eq!(record["bytes_to_client"], 300_004);
    assert_eq!(record["reason"], "finished");
    for above_zero in [
        "duration_seconds",
        "client_rtt_seconds",
        "backend_rtt_seconds",
    ] {
        assert!(
            record[above_zero].as_f64().unwrap() > 0.0,
            "{above_zero}: {record}"
        );
    }

    let moved = logs.0.join("access.log.1");
    fs::rename(&path, &moved).unwrap();
    instance.running.signal(Signal::HUP);
    instance.running.wait_for("access log opened again");
    assert_eq!(talk(loopback(instance.ports[1])[0]), "bar");
    instance.running.signal(Signal::TERM);
    assert_eq!(instance.running.wait().code(), Some(0));
    let new = fs::read_to_string(&path).unwrap();
    assert!(
        new.contains("my-tcp-gateway/bar") && new.lines().count() == 1,
        "{new}"
    );
    assert_eq!(fs::read_to_string(&moved).unwrap().lines().count(), 1);
}

/// A file that may not grow is as a disk that is full: of a record there is half, and then none.
#[test]
fn a_record_after_half_a_line_begins_a_line_of_its_own() {
    let ports = [free_port(), free_port()];
    let endpoints = [backend::start("foo"), backend::start("bar")];
    let dir = Dir::new()
        .with("tcp-routing.yaml", guide(ports))
        .with("services.yaml", services(endpoints));
    let logs = Dir::new();
    let path = logs.0.join("access.log");
    // Whoever starts us says that no signal tells of it, as for a service of systemd.
    let mut run = Command::new("sh");
    run.args(["-c", "trap '' 25; exec \"$@\"", "sh"]);
    run.arg(env!("CARGO_BIN_EXE_portway"));
    run.args(["run", "-f", dir.path(), "--access-log", "json"]);
    run.arg("--access-log-file").arg(&path);
    run.args(["--admin", "127.0.0.1:0", "--admin-socket", "off"]);
    let mut running = Running::start(run);
    let line = running.wait_for("admin server listening at=127.0.0.1:");
    let admin: SocketAddr = line.rsplit("at=").next().unwrap().parse().unwrap();
    running.wait_for("INFO ready");
    let is_told = |series: &str| {
        let start = Instant::now();
        while !ask(TcpStream::connect(admin).unwrap(), "/metrics")
            .1
            .contains(series)
        {
            assert!(start.elapsed() < DEADLINE, "{series}");
        }
    };
    talk(loopback(ports[0])[0]);
    is_told("portway_access_log_records_total 1\n");
    let n_bytes = fs::metadata(&path).unwrap().len();
    running.limit_files(Some(n_bytes + 20));
    talk(loopback(ports[0])[0]);
    is_told("portway_access_log_records_dropped_total 1\n");
    running.wait_for("the access log cannot be written, records are dropped");
    running.limit_files(None);
    talk(loopback(ports[1])[0]);
    is_told("portway_access_log_records_total 2\n");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[1].len()), (3, 20), "{text}");
    for (line, listener) in [(lines[0], "foo"), (lines[2], "bar")] {
        let record: Value = serde_json::from_str(line).unwrap();
        let want = format!("default/my-tcp-gateway/{listener}");
        assert_eq!(record["listener"], want);
    }
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code(), Some(0), "{}", running.seen());
    let told = "records were dropped from the access log n=1";
    assert!(running.seen().contains(told), "{}", running.seen());
}

/// On stdout, where the result of `run` stands; what people read is on stderr.
#[test]
fn the_access_log_can_be_text_on_stdout() {
    let mut instance = Instance::start(&["--access-log", "text"]);
    assert_eq!(talk(loopback(instance.ports[0])[0]), "foo");
    let line = instance.running.wait_for("start=");
    assert!(
        line.contains(" listener=default/my-tcp-gateway/foo route=\"TCPRoute default/tcp-app-1\" "),
        "{line}"
    );
    assert!(line.ends_with(" reason=finished"), "{line}");
}

/// A reader that takes nothing: connections are served all the same, and records are dropped and
/// counted once the pipe and the queue are full.
#[test]
fn a_reader_that_stalls_stalls_no_connection() {
    let (reader, writer) = std::io::pipe().unwrap();
    let ports = [free_port(), free_port()];
    let endpoints = [backend::start("foo"), backend::start("bar")];
    let dir = Dir::new()
        .with("tcp-routing.yaml", guide(ports))
        .with("services.yaml", services(endpoints));
    let mut run = command(&["run", "-f", dir.path(), "--access-log", "json"]);
    run.stdout(writer).stderr(Stdio::piped());
    let mut child = run.spawn().unwrap();
    drop(run);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("INFO ready") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0);
    }
    // A pipe holds 64 KiB, about 130 records.
    for _ in 0..400 {
        drop(open(ports[0]));
    }
    assert_eq!(talk(loopback(ports[1])[0]), "bar");
    kill_process(
        Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(),
        Signal::TERM,
    )
    .unwrap();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("the access log is not taken"), "{rest}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(reader);
}

#[test]
fn status_shows_who_serves() {
    let instance = Instance::start(&[]);
    let client = open(instance.ports[0]);
    let ended = instance.status(&[]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    for part in [
        "run: ready, up ",
        "config    version 1, applied in ",
        "GATEWAY default/my-tcp-gateway",
        "  default/tcp-app-1 ",
    ] {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    for line in ended.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let json = instance.status(&["--output", "json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        json["gateways"][0]["listeners"][0]["connections"]["open"],
        1
    );
    let yaml = instance.status(&["--output", "yaml"]);
    assert!(yaml.stdout.contains("state: ready"), "{}", yaml.stdout);
    drop(client);
}

#[test]
fn status_says_what_is_wrong_and_where() {
    let ports = [free_port(), free_port()];
    let broken = replace_once(&guide(ports), "my-foo-service", "my-fooo-service");
    let _holder = TcpListener::bind(("0.0.0.0", ports[1])).unwrap();
    let dir = Dir::new().with("tcp-routing.yaml", broken).with(
        "services.yaml",
        services([backend::start("foo"), backend::start("bar")]),
    );
    let mut run = command(&["run", "-f", dir.path(), "--admin", "127.0.0.1:0"]);
    run.args(["--admin-socket", "off"]);
    let mut running = Running::start(run);
    let line = running.wait_for("admin server listening at=127.0.0.1:");
    let admin = line.rsplit("at=").next().unwrap().to_owned();
    running.wait_for("INFO ready");
    let ended = crate::portway::run(&["status", "--admin", &admin]);
    for part in ["PortUnavailable", "BackendNotFound", "my-fooo-service"] {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    let json = crate::portway::run(&["status", "--admin", &admin, "--output", "json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let listed = json["findings"]["listed"].as_array().unwrap();
    let found = listed
        .iter()
        .find(|it| it["what"].as_str().unwrap().contains("my-fooo-service"));
    let place = found.unwrap()["where"].as_str().unwrap();
    assert!(place.contains("tcp-routing.yaml:"), "{place}");
    assert_ne!(json["refusedSockets"].as_array().unwrap().len(), 0);
}

/// Whoever asks hears it, not only who reads the log; and that it is over.
#[test]
fn status_says_which_file_is_not_used_and_what_counts_instead() {
    let instance = Instance::start(&[]);
    let path = instance.dir.0.join("services.yaml");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, "{").unwrap();
    instance.wait_for_metric("portway_config_files_unused", 1.0);
    let ended = instance.status(&[]);
    assert_eq!(ended.code, 1);
    let words = ended
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let want = "services.yaml is not used as it is, 1 error: what it held before stays";
    assert!(words.contains(want), "{}", ended.stdout);
    let file = &instance.json("/api/v1/status")["files"]["unused"][0];
    assert_eq!(file["file"], path.to_str().unwrap());
    assert_eq!(file["holdsWhatItHeld"], true);
    assert_eq!(talk(loopback(instance.ports[0])[0]), "foo");
    fs::write(&path, good).unwrap();
    instance.wait_for_metric("portway_config_files_unused", 0.0);
    assert_eq!(instance.status(&[]).code, 0);
}

#[test]
fn status_is_watched_while_somebody_reads() {
    let instance = Instance::start(&[]);
    let admin = instance.admin.to_string();
    let mut watch = command(&["status", "--watch", "100ms", "--admin", &admin]);
    let mut watching = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = watching.stdout.take().unwrap();
    output.read_exact(&mut [0]).unwrap();
    drop(output);
    let (sender, ended) = mpsc::channel();
    let pid = Pid::from_child(&watching);
    thread::spawn(move || sender.send(watching.wait().unwrap().code()));
    let ended = ended.recv_timeout(DEADLINE);
    let _ = kill_process(pid, Signal::KILL);
    assert_eq!(ended, Ok(Some(0)));
}

/// Each look is whole, and it ends when the instance does.
#[test]
fn status_is_watched_until_the_instance_is_gone() {
    let instance = Instance::start(&[]);
    let admin = instance.admin.to_string();
    let watch = ["status", "--watch", "100ms", "--admin", &admin];
    let mut text = Running::start(command(&watch));
    let mut json = Running::start(command(&[&watch[..], &["--output", "json"]].concat()));
    let open_now = |json: &mut Running, want: u64| {
        let start = Instant::now();
        loop {
            let line = json.wait_for("{");
            let status: Value = serde_json::from_str(&line).unwrap();
            if status["connections"]["open"] == want {
                break;
            }
            assert!(start.elapsed() < DEADLINE, "{line}");
        }
    };
    open_now(&mut json, 0);
    text.wait_for("traffic   0 open of 0 connections");
    let client = open(instance.ports[0]);
    open_now(&mut json, 1);
    text.wait_for("traffic   1 open of 1 connection");
    drop(client);
    open_now(&mut json, 0);
    drop(instance);
    for watcher in [&mut text, &mut json] {
        assert_eq!(watcher.wait().code(), Some(2), "{}", watcher.seen());
        assert!(watcher.seen().contains("error: "), "{}", watcher.seen());
    }
}

#[test]
fn without_an_instance_status_says_where_it_looked() {
    let sockets = Dir::new();
    let socket = sockets.0.join("nobody");
    let ended = run(&["status", "--admin-socket", socket.to_str().unwrap()]);
    assert_eq!(ended.code, 2);
    let want = format!(
        "error: no running instance found; tried {}",
        socket.display()
    );
    assert!(ended.stderr.starts_with(&want), "{}", ended.stderr);
}

#[test]
fn a_taken_admin_port_that_was_asked_for_is_a_reason_not_to_start() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let dir = Dir::new().with("guide.yaml", guide([free_port(), free_port()]));
    let ended = run(&["run", "-f", dir.path(), "--admin", &taken]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let want = format!("error: open the admin server at {taken}: Address already in use");
    assert!(ended.stderr.contains(&want), "{}", ended.stderr);
}
