//! Local ports used up: every client that cannot be served is reset and the log says why; the
//! others go on, and when ports are free again so do new ones.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use anyhow::{Context, Result, bail, ensure};

use crate::prove::gateway::{Gateway, Settings};
use crate::prove::limits::DEADLINE;
use crate::prove::manifest::Plan;
use crate::prove::peer::Echo;
use crate::prove::sockets::{self, Next, Opened};
use crate::prove::stage::Stage;
use crate::tally::say;

/// The ports that dials may have in this namespace: 40 000 and on.
const PORTS: u16 = 32;

/// Clients: so many more cannot be served.
const TOO_MANY: u16 = 20;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let backend = Echo::start("hello")?;
    let settings = Settings {
        log_level: "debug",
        ..Settings::default()
    };
    let mut gateway = Gateway::start(stage, &Plan::to(&[backend])?, &settings)?;
    let range = format!("40000 {}", 40_000 + PORTS - 1);
    fs::write("/proc/sys/net/ipv4/ip_local_port_range", range).context("make ports few")?;

    let (served, refused) = connect(&gateway, 0)?;
    let n_served = served.len();
    ensure!(
        (1..=usize::from(PORTS)).contains(&n_served),
        "{n_served} were served over {PORTS} ports"
    );
    let mut reasons = BTreeMap::<String, usize>::new();
    for _ in 0..refused.len() {
        let (_, reason) = gateway.reason_of_any(&refused, DEADLINE)?;
        *reasons.entry(reason).or_default() += 1;
    }
    say(&format!(
        "  {PORTS} ports: {n_served} clients were served, the others reset: {reasons:?}"
    ));
    let only = reasons.keys().collect::<Vec<_>>();
    ensure!(only == ["out_of_resources"], "the reasons are {only:?}");

    for client in &served {
        say_hello(client).context("a client that was connected before")?;
    }
    // Clients that reset leave no TIME_WAIT behind: their ports are free at once.
    let mut leaving = Vec::new();
    for client in served {
        leaving.push(client.local_addr()?);
        sockets::reset(client)?;
    }
    for _ in 0..leaving.len() {
        gateway.reason_of_any(&leaving, DEADLINE)?;
    }
    let (served, refused) = connect(&gateway, 1)?;
    say(&format!(
        "  when they had left {} others were served",
        served.len()
    ));
    ensure!(
        served.len() >= n_served,
        "fewer than before: {} reset",
        refused.len()
    );
    drop(served);
    gateway.end()
}

/// Connects more clients than there are ports; gives those that were greeted and the others.
fn connect(gateway: &Gateway, turn: u16) -> Result<(Vec<TcpStream>, Vec<SocketAddr>)> {
    let (mut served, mut refused) = (Vec::new(), Vec::new());
    for number in 0..PORTS + TOO_MANY {
        // A port of its own choice, which is not of the few.
        let port = 50_000 + turn * 1_000 + number;
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let client = sockets::open_from(from, gateway.addr(0)?)?;
        match (client.next()?, client) {
            (Next::Bytes, Opened::Stream(client)) => served.push(client),
            (Next::Reset, _) => refused.push(from),
            (other, _) => bail!("a client that could not be served got {other:?}"),
        }
    }
    Ok((served, refused))
}

fn say_hello(mut client: &TcpStream) -> Result<()> {
    client.write_all(b"hello")?;
    let mut heard = [0; 5];
    client.read_exact(&mut heard)?;
    ensure!(&heard == b"hello", "something else came back");
    Ok(())
}
