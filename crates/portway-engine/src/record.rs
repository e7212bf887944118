//! What remains of a connection when it is over: one [`ConnRecord`] with one [`CloseReason`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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
    /// The client's socket failed in another way, with this errno.
    ClientError(i32),
    /// The endpoint's socket failed in another way, with this errno.
    BackendError(i32),
    /// No endpoint could be reached; the client was reset.
    DialFailed,
    /// The client went away before an endpoint was reached.
    ClientGone,
    /// The configuration gives this stream nothing; it was accepted and reset.
    Rejected(RejectReason),
    /// Its endpoint, backend or route was taken away, and the drain asked for gave it no more time.
    Drained,
    /// This instance ended before the connection did.
    Shutdown,
    /// The machine ran out of something (descriptors, memory, ports) in the middle.
    OutOfResources,
}

impl CloseReason {
    /// Every reason there is, for docs and for metrics that start at zero; errno is 0 in it.
    pub const ALL: [Self; 18] = [
        Self::Finished,
        Self::ClientReset,
        Self::BackendReset,
        Self::ClientTimeout,
        Self::BackendTimeout,
        Self::ClientError(0),
        Self::BackendError(0),
        Self::DialFailed,
        Self::ClientGone,
        Self::Rejected(RejectReason::NoRoute),
        Self::Rejected(RejectReason::NoWeight),
        Self::Rejected(RejectReason::InvalidBackend),
        Self::Rejected(RejectReason::NotPermitted),
        Self::Rejected(RejectReason::NoEndpoint),
        Self::Rejected(RejectReason::Loop),
        Self::Drained,
        Self::Shutdown,
        Self::OutOfResources,
    ];

    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::ClientReset => "client_reset",
            Self::BackendReset => "backend_reset",
            Self::ClientTimeout => "client_timeout",
            Self::BackendTimeout => "backend_timeout",
            Self::ClientError(_) => "client_error",
            Self::BackendError(_) => "backend_error",
            Self::DialFailed => "dial_failed",
            Self::ClientGone => "client_gone",
            Self::Rejected(RejectReason::NoRoute) => "rejected_no_route",
            Self::Rejected(RejectReason::NoWeight) => "rejected_no_weight",
            Self::Rejected(RejectReason::InvalidBackend) => "rejected_invalid_backend",
            Self::Rejected(RejectReason::NotPermitted) => "rejected_not_permitted",
            Self::Rejected(RejectReason::NoEndpoint) => "rejected_no_endpoint",
            Self::Rejected(RejectReason::Loop) => "rejected_loop",
            Self::Drained => "drained",
            Self::Shutdown => "shutdown",
            Self::OutOfResources => "out_of_resources",
        }
    }

    /// What happened, in a sentence for people and docs.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Finished => "both sides sent their FIN and every byte was delivered",
            Self::ClientReset => "the client reset the connection",
            Self::BackendReset => "the endpoint reset the connection",
            Self::ClientTimeout => "the client stopped acknowledging",
            Self::BackendTimeout => "the endpoint stopped acknowledging",
            Self::ClientError(_) => "the client's socket failed",
            Self::BackendError(_) => "the endpoint's socket failed",
            Self::DialFailed => "no endpoint of the chosen backend could be reached",
            Self::ClientGone => "the client went away before an endpoint was reached",
            Self::Rejected(reason) => reason.sentence(),
            Self::Drained => {
                "its endpoint or route was taken away, and the drain asked for gave no more time"
            }
            Self::Shutdown => "this instance ended before the connection did",
            Self::OutOfResources => "this machine ran out of descriptors, memory or local ports",
        }
    }
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
    /// How long the dial took that reached the endpoint.
    pub dial_time: Option<Duration>,
    /// What the kernel knew of the way to the client, if it was asked.
    pub client_path: Option<Path>,
    /// What the kernel knew of the way to the endpoint, if it was asked.
    pub backend_path: Option<Path>,
}

/// What TCP has learnt about the way to one side (`TCP_INFO`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Path {
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Segments that were sent again.
    pub retransmits: u32,
}

/// Bytes that were relayed, each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Relayed {
    /// From client to endpoint.
    pub to_backend: u64,
    /// From endpoint to client.
    pub to_client: u64,
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

impl DialError {
    /// Every error there is, for docs and for metrics that start at zero; errno is 0 in it.
    pub const ALL: [Self; 5] = [
        Self::Refused,
        Self::Unreachable,
        Self::TimedOut,
        Self::OutOfResources,
        Self::Other(0),
    ];

    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::OutOfResources => "out_of_resources",
            Self::Other(_) => "other",
        }
    }

    /// What happened, in a sentence for people and docs.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Refused => "nothing listens at that address and port",
            Self::Unreachable => "there is no way to that address",
            Self::TimedOut => "no answer within the dial timeout",
            Self::OutOfResources => "this machine had no descriptor, memory or local port left",
            Self::Other(_) => "the kernel gave another error, whose number the record holds",
        }
    }
}

#[cfg(test)]
mod tests;
