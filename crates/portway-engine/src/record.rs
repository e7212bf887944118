//! What remains of a connection when it is over: one [`ConnRecord`] with one [`CloseReason`].

use std::net::SocketAddr;
use std::sync::Arc;

use crate::table::RejectReason;
use crate::time::Moment;

/// Who ended a connection, and why. A closed set: logs, metrics and docs use [`CloseReason::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseReason {
    /// Both sides sent their FIN and all bytes were delivered.
    Finished,
    /// The client reset the connection.
    ClientReset,
    /// The endpoint reset the connection.
    BackendReset,
    /// The client stopped acknowledging (keepalive or user timeout).
    ClientTimeout,
    /// The endpoint stopped acknowledging (keepalive or user timeout).
    BackendTimeout,
    /// No endpoint could be reached; the client was reset.
    DialFailed,
    /// The client went away before an endpoint was reached.
    ClientGone,
    /// The configuration gives this stream nothing; it was accepted and reset.
    Rejected(RejectReason),
    /// This instance ended before the connection did.
    Shutdown,
    /// The machine ran out of something (descriptors, memory, ports) in the middle.
    OutOfResources,
}

/// The facts of one finished connection, for the log, metrics and `explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnRecord {
    /// Name of the listener that accepted it.
    pub listener: Arc<str>,
    /// Name of the route that got it, if any.
    pub route: Option<Arc<str>>,
    /// Name of the backend it was given to, if any.
    pub backend: Option<Arc<str>>,
    /// The endpoint that served it, if one was reached.
    pub endpoint: Option<SocketAddr>,
    /// The client's address as accepted.
    pub client: SocketAddr,
    /// When it was accepted.
    pub started: Moment,
    /// When the last side was closed.
    pub ended: Moment,
    /// Bytes relayed from client to endpoint.
    pub bytes_to_backend: u64,
    /// Bytes relayed from endpoint to client.
    pub bytes_to_client: u64,
    /// Dials that failed before, in order: the address and why.
    pub failed_dials: Vec<(SocketAddr, DialError)>,
    /// Who ended it, and why.
    pub reason: CloseReason,
}

/// Why a dial failed. A closed set; the shell maps errno to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DialError {
    /// Nothing listens there (`ECONNREFUSED`).
    Refused,
    /// No way there (`EHOSTUNREACH`, `ENETUNREACH`, …).
    Unreachable,
    /// No answer within the dial timeout.
    TimedOut,
    /// This machine could not dial: descriptors, memory or local ports used up.
    OutOfResources,
    /// Anything else the kernel answered, as errno.
    Other(i32),
}
