//! Peers that never read: the sender at the other end must block, and we must not grow. When they
//! read at last, every byte is there.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::prove::bytes::{Block, Check};
use crate::prove::gateway::{Gateway, Settings};
use crate::prove::limits::BLOCKED_AFTER;
use crate::prove::manifest::Plan;
use crate::prove::measure;
use crate::prove::sockets;
use crate::prove::stage::Stage;
use crate::tally::say;

/// Most that may lie between a sender that blocks and a peer that does not read, in bytes: the
/// kernel's four buffers, some MiB each as it likes, and a pipe.
const BETWEEN_MAX: u64 = 64 << 20;

/// Memory of ours that one such connection may cost, in KiB: one filled scratch buffer.
const EACH_KIB_MAX: u64 = 64;

/// Growth that has nothing to do with how many there are, in KiB.
const FIXED_KIB_MAX: u64 = 4096;

/// Some connections of one kind.
struct Case {
    name: &'static str,
    n_connections: usize,
    /// Bytes of one write: below what we read at once is copied, far more is spliced.
    chunk: usize,
    /// Buffers of the peers' sockets, small where there are many.
    buffer: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    let cases = [
        Case {
            name: "small writes",
            n_connections: stage.pick(64, 16),
            chunk: 1_000,
            buffer: Some(262_144),
        },
        Case {
            name: "large writes",
            n_connections: stage.pick(8, 4),
            chunk: 1 << 20,
            buffer: None,
        },
    ];
    for case in &cases {
        for direction in [Direction::Up, Direction::Down] {
            check(stage, case, direction)
                .with_context(|| format!("{}, {direction:?}", case.name))?;
        }
    }
    Ok(())
}

fn check(stage: &Stage, case: &Case, direction: Direction) -> Result<()> {
    let listener = sockets::listen_anywhere()?;
    let plan = Plan::to(&[listener.local_addr()?])?;
    let gateway = Gateway::start(stage, &plan, &Settings::default())?;
    warm_up(gateway.addr(0)?, &listener)?;
    let before = measure::memory(gateway.pid())?.rss_kib;
    let mut pairs = Vec::new();
    for _ in 0..case.n_connections {
        let client = sockets::connect(gateway.addr(0)?)?;
        let backend = sockets::patient(listener.accept()?.0)?;
        for peer in [&client, &backend] {
            case.buffer
                .map_or(Ok(()), |n| sockets::small_buffers(peer, n))?;
            peer.set_write_timeout(Some(BLOCKED_AFTER))?;
        }
        pairs.push(match direction {
            Direction::Up => (client, backend),
            Direction::Down => (backend, client),
        });
    }
    let block = Block::new(stage.seed);
    let sent = in_parallel(&pairs, |number, (sender, _)| {
        send_until_blocked(sender, number, case.chunk, &block)
    })?;
    let grown = measure::memory(gateway.pid())?
        .rss_kib
        .saturating_sub(before);
    let kernel = measure::kernel_memory()?.tcp_kib;
    let most = sent.iter().max().copied().unwrap_or(0);
    say(&format!(
        "  {}, {direction:?}: {} senders blocked after at most {} KiB each; portway grew by \
         {grown} KiB; TCP buffers of the kernel {kernel} KiB",
        case.name,
        pairs.len(),
        most / 1024,
    ));
    let grown_max = pairs.len() as u64 * EACH_KIB_MAX + FIXED_KIB_MAX;
    ensure!(
        grown <= grown_max,
        "portway grew by {grown} KiB, {grown_max} are allowed"
    );
    ensure!(most <= BETWEEN_MAX, "a sender went on for {most} bytes");
    in_parallel(&pairs, |number, (_, reader)| {
        let expected = sent.get(number).copied().unwrap_or(0);
        read_all(reader, number, expected, &block)
    })?;
    say("    and when they were read at last every byte was right");
    drop(pairs);
    gateway.end()
}

/// One transfer of some size first, so that buffers and code are in memory.
fn warm_up(to: SocketAddr, listener: &TcpListener) -> Result<()> {
    let client = sockets::connect(to)?;
    let (mut backend, _) = listener.accept()?;
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            (&client).write_all(&vec![0; 8 << 20])?;
            client.shutdown(Shutdown::Write)
        });
        let n = std::io::copy(&mut backend, &mut std::io::sink())?;
        ensure!(n == 8 << 20, "{n} bytes came while warming up");
        Ok(sending
            .join()
            .map_err(|_| anyhow!("the sender panicked"))??)
    })
}

/// Does the same for all pairs at once.
fn in_parallel<T: Send>(
    pairs: &[(TcpStream, TcpStream)],
    work: impl Fn(usize, &(TcpStream, TcpStream)) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let each = pairs.iter().enumerate();
        let threads: Vec<_> = each
            .map(|(number, pair)| {
                let work = &work;
                scope.spawn(move || work(number, pair).with_context(|| format!("pair {number}")))
            })
            .collect();
        let each = threads.into_iter();
        each.map(|it| it.join().map_err(|_| anyhow!("a peer panicked"))?)
            .collect()
    })
}

/// How many bytes went out before nothing moved for [`BLOCKED_AFTER`]; then FIN.
fn send_until_blocked(
    mut sender: &TcpStream,
    number: usize,
    chunk: usize,
    block: &Block,
) -> Result<u64> {
    let stream = block.stream(number as u64);
    let mut buffer = vec![0; chunk];
    let mut at = 0;
    while at <= BETWEEN_MAX {
        stream.fill(at, &mut buffer);
        match sender.write(&buffer) {
            Ok(n) => at += n as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                sender.shutdown(Shutdown::Write)?;
                return Ok(at);
            }
            Err(error) => return Err(error).context("send"),
        }
    }
    bail!("still not blocked after {at} bytes")
}

fn read_all(mut reader: &TcpStream, number: usize, n_bytes: u64, block: &Block) -> Result<()> {
    let mut check = Check::new(block.stream(number as u64));
    let mut buffer = vec![0; 65_536];
    loop {
        match reader.read(&mut buffer).context("receive")? {
            0 => return check.is_complete(n_bytes),
            n => check.take(&buffer[..n])?,
        }
    }
}
