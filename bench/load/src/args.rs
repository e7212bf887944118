//! What is typed: a role, and for the client a job.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::limits::MESSAGE_BYTES;

/// Client and backend of a measurement
#[derive(Debug, clap::Parser)]
#[command(name = "portway-load", max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) role: Role,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Role {
    /// Be the backend until killed
    Serve(ServeArgs),
    /// Be the client: do one job, say what came of it, end
    Drive(DriveArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Where it listens; on every address it has, if given so.
    #[arg(long)]
    pub(crate) bind: SocketAddr,

    /// Threads that serve.
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DriveArgs {
    /// What to do.
    #[arg(value_enum)]
    pub(crate) job: Job,

    /// Where to connect; several addresses take turns.
    #[arg(long, required = true)]
    pub(crate) to: Vec<SocketAddr>,

    /// Threads that do it.
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,

    /// Connections at a time, over all threads.
    #[arg(long, default_value_t = 8)]
    pub(crate) conns: usize,

    /// Bytes of a request, and of its answer.
    #[arg(long, default_value_t = MESSAGE_BYTES)]
    pub(crate) bytes: usize,

    /// Bulk streams beside it (`requests`).
    #[arg(long, default_value_t = 0)]
    pub(crate) beside: usize,

    /// How many in all (`integrity`, `change`).
    #[arg(long, default_value_t = 100)]
    pub(crate) count: u32,

    /// Milliseconds that are measured.
    #[arg(long, default_value_t = 1000)]
    pub(crate) measure_ms: u64,

    /// Milliseconds before, which are not.
    #[arg(long, default_value_t = 300)]
    pub(crate) warm_up_ms: u64,

    /// Processes between client and backend, whose CPU time and memory are told.
    #[arg(long, value_delimiter = ',')]
    pub(crate) gateway: Vec<u32>,

    /// The backend's process.
    #[arg(long)]
    pub(crate) backend: Option<u32>,

    /// Where the backend says how transfers went on its side (`integrity`), past any gateway.
    #[arg(long)]
    pub(crate) tally: Option<SocketAddr>,

    /// The file that is replaced (`change`).
    #[arg(long)]
    pub(crate) file: Option<PathBuf>,

    /// What it is replaced by in turn, as FILE=ADDRESS: the address that only this one leads to.
    #[arg(long, value_parser = parse_version)]
    pub(crate) version: Vec<(PathBuf, IpAddr)>,
}

fn parse_version(text: &str) -> Result<(PathBuf, IpAddr), String> {
    let (file, addr) = text.split_once('=').ok_or("no `=` in it")?;
    let addr = addr.parse().map_err(|error| format!("{addr}: {error}"))?;
    Ok((file.into(), addr))
}

/// A job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Job {
    /// Streams from client to backend.
    Up,
    /// Streams from backend to client.
    Down,
    /// Streams both ways at once.
    Both,
    /// A request, its answer, the next request, on connections that stay.
    Requests,
    /// Connect, one request and its answer, close.
    Connects,
    /// Connections that stay and say nothing: what they cost in memory.
    Idle,
    /// Connections opened as fast as they can be, then dropped: what they cost, and how long after
    /// it the next client waits.
    Flood,
    /// A file changed, again and again: how long until a new connection obeys.
    Change,
    /// Transfers both ways with every order of half-closing, every byte compared.
    Integrity,
}

impl DriveArgs {
    pub(crate) fn measure(&self) -> Duration {
        Duration::from_millis(self.measure_ms)
    }

    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_millis(self.warm_up_ms)
    }

    /// The share of `conns` that falls to one thread.
    pub(crate) fn share(&self, thread: usize) -> usize {
        let threads = self.threads.max(1);
        self.conns / threads + usize::from(thread < self.conns % threads)
    }

    /// Where connection number `index` goes.
    pub(crate) fn target(&self, index: usize) -> Option<SocketAddr> {
        self.to.get(index % self.to.len().max(1)).copied()
    }
}

#[cfg(test)]
mod tests;
