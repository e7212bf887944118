//! Changes while it runs: what is seen by the next connection, what is not touched.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;

use rustix::process::Signal;

use crate::backend::{self, DEADLINE, free_port, loopback, talk};
use crate::files::{Dir, guide, replace_once, services};
use crate::portway::{Running, command};

/// What the log says when the workers have another table.
const APPLIED: &str = "table applied";

/// The guide between two backends, with its files.
struct Live {
    dir: Dir,
    running: Running,
    ports: [u16; 2],
    endpoints: [SocketAddr; 2],
}

impl Live {
    fn start() -> Self {
        let ports = [free_port(), free_port()];
        let endpoints = [backend::start("foo"), backend::start("bar")];
        let dir = Dir::new()
            .with("guide.yaml", guide(ports))
            .with("services.yaml", services(endpoints));
        let mut running = Running::start(command(&["run", "-f", dir.path(), "--workers", "2"]));
        running.wait_for("INFO ready");
        Self {
            dir,
            running,
            ports,
            endpoints,
        }
    }

    /// Writes a file as a deployment does: beside it, then in its place.
    fn write(&self, name: &str, text: &str) {
        let beside = self.dir.0.join(format!(".{name}.new"));
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.dir.0.join(name)).unwrap();
    }

    /// Who answers behind the first listener.
    fn answer(&self) -> String {
        talk(loopback(self.ports[0])[0])
    }

    /// A connection of the first listener that was greeted.
    fn open(&self) -> Open {
        let client = TcpStream::connect_timeout(&loopback(self.ports[0])[0], DEADLINE).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut answers = BufReader::new(client.try_clone().unwrap());
        answers.read_line(&mut String::new()).unwrap();
        Open { client, answers }
    }
}

struct Open {
    client: TcpStream,
    answers: BufReader<TcpStream>,
}

impl Open {
    fn is_alive(&mut self) -> bool {
        let mut line = String::new();
        let said = self.client.write_all(b"still here\n");
        said.and_then(|()| self.answers.read_line(&mut line))
            .is_ok()
            && line == "still here\n"
    }
}

#[test]
fn a_change_is_for_new_connections_and_touches_no_other() {
    let mut live = Live::start();
    let mut open = live.open();
    let [foo, bar] = live.endpoints;
    live.write("services.yaml", &services([bar, foo]));
    live.running.wait_for(APPLIED);
    assert_eq!(live.answer(), "bar");
    assert!(open.is_alive());
    let other = free_port();
    live.write("guide.yaml", &guide([other, live.ports[1]]));
    live.running.wait_for(APPLIED);
    assert_eq!(talk(loopback(other)[0]), "bar");
    let refused = TcpStream::connect(loopback(live.ports[0])[0]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(open.is_alive());
}

#[test]
fn a_broken_file_keeps_its_last_good_objects_until_it_is_whole() {
    let mut live = Live::start();
    let [foo, bar] = live.endpoints;
    for broken in [
        "{",
        "kind: [",
        "\u{0}",
        "apiVersion: v1\nkind: Service\nmetadata: {name: 1}\n",
    ] {
        live.write("services.yaml", broken);
        live.running.wait_for("file not used as it is now");
        assert_eq!(live.answer(), "foo");
    }
    // What comes meanwhile in other files holds.
    let other = free_port();
    live.write("guide.yaml", &guide([live.ports[0], other]));
    live.running.wait_for(APPLIED);
    assert_eq!(talk(loopback(other)[0]), "bar");
    live.write("services.yaml", &services([bar, foo]));
    live.running.wait_for("file used again as it is");
    live.running.wait_for(APPLIED);
    assert_eq!(live.answer(), "bar");
}

#[test]
fn files_that_cannot_be_read_keep_what_they_held() {
    let mut live = Live::start();
    let away = live.dir.0.with_extension("away");
    fs::rename(&live.dir.0, &away).unwrap();
    live.running.wait_for("files not read");
    assert_eq!(live.answer(), "foo");
    let [foo, bar] = live.endpoints;
    fs::write(away.join("services.yaml"), services([bar, foo])).unwrap();
    fs::rename(&away, &live.dir.0).unwrap();
    live.running.wait_for("files read again");
    live.running.wait_for(APPLIED);
    assert_eq!(live.answer(), "bar");
}

#[test]
fn sighup_reads_everything_again() {
    let mut live = Live::start();
    live.running.signal(Signal::HUP);
    live.running.wait_for("reading all files again");
    let [foo, bar] = live.endpoints;
    live.write("services.yaml", &services([bar, foo]));
    live.running.wait_for(APPLIED);
    assert_eq!(live.answer(), "bar");
}

#[test]
fn a_mounted_configmap_is_swapped() {
    let mut live = Live::start();
    let [foo, bar] = live.endpoints;
    let version = |name: &str, text: String| {
        fs::create_dir(live.dir.0.join(name)).unwrap();
        fs::write(live.dir.0.join(name).join("services.yaml"), text).unwrap();
    };
    version("..one", services([foo, bar]));
    version("..two", services([bar, foo]));
    symlink("..one", live.dir.0.join("..data")).unwrap();
    symlink("..data/services.yaml", live.dir.0.join(".link")).unwrap();
    fs::rename(live.dir.0.join(".link"), live.dir.0.join("services.yaml")).unwrap();
    symlink("..two", live.dir.0.join("..data_tmp")).unwrap();
    fs::rename(live.dir.0.join("..data_tmp"), live.dir.0.join("..data")).unwrap();
    live.running.wait_for(APPLIED);
    assert_eq!(live.answer(), "bar");
}

/// `-f current/gw.yaml`, where `current` is a symlink to one of many releases.
#[test]
fn a_release_is_swapped_by_a_symlink_above_the_given_file() {
    let ports = [free_port(), free_port()];
    let [foo, bar] = [backend::start("foo"), backend::start("bar")];
    let dir = Dir::new();
    for (release, endpoints) in [("r1", [foo, bar]), ("r2", [bar, foo])] {
        fs::create_dir(dir.0.join(release)).unwrap();
        let text = format!("{}---\n{}", guide(ports), services(endpoints));
        fs::write(dir.0.join(release).join("gw.yaml"), text).unwrap();
    }
    symlink("r1", dir.0.join("current")).unwrap();
    let mut run = command(&["run", "-f", "current/gw.yaml", "--workers", "2"]);
    run.current_dir(&dir.0);
    let mut running = Running::start(run);
    running.wait_for("INFO ready");
    assert_eq!(talk(loopback(ports[0])[0]), "foo");
    symlink("r2", dir.0.join("t")).unwrap();
    fs::rename(dir.0.join("t"), dir.0.join("current")).unwrap();
    running.wait_for(APPLIED);
    assert_eq!(talk(loopback(ports[0])[0]), "bar");
}

#[test]
fn a_drain_ends_connections_of_an_endpoint_that_is_gone() {
    let mut live = Live::start();
    // So many that each of the workers has some.
    let (mut open, [foo, bar]) = ([(); 32].map(|()| live.open()), live.endpoints);
    let annotated = replace_once(
        &guide(live.ports),
        "name: tcp-app-1\n",
        "name: tcp-app-1\n  annotations: {portway.dev/drain: now}\n",
    );
    live.write("guide.yaml", &annotated);
    live.running.wait_for(APPLIED);
    assert!(open.iter_mut().all(Open::is_alive));
    live.write("services.yaml", &services([bar, foo]));
    let told = live.running.wait_for("lost their place, draining");
    let place = "route=\"TCPRoute default/tcp-app-1\" backend=\"default/my-foo-service:6000\"";
    assert!(
        told.ends_with(&format!("{place} now=32 spread=0")),
        "{told}"
    );
    for open in &mut open {
        let end = open.answers.read(&mut [0]).map_err(|error| error.kind());
        assert!(matches!(end, Err(ErrorKind::ConnectionReset)), "{end:?}");
    }
    live.running.wait_for(APPLIED);
    assert_eq!(live.answer(), "bar");
    let n_told = live.running.seen().matches("lost their place").count();
    assert_eq!(n_told, 1, "{}", live.running.seen());
}

/// A ReferenceGrant for the Services of namespace `data`.
const GRANT: &str = "\
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: routes, namespace: data}
spec:
  from: [{group: gateway.networking.k8s.io, kind: TCPRoute, namespace: default}]
  to: [{group: \"\", kind: Service}]
";

/// Alone, in one save with the last reference that needed it, or after that.
#[test]
fn a_revoked_grant_ends_the_connections_that_needed_it() {
    let mut live = Live::start();
    let services = services(live.endpoints);
    let (foo, bar) = services
        .split_once("kind: Service\nmetadata:\n  name: my-bar")
        .unwrap();
    let foo = foo.replace("metadata:\n", "metadata:\n  namespace: data\n");
    let services = format!("{foo}kind: Service\nmetadata:\n  name: my-bar{bar}");
    let guide = guide(live.ports);
    let there = "name: my-foo-service\n      namespace: data\n";
    let used = replace_once(&guide, "name: my-foo-service\n", there);
    let unused = replace_once(&guide, "name: my-foo-service\n", "name: my-bar-service\n");
    let with_grant = |guide: &str| format!("{guide}{GRANT}");
    live.write("services.yaml", &services);
    live.running.wait_for(APPLIED);
    for edits in [
        vec![used.clone()],
        vec![unused.clone()],
        vec![with_grant(&unused), unused],
    ] {
        live.write("guide.yaml", &with_grant(&used));
        live.running.wait_for(APPLIED);
        let mut open = live.open();
        let (last, others) = edits.split_last().unwrap();
        for edit in others {
            live.write("guide.yaml", edit);
            live.running.wait_for(APPLIED);
            assert!(open.is_alive());
        }
        live.write("guide.yaml", last);
        live.running.wait_for("lost their place, draining");
        let end = open.answers.read(&mut [0]).map_err(|error| error.kind());
        assert!(matches!(end, Err(ErrorKind::ConnectionReset)), "{end:?}");
        live.running.wait_for(APPLIED);
    }
}

/// A listener that goes and comes back is a new socket on the same port.
#[test]
fn a_gateway_that_is_deleted_and_written_again_serves_again() {
    let mut live = Live::start();
    let mut open = live.open();
    let path = live.dir.0.join("guide.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    live.running.wait_for(APPLIED);
    let refused = TcpStream::connect(loopback(live.ports[0])[0]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    fs::write(&path, text).unwrap();
    live.running.wait_for(APPLIED);
    assert_eq!(live.answer(), "foo");
    assert!(open.is_alive());
}

/// What is in it before counts for nothing, as long as it may be half of what is meant.
#[test]
fn a_file_that_is_removed_and_written_anew_is_read_when_it_is_closed() {
    let mut live = Live::start();
    let mut open = live.open();
    let [foo, bar] = live.endpoints;
    let path = live.dir.0.join("services.yaml");
    fs::remove_file(&path).unwrap();
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(services([bar, foo]).as_bytes()).unwrap();
    let other = format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: other}}\n\
         spec:\n  gatewayClassName: x\n  listeners:\n  - {{name: a, port: {}, protocol: TCP}}\n",
        free_port()
    );
    live.write("other.yaml", &other);
    live.running.wait_for(APPLIED);
    assert_eq!(live.answer(), "foo", "nobody closed it");
    drop(file);
    live.running.wait_for(APPLIED);
    assert_eq!(live.answer(), "bar");
    assert!(open.is_alive());
}

/// What is below `localhost` is this host (RFC 6761, 6.3), so no server is asked.
#[test]
fn names_that_come_with_a_change_are_resolved() {
    let mut live = Live::start();
    let [foo, bar] = live.endpoints;
    // The first Service has the other's endpoint, so that the answer shows which table it is.
    // Each is two tables: until it is resolved the name's share is rejected.
    for (name, endpoints, who, table) in [
        ("localhost", [bar, foo], "bar", 3),
        ("db.localhost", [foo, bar], "foo", 5),
    ] {
        let text = services(endpoints);
        let text = text.replacen("addressType: IPv4", "addressType: FQDN", 1);
        let text = text.replacen("[127.0.0.1]", &format!("[{name}]"), 1);
        live.write("services.yaml", &text);
        let resolved = live.running.wait_for("name resolved");
        assert!(resolved.contains(&format!("name=\"{name}\"")), "{resolved}");
        live.running.wait_for(&format!("{APPLIED} table={table}"));
        assert_eq!(live.answer(), who);
    }
}

#[test]
fn what_goes_away_is_told() {
    let mut live = Live::start();
    let other = free_port();
    live.write("guide.yaml", &guide([other, live.ports[1]]));
    let line = live.running.wait_for("listener bound and programmed");
    assert!(line.contains(&format!("0.0.0.0:{other} ")), "{line}");
    fs::remove_file(live.dir.0.join("guide.yaml")).unwrap();
    live.running
        .wait_for("listener gone name=\"default/my-tcp-gateway/bar\"");
    live.running
        .wait_for("listener gone name=\"default/my-tcp-gateway/foo\"");
    live.running
        .wait_for("gateway gone name=\"default/my-tcp-gateway\"");
}
