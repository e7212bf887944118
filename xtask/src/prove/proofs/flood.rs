//! A flood of connections that come and go: memory stays bounded, and the next client is served at
//! once.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::prove::crowd::Crowd;
use crate::prove::front::Front;
use crate::prove::gateway::Settings;
use crate::prove::measure;
use crate::prove::peer::Echo;
use crate::prove::sockets;
use crate::prove::stage::Stage;
use crate::tally::say;

/// Clients at once.
const AT_ONCE: usize = 16;

/// Growth that a flood may leave behind, in KiB, however long it was.
const GROWN_KIB_MAX: u64 = 16 * 1024;

/// Longest wait of a client right after the flood.
const SERVED_WITHIN: Duration = Duration::from_secs(1);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let n_connections = stage.pick(60_000, 10_000);
    // Several addresses: one alone has too few local ports for so many connections a minute.
    let endpoints = (1..=8)
        .map(|host| Echo::start_at(([127, 0, 0, host], 0).into(), ""))
        .collect::<Result<Vec<_>>>()?;
    let front = stage.front(&endpoints, &Settings::default())?;
    let mut crowd = Crowd::gather(front.addr, 100)?;
    crowd.echo(1_000)?;
    crowd.leave()?;
    let before = rss(&front)?;

    let start = Instant::now();
    flood(front.addr, n_connections)?;
    let seconds = start.elapsed().as_secs_f64();
    let after = Instant::now();
    let mut crowd = Crowd::gather(front.addr, 1)?;
    crowd.echo(100).context("the client after the flood")?;
    let waited = after.elapsed();
    crowd.leave()?;
    say(&format!(
        "  {n_connections} connections in {seconds:.1} s, {:.0} a second; the next client was \
         served in {waited:.1?}",
        n_connections as f64 / seconds
    ));
    ensure!(waited <= SERVED_WITHIN, "the next client waited {waited:?}");
    if let (Some(before), Some(after)) = (before, rss(&front)?) {
        let grown = after.saturating_sub(before);
        say(&format!("  portway: RSS {before} to {after} KiB"));
        ensure!(grown <= GROWN_KIB_MAX, "RSS grew by {grown} KiB");
    }
    front.end()
}

fn rss(front: &Front) -> Result<Option<u64>> {
    let memory = front.gateway.as_ref().map(|it| measure::memory(it.pid()));
    Ok(memory.transpose()?.map(|it| it.rss_kib))
}

/// Many clients at once, each of which leaves at once, in three ways by turns.
fn flood(to: SocketAddr, n_connections: usize) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= n_connections {
            return Ok(());
        }
        let client = from_many(to, number)?;
        match number % 3 {
            0 => client.shutdown(Shutdown::Write)?,
            1 => sockets::reset(client)?,
            _ => {
                use std::io::Write;
                (&client).write_all(b"hello")?;
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let mut ends = threads.into_iter();
        ends.try_for_each(|it| it.join().map_err(|_| anyhow!("a client panicked"))?)
    })
}

/// Connects from one of many addresses of this host, for the ports' sake.
fn from_many(to: SocketAddr, number: usize) -> Result<TcpStream> {
    let host = u8::try_from(number % 8)?;
    sockets::connect_from(([127, 0, 1, host + 1], 0).into(), to)
}
