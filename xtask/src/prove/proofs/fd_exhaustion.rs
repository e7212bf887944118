//! Descriptors used up, in two ways: more clients than its limit allows, and a limit lowered
//! beneath a running instance. Accepting pauses without spinning, and resumes; everybody is served
//! at last.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::prove::crowd::Crowd;
use crate::prove::gateway::{Gateway, Settings};
use crate::prove::limits::QUIET_WINDOW;
use crate::prove::manifest::Plan;
use crate::prove::measure;
use crate::prove::peer::Echo;
use crate::prove::sockets::{self, Next};
use crate::prove::stage::Stage;
use crate::tally::say;

/// What the backend says at once.
const GREETING: &str = "hello";

/// Its limit of descriptors.
const DESCRIPTORS: u64 = 256;

/// Clients: three times what fits.
const CLIENTS: usize = 400;

/// What the log says.
const PAUSED: &str = "out of descriptors";
const RESUMED: &str = "descriptors are free again";

/// Processor time that a gateway may use while it waits, as a share of the time: 2 %.
const CPU_SHARE_MAX: f64 = 0.02;

pub(super) fn run(stage: &Stage) -> Result<()> {
    more_clients_than_fit(stage).context("more clients than fit")?;
    // With one descriptor left a client can be accepted, and then there is none for its endpoint.
    for n_more in [0, 1] {
        a_limit_lowered_beneath(stage, n_more)
            .with_context(|| format!("a limit lowered beneath it, {n_more} left"))?;
    }
    Ok(())
}

fn more_clients_than_fit(stage: &Stage) -> Result<()> {
    let plan = Plan::to(&[Echo::start(GREETING)?])?;
    let settings = Settings {
        descriptors: Some(DESCRIPTORS),
        ..Settings::default()
    };
    let mut gateway = Gateway::start(stage, &plan, &settings)?;
    let addr = gateway.addr(0)?;
    let clients = (0..CLIENTS).map(|_| sockets::connect(addr));
    let mut waiting = clients.collect::<Result<Vec<_>>>()?;
    gateway.wait_for(PAUSED)?;
    let share = quiet_cpu(gateway.pid())?;
    let mut n_served = 0;
    let mut n_turns = 0;
    // Whoever is greeted leaves and makes room: in the end all have had their turn.
    while !waiting.is_empty() {
        let (greeted, still): (Vec<_>, Vec<_>) = waiting.into_iter().partition(has_bytes);
        if greeted.is_empty() {
            let first = still.first().context("nobody waits")?;
            let next = sockets::next(first).context("clients wait for ever")?;
            ensure!(next == Next::Bytes, "a client got {next:?}");
            n_served += 1;
            waiting = still.into_iter().skip(1).collect();
            continue;
        }
        n_served += greeted.len();
        n_turns += 1;
        waiting = still;
    }
    gateway.wait_for(RESUMED)?;
    say(&format!(
        "  limit {DESCRIPTORS}: of {CLIENTS} clients all {n_served} were served, in {n_turns} \
         turns; paused, it used {:.1} % of a core",
        share * 100.0
    ));
    works(&gateway)?;
    gateway.end()
}

/// The limit is lowered to what it has open and `n_more`: the kernel refuses to accept, whatever
/// was counted.
fn a_limit_lowered_beneath(stage: &Stage, n_more: usize) -> Result<()> {
    let plan = Plan::to(&[Echo::start(GREETING)?])?;
    let mut gateway = Gateway::start(stage, &plan, &Settings::default())?;
    let addr = gateway.addr(0)?;
    let mut crowd = Crowd::gather(addr, 20)?;
    for number in 0..crowd.len() {
        crowd.hear_greeting(number, GREETING)?;
    }
    let pid = Pid::from_raw(i32::try_from(gateway.pid())?).context("no process")?;
    let lowered = measure::descriptor_limit_for(gateway.pid(), n_more)?;
    let before = prlimit(Some(pid), Resource::Nofile, limit(lowered))?;
    let late = (0..50).map(|_| sockets::connect(addr));
    let late = late.collect::<Result<Vec<_>>>()?;
    gateway.wait_for(PAUSED)?;
    let share = quiet_cpu(gateway.pid())?;
    crowd.echo(100).context("connections that were open")?;
    prlimit(Some(pid), Resource::Nofile, before)?;
    for client in &late {
        let next = sockets::next(client).context("clients wait for ever")?;
        ensure!(next == Next::Bytes, "a client got {next:?}");
    }
    gateway.wait_for(RESUMED)?;
    say(&format!(
        "  limit lowered to what is open and {n_more}: open connections went on, {} clients \
         waited and were served when it was raised; paused, it used {:.1} % of a core",
        late.len(),
        share * 100.0
    ));
    drop(late);
    works(&gateway)?;
    gateway.end()
}

/// A soft limit under the hard one that it shares with us.
fn limit(current: u64) -> Rlimit {
    let hard = rustix::process::getrlimit(Resource::Nofile).maximum;
    Rlimit {
        current: Some(current),
        maximum: hard,
    }
}

/// Whether bytes are there, without a wait.
fn has_bytes(client: &TcpStream) -> bool {
    let peek = || {
        client.set_nonblocking(true)?;
        let n = client.peek(&mut [0]);
        client.set_nonblocking(false)?;
        n
    };
    peek().is_ok_and(|n| n > 0)
}

/// The share of a core that it uses in a while in which nobody does anything.
fn quiet_cpu(pid: u32) -> Result<f64> {
    let before = measure::cpu(pid)?;
    thread::sleep(QUIET_WINDOW);
    let used = measure::cpu(pid)?.saturating_sub(before);
    let share = used.as_secs_f64() / QUIET_WINDOW.as_secs_f64();
    ensure!(
        share <= CPU_SHARE_MAX,
        "it spins: {used:?} of processor time in {QUIET_WINDOW:?} without descriptors"
    );
    Ok(share)
}

/// Afterwards all is as before.
fn works(gateway: &Gateway) -> Result<()> {
    let client = sockets::connect(gateway.addr(0)?)?;
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    let next = sockets::next(&client).context("afterwards")?;
    ensure!(next == Next::Bytes, "afterwards a client got {next:?}");
    Ok(())
}
