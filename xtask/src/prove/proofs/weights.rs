//! Weights: exact over all workers together, nothing for weight 0, and an invalid backend keeps its
//! share: those connections are accepted, then reset.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Result, bail, ensure};

use crate::prove::gateway::{Gateway, Settings};
use crate::prove::manifest::{Backend, Plan, Target};
use crate::prove::peer::Echo;
use crate::prove::sockets::{self, Next, Opened};
use crate::prove::stage::Stage;
use crate::tally::say;

/// Connections of each count.
const CONNECTIONS: usize = 500;

/// Of these as many at once.
const AT_ONCE: usize = 10;

/// What a share may be off: 1 % of them.
const TOLERANCE: usize = CONNECTIONS / 100;

/// Connections one after the other, of which every other is reset.
const IN_TURN: usize = 100;

/// What a client that was reset counts as.
const RESET: &str = "reset";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let to = |name: &str| -> Result<Target> { Ok(Target::Endpoints(vec![Echo::start(name)?])) };
    let plan = Plan::default()
        .with(vec![
            Backend::weighing(70, to("a")?),
            Backend::weighing(30, to("b")?),
            Backend::weighing(0, to("c")?),
        ])?
        .with(vec![
            Backend::weighing(1, to("a")?),
            Backend::weighing(1, Target::Missing),
        ])?
        .with(vec![
            Backend::weighing(1, to("a")?),
            Backend::weighing(1, Target::Missing),
        ])?;
    let settings = Settings {
        workers: 4,
        ..Settings::default()
    };
    let gateway = Gateway::start(stage, &plan, &settings)?;

    let counts = count(gateway.addr(0)?)?;
    say(&format!("  weights 70/30/0 over 4 workers gave {counts:?}"));
    is_about(&counts, "a", CONNECTIONS * 70 / 100)?;
    is_about(&counts, "b", CONNECTIONS * 30 / 100)?;
    ensure!(!counts.contains_key("c"), "weight 0 got connections");

    let counts = count(gateway.addr(1)?)?;
    say(&format!("  weights 1/1, one invalid, gave {counts:?}"));
    is_about(&counts, "a", CONNECTIONS / 2)?;
    is_about(&counts, RESET, CONNECTIONS / 2)?;

    let order = in_turn(gateway.addr(2)?)?;
    ensure!(
        order.windows(2).all(|pair| pair[0] != pair[1]),
        "not every other connection is reset: {order:?}"
    );
    say(&format!(
        "  one by one, every other of {IN_TURN} was accepted and then reset"
    ));
    gateway.end()
}

/// Who answered how often, with several clients at once.
fn count(to: SocketAddr) -> Result<BTreeMap<String, usize>> {
    let next = AtomicUsize::new(0);
    let (sender, answers) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            let sender = sender.clone();
            let next = &next;
            scope.spawn(move || {
                while next.fetch_add(1, Ordering::Relaxed) < CONNECTIONS {
                    let _ = sender.send(ask(to));
                }
            });
        }
    });
    drop(sender);
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer?).or_default() += 1;
    }
    Ok(counts)
}

fn in_turn(to: SocketAddr) -> Result<Vec<String>> {
    (0..IN_TURN).map(|_| ask(to)).collect()
}

/// Connects, and gives who answered.
fn ask(to: SocketAddr) -> Result<String> {
    let client = match sockets::open_from((Ipv4Addr::LOCALHOST, 0).into(), to)? {
        Opened::Stream(client) => client,
        Opened::Reset => return Ok(RESET.to_owned()),
    };
    let mut name = [0];
    match (&client).read(&mut name) {
        Ok(1) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(RESET.to_owned()),
        other => bail!("neither a name nor a reset: {other:?}"),
    }
    client.shutdown(Shutdown::Write)?;
    let end = sockets::next(&client)?;
    ensure!(end == Next::Fin, "{end:?} instead of a FIN");
    Ok(String::from_utf8_lossy(&name).into_owned())
}

fn is_about(counts: &BTreeMap<String, usize>, name: &str, want: usize) -> Result<()> {
    let got = counts.get(name).copied().unwrap_or(0);
    ensure!(
        got.abs_diff(want) <= TOLERANCE,
        "{name} got {got} of {CONNECTIONS}, {want} ± {TOLERANCE} were due"
    );
    Ok(())
}
