//! The routing table: Listener → Route → Backend → Endpoint, closed and validated.
//!
//! In: a [`TableSpec`], the only form that is stored or sent. Out: a [`RoutingTable`] in which every
//! id resolves, proven by [`RoutingTable::build`]. Never: a "not found" path for the data plane.

mod build;
pub mod diff;
pub mod show;
#[cfg(test)]
mod tests;

pub use build::TableError;

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a table is built from: a plain tree, the boundary type for files and the feed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableSpec {
    /// Sockets to listen on and what to do with their streams.
    pub listeners: Vec<ListenerSpec>,
    /// Routes that listeners name by `name`.
    pub routes: Vec<RouteSpec>,
}

/// One declared listener: a name for people and the addresses it binds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerSpec {
    /// For people, logs and metrics; unique in the table.
    pub name: Arc<str>,
    /// Transport of its sockets.
    pub protocol: Protocol,
    /// Sockets to bind; an unspecified IPv6 address means IPv6 only (`IPV6_V6ONLY`).
    pub binds: Vec<SocketAddr>,
    /// The route that gets its streams; `None`: every stream is accepted and reset.
    pub route: Option<Arc<str>>,
}

/// Where the streams of a listener go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// For people, logs and metrics; unique in the table and the same from table to table: tickets
    /// are kept by it.
    pub name: Arc<str>,
    /// Weighted targets.
    pub backends: Vec<BackendSpec>,
}

/// A weighted target of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendSpec {
    /// For people, logs and metrics; unique in its route.
    pub name: Arc<str>,
    /// Its share is `weight` over the sum of its route's weights; 0 gets nothing.
    pub weight: u32,
    /// What its share gets.
    pub target: TargetSpec,
}

/// What the share of a backend gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetSpec {
    /// One of these addresses; must not be empty.
    Endpoints(Vec<SocketAddr>),
    /// An active rejection: accepted, then reset.
    Reject(RejectReason),
}

/// Transport of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// A stream relayed as it is.
    Tcp,
}

/// Why a stream is accepted and then reset. A closed set: logs, metrics and records use these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RejectReason {
    /// No route is attached to the listener.
    NoRoute,
    /// The route's weights sum to zero.
    NoWeight,
    /// The backend does not exist, is of an unknown kind, or is refused.
    InvalidBackend,
    /// The backend lies in another namespace that grants no access.
    NotPermitted,
    /// The backend has no endpoint that may be used.
    NoEndpoint,
    /// The endpoint is a listener of this instance; dialling it would loop.
    Loop,
}

/// Which state of the configuration a table shows; grows with each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableVersion(pub u64);

/// Index of a listener in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub(crate) u32);

/// Which state of the configuration the workers route by.
#[derive(Debug)]
pub struct RoutingTable {
    version: TableVersion,
    listeners: Vec<Arc<Listener>>,
}

/// A planned listener. A connection keeps the [`Route`] it was born with, never the whole table.
#[derive(Debug, PartialEq, Eq)]
pub struct Listener {
    /// For people, logs and metrics.
    pub name: Arc<str>,
    /// Sockets to bind.
    pub keys: Vec<ListenerKey>,
    /// The route that gets its streams.
    pub route: Option<Arc<Route>>,
}

/// A planned route; shared with the table before when nothing of it changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// For people, logs and metrics; tickets are kept by it.
    pub name: Arc<str>,
    /// Weighted targets.
    pub backends: Vec<BackendSpec>,
}

/// What stays the same of a listening socket between tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListenerKey {
    /// Transport of the socket.
    pub protocol: Protocol,
    /// Address and port it is bound to.
    pub addr: SocketAddr,
}
