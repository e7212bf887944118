//! Where a run takes place: three network namespaces, joined by two pairs of veth.
//!
//! ```text
//!   client 198.18.1.2 ──── 198.18.1.1 gateway 198.18.2.1 ──── 198.18.2.2 backend
//!                               .3 .4 .5                           .3 .4 .5
//! ```
//!
//! In: nothing. Out: commands that run in one of them. Never: anything that stays. A namespace has
//! no name; a process holds it, and when that ends, which it does with this program however this
//! program ends, the kernel takes the namespace away and the interfaces with it.
//! 198.18.0.0/15 is set aside for benchmarks (RFC 2544), and nothing leads out of the three.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::limits::{NICENESS, START};
use crate::prove::process::Running;
use crate::repo;

/// One of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Client,
    Gateway,
    Backend,
}

/// The port the backend listens on, at each of its addresses.
pub(crate) const BACKEND_PORT: u16 = 7000;

/// Addresses that take turns, so that no pair of addresses runs out of ports.
const TURNS: [u8; 4] = [1, 3, 4, 5];

/// How the directory of a run is called, before its process.
const RUN: &str = "run-";

/// The backend listens on these as well, up to the last of them; tables need more endpoints.
const SPARE_BACKENDS_LAST: u8 = 12;

/// Common to all three: ports enough for a hundred thousand short connections, used again at once,
/// and a congestion control that every kernel has and that does not pace: there is no path here
/// whose bandwidth could be found out.
pub(crate) const SETTINGS: [&str; 4] = [
    "net/ipv4/tcp_congestion_control=reno",
    "net/ipv4/ip_local_port_range=10000 65535",
    "net/ipv4/tcp_tw_reuse=1",
    "net/ipv4/tcp_max_syn_backlog=8192",
];

/// The three namespaces of one run.
#[derive(Debug)]
pub(crate) struct Arena {
    client: Holder,
    gateway: Holder,
    backend: Holder,
    /// Files of this run.
    dir: PathBuf,
}

#[derive(Debug)]
struct Holder {
    child: Child,
    /// It ends when this is closed.
    _stdin: ChildStdin,
}

impl Arena {
    /// Makes the namespaces and a directory of this run's own.
    ///
    /// # Errors
    /// When this is not root, or a tool is missing; it says which.
    pub(crate) fn set() -> Result<Self> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "needs root, for three network namespaces; try `sudo -E cargo xtask bench`"
        );
        let runs = repo::root().join("target/bench");
        remove_dead(&runs);
        let dir = runs.join(format!("{RUN}{}", std::process::id()));
        std::fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        let arena = Self {
            client: Holder::start(&[])?,
            gateway: Holder::start(&["net/ipv4/ip_forward=1"])?,
            backend: Holder::start(&[])?,
            dir,
        };
        arena.join(&arena.client, "198.18.1", &[2], &TURNS)?;
        let backend: Vec<u8> = (2..=SPARE_BACKENDS_LAST).collect();
        arena.join(&arena.backend, "198.18.2", &backend, &[1])?;
        Ok(arena)
    }

    /// A veth between the gateway's namespace and another, with these addresses.
    fn join(&self, other: &Holder, net: &str, theirs: &[u8], ours: &[u8]) -> Result<()> {
        let (gateway, other_pid) = (&self.gateway, other.pid());
        let last = net.replace('.', "-");
        let ends = (format!("veth-{last}-g"), format!("veth-{last}"));
        let pair = [
            "link", "add", &ends.0, "type", "veth", "peer", "name", &ends.1,
        ];
        gateway.ip(&[&pair[..], &["netns", &other_pid]].concat())?;
        for (holder, end, addresses) in [(gateway, &ends.0, ours), (other, &ends.1, theirs)] {
            for address in addresses {
                holder.ip(&["addr", "add", &format!("{net}.{address}/24"), "dev", end])?;
            }
            holder.ip(&["link", "set", end, "up"])?;
        }
        other.ip(&["route", "add", "default", "via", &format!("{net}.1")])
    }

    /// A program that is to run in one of the namespaces, and ends with this one.
    ///
    /// # Errors
    /// When this program does not know where it lies.
    pub(crate) fn command(&self, place: Place, program: &Path) -> Result<Command> {
        let mut command = self.holder(place).enter()?;
        command.arg(program);
        Ok(command)
    }

    /// The same, with a process namespace around it: for programs whose processes do not end with
    /// the first of them.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn command_with_children(&self, place: Place, program: &Path) -> Result<Command> {
        let mut command = self.holder(place).enter()?;
        command.args(["unshare", "--pid", "--fork", "--kill-child", "--"]);
        command.arg(program);
        Ok(command)
    }

    /// Files of this run.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts the backend, and gives its process.
    ///
    /// # Errors
    /// When it does not listen.
    pub(crate) fn start_backend(&self, load: &Path) -> Result<Running> {
        let mut command = self.command(Place::Backend, load)?;
        command.args(["serve", "--bind", &format!("0.0.0.0:{BACKEND_PORT}")]);
        let log = self.dir.join("backend.log");
        let mut running = Running::start("backend", command, &log)?;
        running.wait_for_within(START, "line that says it listens", |line| {
            line.starts_with("listening")
        })?;
        Ok(running)
    }

    fn holder(&self, place: Place) -> &Holder {
        match place {
            Place::Client => &self.client,
            Place::Gateway => &self.gateway,
            Place::Backend => &self.backend,
        }
    }
}

/// The backend's addresses.
pub(crate) fn backends() -> Vec<SocketAddr> {
    addresses(2, &[2, 3, 4, 5], BACKEND_PORT)
}

/// All of them: the last is for a change.
pub(crate) fn all_backends() -> Vec<IpAddr> {
    let hosts: Vec<u8> = (2..=SPARE_BACKENDS_LAST).collect();
    addresses(2, &hosts, BACKEND_PORT)
        .iter()
        .map(SocketAddr::ip)
        .collect()
}

/// Where a gateway that listens on this port is reached.
pub(crate) fn gateways(port: u16) -> Vec<SocketAddr> {
    addresses(1, &TURNS, port)
}

fn addresses(net: u8, hosts: &[u8], port: u16) -> Vec<SocketAddr> {
    let addr = |host: &u8| (Ipv4Addr::new(198, 18, net, *host), port).into();
    hosts.iter().map(addr).collect()
}

/// Removes what runs left that did not come to their end: whoever wanted to look into it has.
fn remove_dead(runs: &Path) {
    for entry in std::fs::read_dir(runs).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|it| it.strip_prefix(RUN));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl Holder {
    fn start(settings: &[&str]) -> Result<Self> {
        let mut command = Command::new("unshare");
        command.arg("--net").arg(std::env::current_exe()?);
        command
            .args(["bench-part", "hold"])
            .args(SETTINGS)
            .args(settings);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("run unshare (util-linux)")?;
        let stdin = child.stdin.take().context("no way to end a namespace")?;
        let stdout = child.stdout.take().context("no word from a namespace")?;
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)?;
        if line.trim() != "holds" {
            bail!("a network namespace cannot be had: {}", child.wait()?);
        }
        let holder = Self {
            child,
            _stdin: stdin,
        };
        holder.ip(&["link", "set", "lo", "up"])?;
        Ok(holder)
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    fn enter(&self) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench-part", "enter", "--holder", &self.pid()]);
        command.args(["--nice", &NICENESS.to_string(), "--"]);
        Ok(command)
    }

    /// Runs `ip` (iproute2) inside.
    fn ip(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.enter()?;
        let output = command.arg("ip").args(arguments).output();
        let output = output.context("run ip (iproute2)")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "ip {}: {}",
            arguments.join(" "),
            said.trim()
        );
        Ok(())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
