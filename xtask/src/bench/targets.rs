//! What is measured: plain forwarding, Portway, the peers; each started, each ready.
//!
//! In: an [`Arena`]. Out: addresses to drive load to, processes to watch. Never: a target that was
//! not seen to accept a connection.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::arena::{self, Arena, Place};
use super::limits::{LOOK, ROUTES, START};
use super::objects::{self, Layout, Route};
use super::peers::{Found, Peer};
use crate::prove::process::Running;
use crate::repo;

/// What stands between client and backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Client and backend in one namespace: what the load tool itself can do.
    Ceiling,
    /// The gateway's namespace forwards packets.
    Direct,
    Portway,
    Nginx,
    HaproxyAuto,
    HaproxySpliced,
    Envoy,
    Traefik,
}

/// Something to drive load at.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) to: Vec<SocketAddr>,
    pub(crate) version: String,
    /// Its command, as it was typed.
    pub(crate) command: String,
    running: Option<Running>,
}

impl Kind {
    /// All, in the order of tables.
    pub(crate) const ALL: [Self; 8] = [
        Self::Ceiling,
        Self::Direct,
        Self::Portway,
        Self::Nginx,
        Self::HaproxyAuto,
        Self::HaproxySpliced,
        Self::Envoy,
        Self::Traefik,
    ];

    /// How it is called in results.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Direct => "direct",
            Self::Portway => "portway",
            Self::Nginx => "nginx",
            Self::HaproxyAuto => "haproxy-auto",
            Self::HaproxySpliced => "haproxy-spliced",
            Self::Envoy => "envoy",
            Self::Traefik => "traefik",
        }
    }

    /// Whether it is a program in the gateway's namespace.
    pub(crate) fn is_gateway(self) -> bool {
        !matches!(self, Self::Ceiling | Self::Direct)
    }

    /// Whether it is somebody else's: what fails there is told, and no failure of ours.
    pub(crate) fn is_peer(self) -> bool {
        self.is_gateway() && self != Self::Portway
    }

    /// Where it listens, by its configuration.
    const fn port(self) -> u16 {
        match self {
            Self::Ceiling | Self::Direct => arena::BACKEND_PORT,
            Self::Portway => 7101,
            Self::Nginx => 7102,
            Self::HaproxyAuto => 7103,
            Self::HaproxySpliced => 7104,
            Self::Envoy => 7105,
            Self::Traefik => 7106,
        }
    }
}

impl Target {
    /// Starts what is to be measured, and waits until it accepts.
    ///
    /// # Errors
    /// When it cannot be had, or does not start.
    pub(crate) fn start(arena: &Arena, kind: Kind, portway: &Path) -> Result<Self> {
        let (found, mut command) = match kind {
            Kind::Ceiling | Kind::Direct => return Ok(Self::without_program(kind)),
            Kind::Portway => portway_run(arena, portway)?,
            Kind::Nginx => peer(arena, Peer::Nginx, |command, peers| {
                let dir = arena.dir().join("nginx");
                let _ = std::fs::create_dir_all(&dir);
                command
                    .arg("-p")
                    .arg(&dir)
                    .arg("-c")
                    .arg(peers.join("nginx.conf"));
            })?,
            Kind::HaproxyAuto => haproxy(arena, "haproxy-auto.cfg")?,
            Kind::HaproxySpliced => haproxy(arena, "haproxy-spliced.cfg")?,
            Kind::Envoy => peer(arena, Peer::Envoy, |command, peers| {
                command.arg("--config-path").arg(peers.join("envoy.yaml"));
                command.args(["--concurrency", "2", "--log-level", "warning"]);
                command.arg("--disable-hot-restart");
            })?,
            Kind::Traefik => peer(arena, Peer::Traefik, |command, _| {
                command
                    .arg("--configFile=traefik.yaml")
                    .env("GOMAXPROCS", "2");
            })?,
        };
        if kind != Kind::Portway {
            command.current_dir(peers_dir());
        }
        let typed = typed(&command);
        let log = arena.dir().join(format!("{}.log", kind.name()));
        let mut running = Running::start(kind.name(), command, &log)?;
        match kind {
            Kind::Portway => wait_until_ready(&mut running)?,
            _ => wait_for_port(&mut running, kind.port())?,
        }
        Ok(Self {
            kind,
            to: arena::gateways(kind.port()),
            version: found.version,
            command: typed,
            running: Some(running),
        })
    }

    fn without_program(kind: Kind) -> Self {
        let (to, version) = match kind {
            Kind::Ceiling => (
                vec![SocketAddr::from(([127, 0, 0, 1], kind.port()))],
                "loopback",
            ),
            _ => (arena::backends(), "IP forwarding"),
        };
        Self {
            kind,
            to,
            version: version.to_owned(),
            command: String::new(),
            running: None,
        }
    }

    /// Its processes, of which the first is ours.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let Some(running) = &self.running else {
            return Vec::new();
        };
        let mut pids = vec![running.pid()];
        let mut next = 0;
        while let Some(pid) = pids.get(next).copied() {
            pids.extend(children(pid));
            next += 1;
        }
        pids
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When it does not: with its last lines.
    pub(crate) fn check(&mut self) -> Result<()> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let alive = Path::new(&format!("/proc/{}/exe", running.pid())).exists();
        if !alive {
            bail!("{} has ended{}", self.kind.name(), running.tail());
        }
        Ok(())
    }

    /// How it is told of in results.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "kind": "target",
            "target": self.kind.name(),
            "version": self.version,
            "command": self.command,
        })
    }
}

/// The gateway under test, with its access log, its metrics and a table of many routes.
fn portway_run(arena: &Arena, portway: &Path) -> Result<(Found, Command)> {
    let dir = portway_objects(arena.dir());
    objects::write_all(&dir, &portway_routes(), Layout::FilePerRoute)?;
    let mut command = arena.command(Place::Gateway, portway)?;
    command
        .args(["run", "-f"])
        .arg(&dir)
        .args(["--workers", "2", "--log-format", "json"])
        .args(["--access-log", "json", "--access-log-file"])
        .arg(portway_access_log(arena.dir()))
        .arg("--admin-socket")
        .arg(portway_socket(arena.dir()));
    let version = Command::new(portway)
        .arg("--version")
        .output()
        .context("ask its version")?;
    let version = String::from_utf8_lossy(&version.stdout);
    let found = Found {
        program: portway.to_path_buf(),
        version: version.trim().trim_start_matches("portway ").to_owned(),
    };
    Ok((found, command))
}

/// Where the objects of the gateway under test lie.
pub(crate) fn portway_objects(dir: &Path) -> PathBuf {
    dir.join("portway-objects")
}

/// Where the gateway under test writes a line for each connection.
pub(crate) fn portway_access_log(dir: &Path) -> PathBuf {
    dir.join("access.log")
}

/// Where it tells of itself.
pub(crate) fn portway_socket(dir: &Path) -> PathBuf {
    dir.join("admin.sock")
}

/// Its routes: the first is measured, the others are there.
pub(crate) fn portway_routes() -> Vec<Route> {
    let ips = |addrs: Vec<SocketAddr>| addrs.iter().map(SocketAddr::ip).collect::<Vec<IpAddr>>();
    let endpoints = ips(arena::backends());
    let measured = Route {
        port: Kind::Portway.port(),
        binds: ips(arena::gateways(0)),
        endpoints: endpoints.clone(),
        endpoint_port: arena::BACKEND_PORT,
    };
    let others = (8000..).take(ROUTES - 1).map(|port| Route {
        port,
        binds: ips(arena::gateways(0)).into_iter().take(1).collect(),
        endpoints: endpoints.clone(),
        endpoint_port: arena::BACKEND_PORT,
    });
    std::iter::once(measured).chain(others).collect()
}

fn haproxy(arena: &Arena, config: &str) -> Result<(Found, Command)> {
    peer(arena, Peer::Haproxy, |command, peers| {
        command.arg("-db").arg("-f").arg(peers.join(config));
    })
}

fn peer(
    arena: &Arena,
    peer: Peer,
    arguments: impl FnOnce(&mut Command, &Path),
) -> Result<(Found, Command)> {
    let found = peer.find()?;
    let mut command = arena.command_with_children(Place::Gateway, &found.program)?;
    arguments(&mut command, &peers_dir());
    Ok((found, command))
}

fn peers_dir() -> PathBuf {
    repo::root().join("bench/peers")
}

/// The program and its arguments without what puts them into a namespace, from the root; a program
/// that is elsewhere by its name.
fn typed(command: &Command) -> String {
    let root = format!("{}/", repo::root().display());
    let words = command
        .get_args()
        .map(|it| it.to_string_lossy().replace(&root, ""));
    let after = words.skip_while(|it| it != "--").skip(1);
    let words: Vec<String> = after.collect();
    let inner = words.iter().position(|it| it == "--");
    let typed = words[inner.map_or(0, |at| at + 1)..].join(" ");
    let (program, _) = typed.split_once(' ').unwrap_or((&typed, ""));
    match program.rsplit_once('/') {
        Some((folder, _)) if program.starts_with('/') => typed[folder.len() + 1..].to_owned(),
        _ => typed,
    }
}

/// Waits until Portway's log, which is of JSON, says that it is ready.
///
/// # Errors
/// When it does not in time.
pub(crate) fn wait_until_ready(running: &mut Running) -> Result<()> {
    let is_ready = |line: &str| {
        let line = serde_json::from_str(line).unwrap_or(Value::Null);
        let message = line.pointer("/fields/message").or(line.get("message"));
        message.and_then(Value::as_str) == Some("ready")
    };
    running.wait_for_within(START, "line that says ready", is_ready)?;
    Ok(())
}

/// Waits until something listens on this port in the namespace of the process. A connection would
/// tell as well, but a peer would count it.
fn wait_for_port(running: &mut Running, port: u16) -> Result<()> {
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        if listens(running.pid(), port) {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    bail!("nothing listens on port {port}{}", running.tail())
}

/// Whether `/proc/PID/net/tcp` or `tcp6` has a socket that listens on `port`. Spec:
/// proc_net_tcp(5).
fn listens(pid: u32, port: u16) -> bool {
    ["tcp", "tcp6"].iter().any(|table| {
        let table = std::fs::read_to_string(format!("/proc/{pid}/net/{table}"));
        table.unwrap_or_default().lines().any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let local = fields.next().and_then(|it| it.rsplit_once(':'));
            let local = local.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
            local == Some(port) && fields.nth(1) == Some("0A")
        })
    })
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let lists = tasks.map(|it| std::fs::read_to_string(it.path().join("children")));
    let numbers = lists.flat_map(|it| {
        let list = it.unwrap_or_default();
        list.split_whitespace()
            .filter_map(|it| it.parse().ok())
            .collect::<Vec<u32>>()
    });
    numbers.collect()
}
