//! What goes up from the data plane.

use std::io;

use portway_engine::record::ConnRecord;
use portway_engine::table::{ListenerKey, TableVersion};

/// A fact that goes up. Delivered over one bounded channel that never blocks a worker: records are
/// dropped (and counted) while it is full, but for the last ones of a worker that ends, which wait up to
/// a second; the other facts wait for room.
#[derive(Debug)]
pub enum Report {
    /// All workers have applied this version; `unbound` are the sockets that could not be bound.
    /// Sent again when a retry (every second) changes `unbound`.
    Applied {
        /// Which table.
        version: TableVersion,
        /// Sockets that could not be bound, and why. The IPv6 wildcard has `EAFNOSUPPORT` on a host
        /// without IPv6.
        unbound: Vec<(ListenerKey, io::Error)>,
    },
    /// A connection is over.
    Closed(Box<ConnRecord>),
    /// Accepting paused (`true`) or resumed because descriptors ran out.
    AcceptPaused(bool),
    /// A worker panicked; the process must end with exit code 70.
    WorkerDied,
}
