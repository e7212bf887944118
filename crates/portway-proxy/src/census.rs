//! Which connections are open: each worker is asked, and answers between two batches.
//!
//! In: what is [`Wanted`]. Out: a [`Page`] of [`LiveConnection`]s. Never: a lock that a worker
//! could wait for; a question that makes it look at more than some thousand connections.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use portway_engine::conn::{Connection, Stage};
use portway_engine::record::{DialError, Relayed};
use portway_engine::time::Moment;

/// Which connections somebody wants to see. What is `None` may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Name of the listener.
    pub listener: Option<String>,
    /// Name of the route.
    pub route: Option<String>,
    /// Name of the backend.
    pub backend: Option<String>,
    /// The endpoint that is dialled or serves.
    pub endpoint: Option<SocketAddr>,
    /// Address of the client.
    pub client: Option<IpAddr>,
    /// Port of the client.
    pub client_port: Option<u16>,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor {
    /// Number of the worker.
    pub worker: u32,
    /// Place among its connections.
    pub place: u32,
}

/// Some of the connections that are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// In no order that means anything, but always in the same.
    pub connections: Vec<LiveConnection>,
    /// Where to go on; `None`: that was all.
    pub next: Option<Cursor>,
    /// Workers that did not answer in time, as those that have ended.
    pub silent: Vec<u32>,
}

/// A connection that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveConnection {
    /// Number of the worker that serves it.
    pub worker: u32,
    /// The client's address as accepted.
    pub client: SocketAddr,
    /// Name of the listener that accepted it.
    pub listener: Arc<str>,
    /// Name of the route that got it, if any.
    pub route: Option<Arc<str>>,
    /// Name of the backend it was given to, if any.
    pub backend: Option<Arc<str>>,
    /// The endpoint that is dialled or serves.
    pub endpoint: Option<SocketAddr>,
    /// Dials that failed before, in order.
    pub failed_dials: Vec<(SocketAddr, DialError)>,
    /// Bytes relayed so far.
    pub relayed: Relayed,
    /// Since when it is open.
    pub age: Duration,
    /// How far it is.
    pub stage: Stage,
    /// Whether it lost its place in the configuration and is to end.
    pub draining: bool,
}

/// A question to one worker.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) wanted: Arc<Wanted>,
    /// The first place to look at.
    pub(crate) from: u32,
    /// Connections to tell at most.
    pub(crate) n_max: usize,
    pub(crate) answer: SyncSender<Part>,
}

/// An answer of one worker.
#[derive(Debug)]
pub(crate) struct Part {
    /// Those found, each with its place.
    pub(crate) found: Vec<(u32, LiveConnection)>,
    /// The place to go on from; `None`: that was all.
    pub(crate) next: Option<u32>,
}

impl Wanted {
    /// Whether this is one of them.
    pub(crate) fn includes(&self, connection: &Connection) -> bool {
        let is = |wanted: &Option<String>, name: Option<&Arc<str>>| {
            let wanted = wanted.as_deref();
            wanted.is_none_or(|it| name.is_some_and(|name| **name == *it))
        };
        let listener = connection.listener();
        let (client, endpoint) = (connection.client(), connection.endpoint());
        self.client.is_none_or(|it| it == client.ip())
            && self.client_port.is_none_or(|it| it == client.port())
            && self.endpoint.is_none_or(|it| endpoint == Some(it))
            && is(&self.listener, Some(&listener.name))
            && is(&self.route, listener.route.as_ref().map(|it| &it.name))
            && is(&self.backend, connection.backend().map(|it| &it.name))
    }
}

impl LiveConnection {
    /// Shows a connection of a worker that fills in its own number later.
    pub(crate) fn of(connection: &Connection, relayed: Relayed, now: Moment) -> Self {
        let listener = connection.listener();
        Self {
            worker: 0,
            client: connection.client(),
            listener: Arc::clone(&listener.name),
            route: listener.route.as_ref().map(|it| Arc::clone(&it.name)),
            backend: connection.backend().map(|it| Arc::clone(&it.name)),
            endpoint: connection.endpoint(),
            failed_dials: connection.failed_dials().to_vec(),
            relayed,
            age: now.since(connection.started()),
            stage: connection.stage(),
            draining: connection.is_draining(),
        }
    }
}
