//! `portway run`: the guide verbatim, what is said, and how it ends.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::admin::ask;
use crate::backend::{self, DEADLINE, free_port, loopback, talk};
use crate::files::{Dir, guide, replace_once, services};
use crate::portway::{Running, command, not_shown, run, run_with, try_to_end};

/// What the log says when the first table is served.
const READY: &str = "INFO ready";

/// Two backends, two free ports, and a directory with the guide.
struct Guide {
    dir: Dir,
    ports: [u16; 2],
}

impl Guide {
    /// The guide after `edit`, which may change the routes.
    fn new(edit: impl FnOnce(String, [u16; 2]) -> String) -> Self {
        let ports = [free_port(), free_port()];
        let endpoints = [backend::start("foo"), backend::start("bar")];
        let dir = Dir::new()
            .with("tcp-routing.yaml", edit(guide(ports), ports))
            .with("services.yaml", services(endpoints));
        Self { dir, ports }
    }

    fn run(&self, more: &[&str]) -> Running {
        let arguments = ["run", "-f", self.dir.path(), "--workers", "2"];
        let mut running = Running::start(command(&[&arguments[..], more].concat()));
        running.wait_for(READY);
        running
    }

    /// Who answers behind each listener, over IPv4 and IPv6.
    fn answers(&self) -> String {
        let streams = self.ports.into_iter().flat_map(loopback);
        let names: Vec<String> = streams.map(talk).collect();
        names.join(" ")
    }
}

fn check_guide(edit: impl FnOnce(String, [u16; 2]) -> String, want: &str) {
    let guide = Guide::new(edit);
    let mut running = guide.run(&[]);
    assert_eq!(guide.answers(), want);
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code(), Some(0), "{}", running.seen());
}

#[test]
fn the_guide_runs_as_it_stands() {
    check_guide(|guide, _| guide, "foo foo bar bar");
}

#[test]
fn the_guide_runs_as_v1() {
    check_guide(
        |guide, _| guide.replace("v1alpha2", "v1"),
        "foo foo bar bar",
    );
}

#[test]
fn routes_attach_by_port() {
    let by_port = |guide: String, [foo, bar]: [u16; 2]| {
        let guide = replace_once(&guide, "sectionName: foo", &format!("port: {foo}"));
        replace_once(&guide, "sectionName: bar", &format!("port: {bar}"))
    };
    check_guide(by_port, "foo foo bar bar");
}

#[test]
fn routes_attach_by_name_and_port() {
    let by_both = |guide: String, [foo, bar]: [u16; 2]| {
        let (foo, bar) = (format!("{foo}\n"), format!("{bar}\n"));
        let guide = replace_once(
            &guide,
            "sectionName: foo\n",
            &format!("sectionName: foo\n    port: {foo}"),
        );
        replace_once(
            &guide,
            "sectionName: bar\n",
            &format!("sectionName: bar\n    port: {bar}"),
        )
    };
    check_guide(by_both, "foo foo bar bar");
}

/// Both routes want both listeners: the older one, here the first in the file, gets them.
#[test]
fn of_routes_attached_by_neither_the_older_one_serves() {
    let by_neither = |guide: String, _| {
        let guide = replace_once(&guide, "    sectionName: foo\n", "");
        replace_once(&guide, "    sectionName: bar\n", "")
    };
    let guide = Guide::new(by_neither);
    let running = guide.run(&[]);
    assert!(
        running.seen().contains("route superseded"),
        "{}",
        running.seen()
    );
    assert_eq!(guide.answers(), "foo foo foo foo");
}

#[test]
fn input_may_come_from_stdin_and_flags_from_the_environment() {
    let endpoints = [backend::start("foo"), backend::start("bar")];
    let ports = [free_port(), free_port()];
    let dir = Dir::new().with(
        "all.yaml",
        format!("{}---\n{}", guide(ports), services(endpoints)),
    );
    let mut command = command(&["run"]);
    let variables = [
        ("FILE", dir.path()),
        ("WORKERS", "1"),
        ("DIAL_TIMEOUT", "1s"),
        ("DRAIN_TIMEOUT", "1s"),
        ("STRICT", "false"),
        ("LOG_FORMAT", "json"),
        ("LOG_LEVEL", "debug"),
    ];
    for (name, value) in variables {
        command.env(format!("PORTWAY_{name}"), value);
    }
    let mut running = Running::start(command);
    let ready = running.wait_for("\"ready\"");
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready["message"], "ready");
    assert_eq!(talk(loopback(ports[1])[0]), "bar");
    let closed = running.wait_for("connection closed");
    let closed: serde_json::Value = serde_json::from_str(&closed).unwrap();
    assert_eq!(closed["reason"], "finished");
    assert_eq!(closed["listener"], "default/my-tcp-gateway/bar");
    assert_eq!(closed["endpoint"], endpoints[1].to_string());
    assert_eq!(closed["bytes_to_backend"], 300_000);
    assert_eq!(closed["bytes_to_client"], 300_004);

    let wrong = run_with(&["run", "-f", "-"], b"kind: [");
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
}

/// One port is taken: it is said, the other serves, and once the port is free so does the first.
#[test]
fn a_taken_port_is_said_and_taken_when_it_is_free() {
    let guide = Guide::new(|guide, _| guide);
    let port = guide.ports[0];
    let holders = [
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap(),
        TcpListener::bind((Ipv6Addr::LOCALHOST, port)).unwrap(),
    ];
    let mut running = guide.run(&[]);
    let seen = running.seen();
    assert!(seen.contains("PortUnavailable"), "{seen}");
    assert!(seen.contains("address already in use"), "{seen}");
    assert_eq!(talk(loopback(guide.ports[1])[0]), "bar");
    drop(holders);
    running.wait_for("listener bound and programmed");
    assert_eq!(guide.answers(), "foo foo bar bar");
}

#[test]
fn without_any_port_it_cannot_run() {
    let guide = Guide::new(|guide, _| guide);
    let hold = |port| {
        [
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap(),
            TcpListener::bind((Ipv6Addr::LOCALHOST, port)).unwrap(),
        ]
    };
    let _holders = guide.ports.map(hold);
    let ended = run(&["run", "-f", guide.dir.path()]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("error: no listener could be bound"),
        "{last}"
    );
    assert!(last.contains("address already in use"), "{last}");
}

/// As root it is run as somebody else. Whoever may bind low ports all the same has nothing to be told.
#[test]
fn a_low_port_that_is_not_allowed_comes_with_the_ways_out() {
    const WHAT: &str = "that a low port is not allowed";
    let from = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if from.trim().parse::<u16>().unwrap() <= 2 {
        return not_shown(WHAT, "every user may bind all ports here");
    }
    let is_root = rustix::process::geteuid().is_root();
    if !is_root && TcpListener::bind((Ipv4Addr::LOCALHOST, 1)).is_ok() {
        return not_shown(WHAT, "this user may bind low ports");
    }
    let mut command = command(&["run", "-f", "-"]);
    // Others may not come to where the repository is.
    let bin = Dir::outside("bin");
    if is_root {
        let path = bin.0.join("portway");
        // By another process: what one of ours writes while another starts is busy, and is not run.
        let copied = Command::new("cp")
            .arg(command.get_program())
            .arg(&path)
            .status();
        assert!(copied.unwrap().success());
        let mut other = Command::new(path);
        other.args(command.get_args()).env("PORTWAY_ADMIN", "off");
        other.current_dir("/").uid(65534).gid(65534);
        command = other;
    }
    let ended = match try_to_end(command, guide([1, 2]).as_bytes()) {
        Ok(ended) => ended,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return not_shown(
                WHAT,
                format!("root may not run it as another user: {error}"),
            );
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    for way in [
        "setcap",
        "AmbientCapabilities",
        "ip_unprivileged_port_start",
        "another port",
    ] {
        assert!(ended.stderr.contains(way), "{way}: {}", ended.stderr);
    }
}

#[test]
fn without_any_listener_it_cannot_run() {
    let dir = Dir::new().with(
        "a.yaml",
        "kind: Namespace\napiVersion: v1\nmetadata: {name: x}\n",
    );
    let ended = run(&["run", "-f", dir.path()]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("nothing to listen on"),
        "{}",
        ended.stderr
    );
}

#[test]
fn input_that_is_not_there_is_named() {
    let ended = run(&["run", "-f", "no/such/file.yaml"]);
    assert_eq!(ended.code, 2);
    let want = "error: read no/such/file.yaml: No such file or directory (os error 2)\n";
    assert_eq!(ended.stderr, want);
}

/// A route names a Service that is not there: the other route works, and `--strict` refuses.
#[test]
fn a_broken_object_leaves_the_rest_working_unless_strict() {
    let broken = |guide: String, _| replace_once(&guide, "my-foo-service", "my-fooo-service");
    let guide = Guide::new(broken);
    let running = guide.run(&[]);
    let seen = running.seen().to_owned();
    assert!(seen.contains("my-fooo-service"), "{seen}");
    assert!(seen.contains("tcp-routing.yaml:"), "{seen}");
    assert!(seen.contains("route with unresolved references"), "{seen}");
    assert_eq!(talk(loopback(guide.ports[1])[0]), "bar");
    expect_reset(loopback(guide.ports[0])[0]);
    drop(running);

    let ended = run(&["run", "--strict", "-f", guide.dir.path()]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("not started"), "{}", ended.stderr);
}

/// The port of the instance's own admin server: the log says whose it is and what moves it.
#[test]
fn a_listener_on_the_admin_servers_port_is_told_whose_it_is() {
    let guide = Guide::new(|guide, _| guide);
    let admin = format!("127.0.0.1:{}", guide.ports[0]);
    let running = guide.run(&["--admin", &admin]);
    let seen = running.seen().to_owned();
    let told = format!("Portway's own admin server is at {admin} (`--admin` moves it)");
    assert!(seen.contains(&told), "{seen}");
    assert!(seen.contains("none with `--admin off`"), "{seen}");
    assert!(!seen.contains("address already in use"), "{seen}");
    assert_eq!(talk(loopback(guide.ports[1])[0]), "bar");
}

#[test]
fn a_dial_timeout_of_zero_is_refused_with_the_reason() {
    let ended = run(&["run", "-f", "x.yaml", "--dial-timeout", "0s"]);
    assert_eq!(ended.code, 2);
    let told = &ended.stderr;
    assert!(told.contains("nothing could happen in it"), "{told}");
}

#[test]
fn a_dial_timeout_that_leaves_no_time_for_a_second_endpoint_is_refused() {
    let ended = run(&["run", "-f", "x.yaml", "--dial-timeout", "10s"]);
    assert_eq!(ended.code, 2);
    let told = &ended.stderr;
    assert!(told.contains("not below the 10s"), "{told}");
}

#[test]
fn a_finding_in_the_json_log_has_its_line_and_column() {
    let broken = |guide: String, _| replace_once(&guide, "my-foo-service", "my-fooo-service");
    let guide = Guide::new(broken);
    let arguments = ["run", "-f", guide.dir.path(), "--log-format", "json"];
    let mut running = Running::start(command(&arguments));
    let told = running.wait_for("PW0204");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert!(told["line"].as_u64().is_some_and(|it| it > 1), "{told}");
    assert!(told["column"].as_u64().is_some_and(|it| it > 1), "{told}");
}

/// A symlink that leads nowhere is told, and the other files serve; with `--strict` they do not.
#[test]
fn a_dangling_symlink_leaves_the_rest_working_unless_strict() {
    let guide = Guide::new(|guide, _| guide);
    symlink("nowhere", guide.dir.0.join("dangling.yaml")).unwrap();
    let running = guide.run(&[]);
    let seen = running.seen().to_owned();
    let told = seen.lines().filter(|line| line.contains("dangling.yaml"));
    let told: Vec<&str> = told.collect();
    assert!(
        matches!(*told, [line] if line.contains("file not read, the others are used")),
        "{seen}"
    );
    assert_eq!(guide.answers(), "foo foo bar bar");
    drop(running);

    let ended = run(&["run", "--strict", "-f", guide.dir.path()]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let ended = run(&["check", "-f", guide.dir.path()]);
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    assert!(ended.stdout.contains("PW0091"), "{}", ended.stdout);
}

/// An accepted connection that ends without a byte: that is how a rejection looks. It may come so
/// soon that connecting itself tells of it; a refused one would be `ConnectionRefused`.
fn expect_reset(to: SocketAddr) {
    let mut client = match TcpStream::connect_timeout(&to, DEADLINE) {
        Ok(client) => client,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    };
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let end = client.read(&mut [0]).map_err(|error| error.kind());
    assert!(
        matches!(end, Err(ErrorKind::ConnectionReset) | Ok(0)),
        "{end:?}"
    );
}

#[test]
fn a_failed_dial_is_said_with_the_endpoint_and_why() {
    let closed = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let ports = [free_port(), free_port()];
    let dir = Dir::new()
        .with("guide.yaml", guide(ports))
        .with("services.yaml", services([closed, backend::start("bar")]));
    let mut running = Running::start(command(&["run", "-f", dir.path()]));
    running.wait_for(READY);
    expect_reset(loopback(ports[0])[0]);
    let line = running.wait_for("no endpoint reached");
    assert!(line.contains(&format!("{closed} (refused)")), "{line}");
}

/// Once, while the connection that reached it is open; what failed before is said once, too.
#[test]
fn an_endpoint_that_answers_again_is_said_to() {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let ports = [free_port(), free_port()];
    let dir = Dir::new()
        .with("guide.yaml", guide(ports))
        .with("services.yaml", services([at, backend::start("bar")]));
    let mut running = Running::start(command(&["run", "-f", dir.path(), "--workers", "2"]));
    running.wait_for(READY);
    for _ in 0..4 {
        expect_reset(loopback(ports[0])[0]);
    }
    running.wait_for("no endpoint reached");
    backend::start_at(at, "foo");
    // A worker that failed leaves it alone for a while.
    let deadline = Instant::now() + DEADLINE;
    let open = loop {
        let mut client = TcpStream::connect(loopback(ports[0])[0]).unwrap();
        if client.read(&mut [0]).is_ok_and(|n| n == 1) {
            break client;
        }
        assert!(Instant::now() < deadline);
    };
    let line = running.wait_for("endpoint answers again");
    let want = format!("backend=\"default/my-foo-service:6000\" endpoint={at}");
    assert!(line.contains(&want), "{line}");
    drop(open);
    running.signal(Signal::TERM);
    running.wait();
    let n_said = running.seen().matches("endpoint answers again").count();
    assert_eq!(n_said, 1, "{}", running.seen());
}

/// The first signal lets an open connection finish, and new ones find nobody.
#[test]
fn an_open_connection_finishes_before_the_end() {
    let guide = Guide::new(|guide, _| guide);
    let mut running = guide.run(&["--drain-timeout", "20s"]);
    let (client, mut answers) = open(loopback(guide.ports[0])[0]);
    running.signal(Signal::TERM);
    running.wait_for("draining");
    is_still_served(&client, &mut answers);
    drop((client, answers));
    assert_eq!(running.wait().code(), Some(0), "{}", running.seen());
    assert!(TcpStream::connect(loopback(guide.ports[0])[0]).is_err());
}

/// Either of both signals, in any order; SIGHUP is none of them.
#[test]
fn a_second_signal_ends_at_once() {
    for (first, second) in [
        (Signal::INT, Signal::INT),
        (Signal::TERM, Signal::TERM),
        (Signal::TERM, Signal::INT),
        (Signal::INT, Signal::TERM),
    ] {
        let guide = Guide::new(|guide, _| guide);
        let mut running = guide.run(&["--drain-timeout", "24h", "--log-level", "debug"]);
        let (client, mut answers) = open(loopback(guide.ports[0])[0]);
        running.signal(first);
        running.wait_for("draining");
        running.signal(Signal::HUP);
        (&client).write_all(b"still here\n").unwrap();
        answers.read_line(&mut String::new()).unwrap();
        // Those that come at once are one; once more after that changes nothing.
        running.signal_until(second, "ended at once");
        running.signal(second);
        assert_eq!(running.wait().code(), Some(0), "{}", running.seen());
        let seen = running.seen();
        assert!(
            seen.contains("ended at once"),
            "{first:?} {second:?} {seen}"
        );
        assert!(
            seen.contains("reason=\"shutdown\""),
            "told all the same: {seen}"
        );
        assert!(seen.contains("were cut connections=1"), "{seen}");
        let end = answers.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(
            end,
            Err(ErrorKind::ConnectionReset),
            "not as if it were whole"
        );
    }
}

/// Whoever runs us and the group both are in are often sent one signal each.
#[test]
fn two_signals_at_once_are_one() {
    let guide = Guide::new(|guide, _| guide);
    let mut running = guide.run(&["--drain-timeout", "24h"]);
    let (client, mut answers) = open(loopback(guide.ports[0])[0]);
    running.signal(Signal::TERM);
    running.signal(Signal::INT);
    running.wait_for("draining");
    is_still_served(&client, &mut answers);
    drop((client, answers));
    assert_eq!(running.wait().code(), Some(0), "{}", running.seen());
    assert!(!running.seen().contains("ended at once"));
}

/// It reads its input for as long as that comes: whoever asks for an end meanwhile gets it, with the code
/// of any other time, and SIGHUP ends nothing.
#[test]
fn a_signal_during_the_start_counts() {
    for end in [Signal::TERM, Signal::INT] {
        let mut command = command(&["run", "-f", "-", "--workers", "1"]);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + DEADLINE;
        while !catches(child.id(), &[Signal::HUP, Signal::INT, Signal::TERM]) {
            assert!(Instant::now() < deadline, "it catches none");
            thread::yield_now();
        }
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::HUP).unwrap();
        kill_process(pid, end).unwrap();
        // Nobody closes its input before it has ended.
        let input = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(
            said.contains("stopped before anything was served"),
            "{said}"
        );
    }
}

/// Whether a process has handlers for these. Spec: proc_pid_status(5).
fn catches(pid: u32, signals: &[Signal]) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|it| it.strip_prefix("SigCgt:"));
    let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
    signals
        .iter()
        .all(|it| caught & (1 << (it.as_raw() - 1)) != 0)
}

#[test]
fn after_the_drain_timeout_open_connections_are_cut() {
    let guide = Guide::new(|guide, _| guide);
    let mut running = guide.run(&["--drain-timeout", "100ms", "--log-level", "debug"]);
    let (_client, mut answers) = open(loopback(guide.ports[0])[0]);
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code(), Some(0), "{}", running.seen());
    let seen = running.seen();
    assert!(seen.contains("reason=\"shutdown\""), "{seen}");
    let end = answers.read(&mut [0]).map_err(|error| error.kind());
    assert!(
        matches!(end, Err(ErrorKind::ConnectionReset) | Ok(0)),
        "{end:?}"
    );
}

/// What the connection sends comes back.
fn is_still_served(mut client: &TcpStream, answers: &mut BufReader<TcpStream>) {
    client.write_all(b"still here\n").unwrap();
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    assert_eq!(line, "still here\n");
}

/// A connection that was greeted.
fn open(to: SocketAddr) -> (TcpStream, BufReader<TcpStream>) {
    let client = TcpStream::connect_timeout(&to, DEADLINE).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut answers = BufReader::new(client.try_clone().unwrap());
    answers.read_line(&mut String::new()).unwrap();
    (client, answers)
}

/// `localhost` stands in `/etc/hosts`; that is asked first.
#[test]
fn endpoints_by_name_are_resolved() {
    let ports = [free_port(), free_port()];
    let endpoints = [backend::start("foo"), backend::start("bar")];
    let services = services(endpoints);
    let services = services.replacen("addressType: IPv4", "addressType: FQDN", 1);
    let services = services.replacen("addresses: [127.0.0.1]", "addresses: [localhost]", 1);
    let dir = Dir::new()
        .with("guide.yaml", guide(ports))
        .with("services.yaml", services);
    let mut running = Running::start(command(&["run", "-f", dir.path()]));
    running.wait_for(READY);
    assert!(
        running.seen().contains("name resolved"),
        "{}",
        running.seen()
    );
    assert_eq!(talk(loopback(ports[0])[0]), "foo");
}

#[test]
fn a_log_that_nobody_reads_stalls_nothing() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    let guide = Guide::new(|guide, _| guide);
    let mut run = command(&["run", "-f", guide.dir.path(), "--log-level", "debug"]);
    run.args(["--admin", "127.0.0.1:0", "--admin-socket", "off"]);
    run.stdout(writer.try_clone().unwrap())
        .stderr(writer)
        .stdin(Stdio::null());
    let mut child = run.spawn().unwrap();
    drop(run);
    let mut first = String::new();
    while !first.contains(READY) {
        let mut some = [0; 256];
        let n = reader.read(&mut some).unwrap();
        assert_ne!(n, 0, "{first}");
        first += &String::from_utf8_lossy(&some[..n]);
    }
    let admin = first.split("admin server listening at=").nth(1).unwrap();
    let admin: SocketAddr = admin.lines().next().unwrap().parse().unwrap();
    // From now on nobody reads, and each connection has something to say.
    let deadline = Instant::now() + DEADLINE;
    loop {
        for _ in 0..500 {
            // Each is over before the next: thousands at once overflow the backend's accept queue,
            // and some of them would then last longer than this test waits.
            let mut client = TcpStream::connect(loopback(guide.ports[0])[0]).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            client.read_to_end(&mut Vec::new()).unwrap();
        }
        let (_, metrics) = ask(TcpStream::connect(admin).unwrap(), "/metrics");
        let mut lines = metrics.lines();
        let dropped = lines.find_map(|it| it.strip_prefix("portway_log_lines_dropped_total "));
        if dropped.unwrap() != "0" {
            break;
        }
        assert!(Instant::now() < deadline, "no line is dropped");
    }
    // A change is applied all the same.
    let path = guide.dir.0.join("services.yaml");
    fs::write(
        &path,
        services([backend::start("new"), backend::start("bar")]),
    )
    .unwrap();
    while talk(loopback(guide.ports[0])[0]) != "new" {
        assert!(Instant::now() < deadline, "the change is not applied");
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait().unwrap().code()));
    let ended = ended.recv_timeout(DEADLINE);
    let _ = kill_process(pid, Signal::KILL);
    assert_eq!(ended, Ok(Some(0)));
    drop(reader);
}
