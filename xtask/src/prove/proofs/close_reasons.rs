//! Every way a connection can end is provoked from outside and found in the log by its name.
//!
//! The names are those of `docs/reference/close-reasons.md`, so that a new reason fails this proof
//! until somebody provokes it. Peers that vanish are hosts of this namespace that cannot be routed
//! from any more: the kernel needs two minutes to give up on them, so `--short` leaves those out.

mod lost_peers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use self::lost_peers::LostPeers;
use crate::prove::gateway::{Gateway, Settings};
use crate::prove::manifest::{Backend, Listener, Plan, Target};
use crate::prove::peer::Echo;
use crate::prove::sockets::{self, Next};
use crate::prove::stage::{Scale, Stage};
use crate::repo::root;
use crate::tally::say;

/// The reasons seen, and what brought each about.
type Seen = BTreeMap<String, &'static str>;

/// The only local port while ports are used up.
const LAST_PORT: u16 = 40_000;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let lost = match stage.scale {
        Scale::Full => Some(LostPeers::lose(stage).context("peers that vanish")?),
        Scale::Short => None,
    };
    let mut seen = Seen::new();
    by_rule(stage, &mut seen).context("what the objects say")?;
    by_peers(stage, &mut seen).context("what peers do")?;
    by_the_host(stage, &mut seen).context("what the host lacks")?;
    if let Some(lost) = lost {
        lost.found(&mut seen).context("peers that vanished")?;
    }
    for (reason, what) in &seen {
        say(&format!("  {reason:<26}{what}"));
    }
    let mut missing = names()?;
    missing.retain(|name| !seen.contains_key(name));
    // It needs tables that change, so it has a proof of its own.
    say("  not tried here: drained, which `prove drain` counts");
    missing.retain(|name| name != "drained");
    if stage.scale == Scale::Short {
        say(&format!(
            "  not tried in short: {}, which take the kernel two minutes",
            lost_peers::REASONS.join(", ")
        ));
        missing.retain(|name| !lost_peers::REASONS.contains(&name.as_str()));
    }
    ensure!(
        missing.is_empty(),
        "nothing brought these about: {missing:?}"
    );
    Ok(())
}

/// All there are, from the page of the reference.
fn names() -> Result<BTreeSet<String>> {
    let path = root().join("docs/reference/close-reasons.md");
    let page = fs::read_to_string(path).context("read the page of the reference")?;
    let table = page.split("| dial |").next().unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned()));
    let names: BTreeSet<_> = names.collect();
    ensure!(names.len() >= 10, "the page names only {names:?}");
    Ok(names)
}

/// Notes that the connection of `client` ended for `want`.
fn expect(
    gateway: &mut Gateway,
    seen: &mut Seen,
    client: SocketAddr,
    (want, what): (&str, &'static str),
) -> Result<()> {
    let reason = gateway.reason(client)?;
    ensure!(reason == want, "{what}: the reason is {reason}, not {want}");
    seen.insert(reason, what);
    Ok(())
}

fn settings() -> Settings {
    Settings {
        log_level: "debug",
        ..Settings::default()
    }
}

/// Streams that the objects give nothing.
fn by_rule(stage: &Stage, seen: &mut Seen) -> Result<()> {
    let backend = Echo::start("")?;
    let own_port = sockets::free_port()?;
    let own: SocketAddr = (Ipv4Addr::LOCALHOST, own_port).into();
    let weightless = Backend::weighing(0, Target::Endpoints(vec![backend]));
    let cases = [
        (vec![], "rejected_no_route", "a listener without a route"),
        (
            vec![weightless],
            "rejected_no_weight",
            "weights that sum to zero",
        ),
        (
            vec![Backend::weighing(1, Target::Missing)],
            "rejected_invalid_backend",
            "a Service that is not there",
        ),
        (
            vec![Backend::weighing(1, Target::NotPermitted(backend))],
            "rejected_not_permitted",
            "a Service elsewhere, no ReferenceGrant",
        ),
        (
            vec![Backend::with(&[])],
            "rejected_no_endpoint",
            "a Service without endpoints",
        ),
        (
            vec![Backend::with(&[own])],
            "rejected_loop",
            "an endpoint that is our own listener",
        ),
    ];
    let mut plan = Plan::default();
    for (backends, ..) in &cases {
        plan = plan.with(backends.clone())?;
    }
    plan.listeners.push(Listener {
        port: own_port,
        backends: vec![Backend::with(&[backend])],
    });
    let mut gateway = Gateway::start(stage, &plan, &settings())?;
    for (index, (_, reason, what)) in cases.into_iter().enumerate() {
        let client = rejected(gateway.addr(index)?).context(what)?;
        expect(&mut gateway, seen, client, (reason, what))?;
    }
    gateway.end()
}

/// Streams that peers end.
fn by_peers(stage: &Stage, seen: &mut Seen) -> Result<()> {
    let refused = (Ipv4Addr::LOCALHOST, sockets::free_port()?).into();
    let listener = sockets::listen_anywhere()?;
    let silent = Silent::new()?;
    let plan = Plan::to(&[listener.local_addr()?])?
        .with(vec![Backend::with(&[refused])])?
        .with(vec![Backend::with(&[silent.addr])])?;
    let mut gateway = Gateway::start(stage, &plan, &settings())?;
    let pair = |gateway: &Gateway| connected(gateway.addr(0)?, &listener);

    let (client, backend) = pair(&gateway)?;
    let addr = client.local_addr()?;
    client.shutdown(Shutdown::Write)?;
    backend.shutdown(Shutdown::Write)?;
    ensure!(sockets::next(&client)? == Next::Fin, "no FIN came");
    ensure!(sockets::next(&backend)? == Next::Fin, "no FIN came");
    expect(
        &mut gateway,
        seen,
        addr,
        ("finished", "both sides sent their FIN"),
    )?;

    let (client, backend) = pair(&gateway)?;
    let addr = client.local_addr()?;
    sockets::reset(client)?;
    sockets::expect_reset(&backend)?;
    expect(
        &mut gateway,
        seen,
        addr,
        ("client_reset", "the client reset"),
    )?;

    let (client, backend) = pair(&gateway)?;
    sockets::reset(backend)?;
    sockets::expect_reset(&client)?;
    let addr = client.local_addr()?;
    expect(
        &mut gateway,
        seen,
        addr,
        ("backend_reset", "the endpoint reset"),
    )?;

    let addr = rejected(gateway.addr(1)?)?;
    expect(
        &mut gateway,
        seen,
        addr,
        ("dial_failed", "nothing listens at the endpoint"),
    )?;

    let client = sockets::connect(gateway.addr(2)?)?;
    let addr = client.local_addr()?;
    sockets::reset(client)?;
    let what = (
        "client_gone",
        "the client left while the endpoint was dialled",
    );
    expect(&mut gateway, seen, addr, what)?;

    by_the_kernel(&mut gateway, &listener, seen)?;
    gateway.end()?;
    shutdown(stage, seen)
}

/// Sockets that fail in another way than by their peer: an administrator aborts them.
fn by_the_kernel(gateway: &mut Gateway, listener: &TcpListener, seen: &mut Seen) -> Result<()> {
    let to = gateway.addr(0)?;
    let (client, backend) = connected(to, listener)?;
    let addr = client.local_addr()?;
    destroy(to, addr)?;
    sockets::expect_reset(&backend)?;
    expect(
        gateway,
        seen,
        addr,
        ("client_error", "the client's socket was aborted"),
    )?;

    let (client, backend) = connected(to, listener)?;
    let addr = client.local_addr()?;
    destroy(backend.peer_addr()?, backend.local_addr()?)?;
    sockets::expect_reset(&client)?;
    expect(
        gateway,
        seen,
        addr,
        ("backend_error", "the endpoint's socket was aborted"),
    )
}

/// An instance that ends before its connection.
fn shutdown(stage: &Stage, seen: &mut Seen) -> Result<()> {
    let listener = sockets::listen_anywhere()?;
    let settings = Settings {
        flags: vec!["--drain-timeout=100ms".to_owned()],
        ..settings()
    };
    let plan = Plan::to(&[listener.local_addr()?])?;
    let mut gateway = Gateway::start(stage, &plan, &settings)?;
    let (client, backend) = connected(gateway.addr(0)?, &listener)?;
    gateway.terminate()?;
    sockets::expect_reset(&client)?;
    sockets::expect_reset(&backend)?;
    let addr = client.local_addr()?;
    expect(
        &mut gateway,
        seen,
        addr,
        ("shutdown", "SIGTERM, and the drain timeout passed"),
    )?;
    gateway.wait()
}

/// Streams that this host can do nothing for: it has one local port, and that is taken.
fn by_the_host(stage: &Stage, seen: &mut Seen) -> Result<()> {
    let backend = Echo::start("hello")?;
    let mut gateway = Gateway::start(stage, &Plan::to(&[backend])?, &settings())?;
    fs::write(
        "/proc/sys/net/ipv4/ip_local_port_range",
        format!("{LAST_PORT} {LAST_PORT}"),
    )
    .context("make ports few")?;
    let from = (Ipv4Addr::LOCALHOST, sockets::free_port()?).into();
    let served = sockets::connect_from(from, gateway.addr(0)?)?;
    let next = sockets::next(&served)?;
    ensure!(next == Next::Bytes, "the only port brought {next:?}");
    let addr = rejected(gateway.addr(0)?)?;
    expect(
        &mut gateway,
        seen,
        addr,
        ("out_of_resources", "no local port was left"),
    )?;
    drop(served);
    gateway.end()
}

/// A client that is accepted and then reset; gives its address.
fn rejected(to: SocketAddr) -> Result<SocketAddr> {
    let from = (Ipv4Addr::LOCALHOST, sockets::free_port()?).into();
    let next = sockets::open_from(from, to)?.next()?;
    ensure!(next == Next::Reset, "a reset was due, not {next:?}");
    Ok(from)
}

/// A client and what it reached, with bytes that went both ways.
fn connected(to: SocketAddr, listener: &TcpListener) -> Result<(TcpStream, TcpStream)> {
    let mut client = sockets::connect(to)?;
    let mut backend = sockets::patient(listener.accept()?.0)?;
    let mut heard = [0; 2];
    client.write_all(b"hi")?;
    backend.read_exact(&mut heard)?;
    backend.write_all(b"hi")?;
    client.read_exact(&mut heard)?;
    Ok((client, backend))
}

/// Makes the kernel abort the socket that has these two addresses.
fn destroy(local: SocketAddr, peer: SocketAddr) -> Result<()> {
    let mut command = Command::new("ss");
    command.args(["--kill", "--no-header", "--tcp", "--numeric"]);
    command.args(["src", &local.to_string(), "dst", &peer.to_string()]);
    let output = command.output().context("run ss (iproute2)")?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(
        told.contains(&peer.to_string()),
        "ss aborted no socket (needs CONFIG_INET_DIAG_DESTROY): {told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// An address where dials get no answer: somebody listens, but the queue is full.
struct Silent {
    addr: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl Silent {
    fn new() -> Result<Self> {
        let listener = sockets::listen((Ipv4Addr::LOCALHOST, 0).into(), 0)?;
        let addr = listener.local_addr()?;
        // The kernel queues one more than asked for.
        let queued = vec![sockets::connect(addr)?];
        Ok(Self {
            addr,
            _listener: listener,
            _queued: queued,
        })
    }
}
