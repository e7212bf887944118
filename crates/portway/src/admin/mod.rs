//! The admin server: what a running instance tells about itself, over HTTP on loopback or a socket.
//!
//! In: [`Door`]s to listen at, a [`View`] to tell. Out: answers. Never: a change of anything; an
//! answer to another origin; a wait of the data path for whoever asks. Spec: RFC 9110, RFC 9112.
//!
//! Every role uses the same front door:
//!
//! ```text
//!  let admin = admin::serve(&doors, view)?;      binds at once, answers on a thread of its own
//!  drop(admin)                                   closes, and removes its socket file
//! ```
//!
//! `run` opens 127.0.0.1:9180 and a Unix socket. In a Pod a door with [`Reach::Probes`] stands on
//! the Pod's address ([`PROBES_PORT`]) and tells nothing but health, readiness and metrics.

mod answer;
mod client;
mod door;
mod query;
mod request;
mod seats;
mod serve;
#[cfg(test)]
mod tests;

pub(crate) use client::ask;
pub(crate) use door::{At, Door, Wanted, default_socket};
pub(crate) use query::{Client, Cursor, Query, SUBJECT};
#[cfg(test)]
pub(crate) use query::{PARAMETERS, SUBJECTS};
pub(crate) use request::Reach;
#[cfg(test)]
pub(crate) use request::{ASKS, Everywhere};
pub(crate) use serve::serve;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use serde_json::Value;

/// Where the admin server listens unless told otherwise.
pub(crate) const ADMIN_ADDR: SocketAddr =
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9180));

/// Where a Pod tells health, readiness and metrics.
pub(crate) const PROBES_PORT: u16 = 15021;

/// What an instance tells about itself. Each call is for one request, on a thread that may wait.
pub(crate) trait View: Send + Sync {
    /// Whether it takes connections.
    fn readiness(&self) -> Readiness;

    /// What it waits for before it takes connections, where that can be said.
    fn waits_for(&self) -> Option<String> {
        None
    }

    /// All metrics, in the Prometheus text format.
    fn metrics(&self) -> String;

    /// What it serves; `None` if this role serves nothing.
    fn status(&self) -> Option<Value>;

    /// Connections that are open; `None` if this role has none.
    fn connections(&self, query: &Query) -> Option<Value>;

    /// Why something is as it is.
    ///
    /// # Errors
    /// When that is not known here.
    fn explain(&self, subject: &str) -> Result<Value, Unexplained>;
}

/// Why something is not explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unexplained {
    /// No object can be meant by that.
    #[error("{0}")]
    NoSubject(String),
    /// There is none such.
    #[error("{0}")]
    Unknown(String),
    /// It has its table from a controller, and no objects.
    #[error(
        "a proxy has a table and no objects: ask the cluster, with \
         `portway explain SUBJECT --kube`"
    )]
    NoObjects,
    /// It has read none yet.
    #[error("nothing is served yet")]
    TooEarly,
}

/// Whether an instance takes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Its first table is not applied by every worker yet.
    Starting,
    /// It takes connections.
    Ready,
    /// It takes no more and lets the open ones finish.
    Draining,
}

impl Readiness {
    /// The word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}
