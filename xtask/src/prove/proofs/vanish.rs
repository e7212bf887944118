//! An endpoint whose process is killed in mid-stream: its clients are reset at once, and new ones
//! go to the endpoint that is left.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::prove::gateway::{Gateway, Settings};
use crate::prove::manifest::Plan;
use crate::prove::peer::Remote;
use crate::prove::sockets;
use crate::prove::stage::Stage;
use crate::tally::say;

/// Connections that stream when it happens, half of them to each endpoint.
const STREAMING: usize = 20;

/// New connections afterwards, none of which may fail.
const AFTERWARDS: usize = 100;

/// Longest time until the last client knows.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let (stays, goes) = (Remote::start(stage, "s")?, Remote::start(stage, "g")?);
    let plan = Plan::to(&[stays.addr(), goes.addr()])?;
    let mut gateway = Gateway::start(stage, &plan, &Settings::default())?;
    let addr = gateway.addr(0)?;
    let streams = (0..STREAMING).map(|_| greeted(addr));
    let streams = streams.collect::<Result<Vec<_>>>()?;
    let n_doomed = streams.iter().filter(|(name, _)| *name == b'g').count();
    ensure!(
        n_doomed == STREAMING / 2,
        "{n_doomed} of {STREAMING} went to the endpoint that is to go: not round robin"
    );
    let (doomed, safe): (Vec<_>, Vec<_>) = streams.into_iter().partition(|(name, _)| *name == b'g');

    let killed = thread::scope(|scope| {
        let both = |(_, stream): &'_ (u8, TcpStream)| {
            let (writer, reader) = (stream.try_clone()?, stream.try_clone()?);
            let writing = scope.spawn(move || pour(&writer));
            let reading = scope.spawn(move || drain(&reader));
            Ok((writing, reading))
        };
        let streaming = doomed.iter().map(both).collect::<Result<Vec<_>>>()?;
        // Bytes flow on each before it happens.
        let flowing = doomed.iter().try_for_each(|(_, stream)| flows(stream));
        let killed = Instant::now();
        goes.kill();
        for (writing, reading) in streaming {
            let wrote = writing.join().map_err(|_| anyhow!("a writer panicked"))?;
            let read = reading.join().map_err(|_| anyhow!("a reader panicked"))?;
            is_reset(wrote, read)?;
        }
        flowing?;
        Ok::<_, anyhow::Error>(killed.elapsed())
    })?;
    ensure!(
        killed <= KNOWN_WITHIN,
        "the last client knew after {killed:?}"
    );
    say(&format!(
        "  {n_doomed} clients in mid-stream were reset within {killed:.0?}"
    ));

    for (_, stream) in &safe {
        echoes(stream).context("a stream to the other endpoint")?;
    }
    for number in 0..AFTERWARDS {
        let (name, stream) = greeted(addr).with_context(|| format!("new connection {number}"))?;
        ensure!(
            name == b's',
            "new connection {number} went to the dead endpoint"
        );
        echoes(&stream)?;
    }
    gateway.wait_for("endpoint skipped after a failed dial")?;
    say(&format!(
        "  the {} others went on; {AFTERWARDS} new connections all reached the other endpoint",
        safe.len()
    ));
    drop(safe);
    gateway.end()
}

/// Connects, and hears from whom.
fn greeted(addr: SocketAddr) -> Result<(u8, TcpStream)> {
    let mut stream = sockets::connect(addr)?;
    let mut name = [0];
    stream
        .read_exact(&mut name)
        .context("wait for the greeting")?;
    Ok((name[0], stream))
}

/// Writes as long as it goes, and gives how it ended.
fn pour(mut stream: &TcpStream) -> ErrorKind {
    let bytes = vec![7; 65_536];
    loop {
        if let Err(error) = stream.write_all(&bytes) {
            return error.kind();
        }
    }
}

/// Reads as long as it goes, and gives how it ended; `None` is a FIN.
fn drain(mut stream: &TcpStream) -> Option<ErrorKind> {
    let mut buffer = vec![0; 65_536];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(error.kind()),
        }
    }
}

/// The kernel tells of a reset once, to the reader or to the writer; the other sees the end then.
fn is_reset(wrote: ErrorKind, read: Option<ErrorKind>) -> Result<()> {
    let reset = ErrorKind::ConnectionReset;
    if wrote == reset || read == Some(reset) {
        return Ok(());
    }
    match read {
        None => bail!("a FIN: a broken stream would be taken for a whole one"),
        Some(error) => bail!("neither bytes nor a reset: {error}"),
    }
}

/// Waits until bytes come back, and leaves them there.
fn flows(stream: &TcpStream) -> Result<()> {
    ensure!(
        stream.peek(&mut [0])? == 1,
        "the stream ended before its time"
    );
    Ok(())
}

fn echoes(mut stream: &TcpStream) -> Result<()> {
    stream.write_all(b"hello")?;
    let mut heard = [0; 5];
    stream.read_exact(&mut heard)?;
    ensure!(&heard == b"hello", "something else came back");
    Ok(())
}
