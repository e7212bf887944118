//! Every metric moves: what no test sees move may as well not be there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Instant;

use rustix::process::Signal;

use crate::admin::{ask, open};
use crate::backend::{self, DEADLINE, free_port, loopback, talk};
use crate::files::{Dir, guide, root, services};
use crate::portway::Running;

/// What does not move while a process runs, or not within seconds; it is there and above zero.
const STANDING: [&str; 6] = [
    "portway_build_info",
    "process_max_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
];

/// What moves elsewhere: in a proxy that is fed, with a log that can be written, and while nobody
/// takes records or reads the log.
const ELSEWHERE: [&str; 4] = [
    "portway_feed_following",
    "portway_log_lines_dropped_total",
    "portway_access_log_records_total",
    "portway_records_dropped_total",
];

/// The values that each series had.
struct Seen {
    admin: SocketAddr,
    series: BTreeMap<String, BTreeSet<u64>>,
}

impl Seen {
    /// Looks; what is new was 0 before.
    fn look(&mut self) {
        let (_, text) = ask(TcpStream::connect(self.admin).unwrap(), "/metrics");
        let is_first = self.series.is_empty();
        for line in text.lines().filter(|it| !it.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let values = self.series.entry(series.to_owned()).or_default();
            if values.is_empty() && !is_first {
                values.insert(0);
            }
            values.insert(value.parse::<f64>().unwrap().to_bits());
        }
    }

    fn look_until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        self.look();
        while !is_so(self) {
            assert!(start.elapsed() < DEADLINE, "{what}: {:?}", self.series);
            self.look();
        }
    }

    fn look_for(&mut self, series: &str, value: f64) {
        self.look_until(series, |seen| {
            let values = seen.series.get(series);
            values.is_some_and(|it| it.contains(&value.to_bits()))
        });
    }

    /// The series of a metric; a histogram has several names.
    fn of(&self, metric: &str) -> impl Iterator<Item = &BTreeSet<u64>> {
        let names = ["", "_bucket", "_sum", "_count"].map(|it| format!("{metric}{it}"));
        let series = self.series.iter();
        let own = series.filter(move |(series, _)| {
            let name = series.split('{').next().unwrap();
            names.iter().any(|it| it == name)
        });
        own.map(|(_, values)| values)
    }

    fn has_moved(&self, metric: &str) -> bool {
        self.of(metric).any(|values| values.len() > 1)
    }
}

/// All there are, from the page that is written from the code.
fn catalog() -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/reference/metrics.md")).unwrap();
    let rows = page.lines().filter_map(|it| it.strip_prefix("| `"));
    let names: Vec<String> = rows
        .map(|it| it.split('`').next().unwrap().to_owned())
        .collect();
    assert!(names.len() > 30, "{names:?}");
    names
}

/// With few descriptors, so that they run out.
fn with_descriptors(n: u32, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let limited = format!("ulimit -n {n} && exec \"$0\" \"$@\"");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_portway")]);
    command.args(arguments).current_dir(root());
    command
}

#[test]
fn every_metric_moves() {
    let (ports, closed) = ([free_port(), free_port()], free_port());
    let closed = SocketAddr::from((Ipv4Addr::LOCALHOST, closed));
    let foo = backend::start("foo");
    let holder = TcpListener::bind((Ipv4Addr::UNSPECIFIED, ports[1])).unwrap();
    let dir = Dir::new()
        .with("guide.yaml", guide(ports))
        .with("services.yaml", services([foo, closed]));
    let arguments = ["run", "-f", dir.path(), "--workers", "2", "--admin"];
    let log = ["--access-log", "json", "--access-log-file", "/dev/full"];
    let more = ["127.0.0.1:0", "--admin-socket", "off"];
    let arguments = [&arguments[..], &more, &log].concat();
    let mut running = Running::start(with_descriptors(320, &arguments));
    let line = running.wait_for("admin server listening at=127.0.0.1:");
    let admin = line.rsplit("at=").next().unwrap().parse().unwrap();
    running.wait_for("INFO ready");
    let mut seen = Seen {
        admin,
        series: BTreeMap::new(),
    };
    seen.look();

    let kept = open(ports[0]);
    assert_eq!(talk(loopback(ports[0])[0]), "foo");
    drop(holder);
    seen.look_for("portway_sockets_refused", 0.0);
    let mut client = TcpStream::connect(loopback(ports[1])[0]).unwrap();
    let _ = client.read(&mut [0]);
    seen.look_until("dial failed", |it| it.has_moved("portway_endpoint_healthy"));
    seen.look_until("log", |it| {
        it.has_moved("portway_access_log_records_dropped_total")
    });

    fs::write(dir.0.join("services.yaml"), "{").unwrap();
    seen.look_for("portway_config_files_unused", 1.0);
    fs::write(dir.0.join("services.yaml"), services([closed, foo])).unwrap();
    seen.look_for("portway_config_applied_version", 2.0);
    let away = dir.0.with_extension("away");
    fs::rename(&dir.0, &away).unwrap();
    seen.look_for("portway_config_files_unread", 1.0);
    fs::rename(&away, &dir.0).unwrap();
    running.wait_for("files read again");

    let mut crowd = Vec::new();
    seen.look_until("no accept pauses", |seen| {
        crowd.push(TcpStream::connect(loopback(ports[1])[0]));
        seen.has_moved("portway_accept_pauses_total")
    });
    drop(crowd);
    running.signal(Signal::TERM);
    seen.look_for("portway_ready", 0.0);

    for metric in catalog() {
        match &*metric {
            it if ELSEWHERE.contains(&it) => {}
            it if STANDING.contains(&it) => {
                let mut values = seen.of(it).flatten();
                assert!(values.any(|bits| f64::from_bits(*bits) > 0.0), "{it}");
            }
            it => assert!(seen.has_moved(it), "{it} does not move: {:?}", seen.series),
        }
    }
    drop(kept);
    assert_eq!(running.wait().code(), Some(0));
}
