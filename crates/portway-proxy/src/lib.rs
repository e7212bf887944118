//! Moves the bytes: one worker thread per core, each with its own sockets, connections and timers.
//!
//! In: [`RoutingTable`]s. Out: [`Report`]s and bytes. Never: the control plane's words, YAML,
//! Kubernetes, an async runtime; `unsafe` outside `sys`.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use portway_engine::record::ConnRecord;
use portway_engine::table::{ListenerKey, RoutingTable, TableVersion};

/// What a proxy needs to know before its first table.
#[derive(Debug, Clone)]
pub struct Config {
    /// Worker threads.
    pub workers: NonZeroUsize,
    /// Longest wait for one dial.
    pub dial_timeout: Duration,
}

/// A fact that goes up. Delivered over one bounded channel that never blocks a worker.
#[derive(Debug)]
pub enum Report {
    /// All workers have applied this version; `unbound` are the sockets that could not be bound.
    /// Sent again when a retry (every second) changes `unbound`.
    Applied {
        /// Which table.
        version: TableVersion,
        /// Sockets that could not be bound, and why.
        unbound: Vec<(ListenerKey, io::Error)>,
    },
    /// A connection is over.
    Closed(Box<ConnRecord>),
    /// Accepting paused (`true`) or resumed because descriptors ran out.
    AcceptPaused(bool),
    /// A worker panicked; the process must end with exit code 70.
    WorkerDied,
}

/// The running data plane.
#[derive(Debug)]
pub struct Proxy {}

impl Proxy {
    /// Starts the workers; they listen on nothing until the first table.
    ///
    /// # Errors
    /// When a thread, an epoll or an eventfd cannot be had.
    pub fn start(
        _config: &Config,
        _reports: std::sync::mpsc::SyncSender<Report>,
    ) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Hands a table to all workers; newest wins. [`Report::Applied`] tells when all have it.
    pub fn apply(&self, _table: Arc<RoutingTable>) {}

    /// Live facts for the status: open connections by listener.
    pub fn open_connections(&self) -> u64 {
        0
    }

    /// Stops accepting, waits up to `drain` for connections to finish, then resets what is left.
    pub fn shutdown(self, _drain: Duration) {}

    /// A socket this proxy has bound, if `addr` asked for port 0 (tests).
    pub fn bound(&self, _key: ListenerKey) -> Option<SocketAddr> {
        None
    }
}
