//! One TCP connection and its backend leg, as a machine: facts in, actions out.
//!
//! In: a listener and a ticket at birth, [`Event`]s, a [`crate::time::Moment`]. Out: [`Action`]s,
//! then one [`crate::record::ConnRecord`]. Never: bytes. After [`Action::Relay`] the shell moves
//! them by itself and tells only how each direction ended.

mod connection;
#[cfg(test)]
mod tests;

pub use connection::Connection;

use std::net::SocketAddr;

use crate::record::{CloseReason, DialError};
use crate::time::Moment;

/// One of the two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one who connected to us.
    Client,
    /// The one we connected to.
    Backend,
}

impl Side {
    /// The end across.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Backend,
            Self::Backend => Self::Client,
        }
    }
}

/// How reading from a side came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// FIN, and every byte before it has been written to the other side.
    Eof,
    /// RST (`ECONNRESET`, `EPIPE`).
    Reset,
    /// The peer stopped acknowledging (`ETIMEDOUT`).
    Timeout,
    /// Anything else the kernel said, as errno.
    Other(i32),
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// No endpoint is reached yet.
    Dialling,
    /// Bytes may go both ways.
    Relaying,
    /// This side has sent its FIN; bytes go one way.
    HalfClosed(Side),
    /// It is over.
    Closed,
}

impl Stage {
    /// The name for people and machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dialling => "dialling",
            Self::Relaying => "relaying",
            Self::HalfClosed(Side::Client) => "client_finished",
            Self::HalfClosed(Side::Backend) => "backend_finished",
            Self::Closed => "closed",
        }
    }
}

/// A fact the shell reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The dial of the last [`Action::Dial`] is connected.
    Dialled,
    /// The dial of the last [`Action::Dial`] failed.
    DialFailed(DialError),
    /// Nothing more comes from this side. Any end but [`End::Eof`] means that nothing can be
    /// written to it either: it is also how a failed write is told, and may follow an `Eof`.
    Ended(Side, End),
    /// The deadline has passed, or may have.
    Tick,
    /// It has lost its place in the configuration and is to end then; `None`: it may stay after all
    /// (see [`crate::drain`]).
    Drain(Option<Moment>),
    /// This machine lacks what it takes to go on with this connection (memory, descriptors).
    OutOfResources,
    /// This process ends now.
    Shutdown,
}

/// What the shell must do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Connect to this address without blocking; a dial under way is given up first.
    Dial(SocketAddr),
    /// Move bytes both ways until each direction ends.
    Relay,
    /// Send FIN to this side; the other direction goes on.
    ShutdownWrite(Side),
    /// The last action: close both sockets as told and keep the record.
    Close(Farewell),
}

/// How both sockets are closed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// How the client sees the end.
    pub client: HowToClose,
    /// How the endpoint sees the end.
    pub backend: HowToClose,
    /// Who ended it, and why.
    pub reason: CloseReason,
}

/// How one socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowToClose {
    /// An ordinary close: FIN if none was sent yet.
    Fin,
    /// RST (`SO_LINGER` 0).
    Reset,
}
