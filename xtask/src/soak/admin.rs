//! What the gateway says of the files it reads.
//!
//! In: where its admin server is. Out: when a broken file was heard of, and when it was mended. Never:
//! a wait without an end.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::prove::limits::DEADLINE;
use crate::prove::sockets;

/// Files that are broken, so that what they held before stays. It is told once what came of them is
/// applied.
const UNUSED: &str = "portway_config_files_unused ";

/// How often it is asked.
const LOOK: Duration = Duration::from_millis(2);

/// Waits until it says that so many files are broken.
///
/// # Errors
/// When it does not in time.
pub(crate) fn until_unused(admin: SocketAddr, files: u64) -> Result<()> {
    let (start, mut said) = (Instant::now(), None);
    while start.elapsed() < DEADLINE {
        said = Some(unused(admin)?);
        if said == Some(files) {
            return Ok(());
        }
        thread::sleep(LOOK);
    }
    bail!("{files} broken files not told of in {DEADLINE:?}, but {said:?}")
}

fn unused(admin: SocketAddr) -> Result<u64> {
    let mut stream = sockets::connect(admin)?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {admin}\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text).context("read metrics")?;
    let value = text.lines().find_map(|it| it.strip_prefix(UNUSED));
    let value = value.with_context(|| format!("no {UNUSED}in {text}"))?;
    value.parse().context("understand a metric")
}
