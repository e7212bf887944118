//! A connection of a job.

use std::net::TcpStream;

use anyhow::{Context, Result};

use crate::args::DriveArgs;
use crate::limits::DEADLINE;

/// Connects; connection number `index` of this thread chooses the address.
pub(crate) fn connect(args: &DriveArgs, index: usize) -> Result<TcpStream> {
    let to = args.target(index).context("no address")?;
    let stream = TcpStream::connect_timeout(&to, DEADLINE);
    let stream = stream.with_context(|| format!("connect to {to}"))?;
    stream.set_nodelay(true).context("send at once")?;
    Ok(stream)
}
