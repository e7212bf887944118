//! The routing table: Listener → Route → Backend → Endpoint, closed and validated.
//!
//! In: a [`TableSpec`], the only form that is stored or sent. Out: a [`RoutingTable`] in which
//! every name and id resolves, proven by [`RoutingTable::build`]; `to_string` shows it, one fact a
//! line. Never: a "not found" path for the data plane.
//!
//! A table is not changed but replaced. What two tables have in common they share ([`Listener`] and
//! [`Route`] behind `Arc`), so a new table costs what changed, and [`diff::diff`] says what that
//! is.

mod build;
mod check;
pub mod diff;
pub mod show;
#[cfg(test)]
mod tests;

pub use check::TableError;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::balance::Shares;

/// What a table is built from: a plain tree, the boundary type for files and the feed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableSpec {
    /// Sockets to listen on and what to do with their streams.
    pub listeners: Vec<ListenerSpec>,
    /// Routes that listeners name by `name`.
    pub routes: Vec<RouteSpec>,
    /// What open connections get that have lost their place, where something was said of it;
    /// ascending, no pair of route and backend twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drains: Vec<DrainSpec>,
    /// All that permits a route of one place to use a backend of another; ascending, none twice. `None`:
    /// not known, and then nothing is taken for revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Arc<[GrantSpec]>>,
}

/// A permission, that of routes for backends. It stands apart from both, since who lost it may be in no
/// table any more: a backend that its route gave up before, say, whose connections were kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GrantSpec {
    /// How the names of the routes begin.
    pub routes: Arc<str>,
    /// How the names of the backends begin.
    pub backends: Arc<str>,
}

/// What open connections of a route get when their endpoint is no longer the route's. A route that
/// is named here need not be in the table: it may still exist and get no connections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DrainSpec {
    /// The route.
    pub route: Arc<str>,
    /// Those of one backend only; before what is said of all.
    pub backend: Option<Arc<str>>,
    /// What they get.
    pub drain: Drain,
}

/// What an open connection gets that has lost its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Drain {
    /// All the time it wants.
    Keep,
    /// An end at some moment within this time, each its own.
    Spread(Duration),
    /// An end at once.
    Now,
}

/// One declared listener: a name for people and the addresses it binds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerSpec {
    /// For people, logs and metrics; unique in the table.
    pub name: Arc<str>,
    /// Transport of its sockets.
    pub protocol: Protocol,
    /// Sockets to bind, none of which another listener binds; an unspecified IPv6 address means
    /// IPv6 only (`IPV6_V6ONLY`).
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
    /// For people, logs and metrics. A route may name one target twice, so it need not be unique.
    pub name: Arc<str>,
    /// Its share is `weight` over the sum of its route's weights; 0 gets nothing.
    pub weight: u32,
    /// What its share gets.
    pub target: TargetSpec,
}

/// What the share of a backend gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetSpec {
    /// One of these addresses, in turns; must not be empty nor name one address twice.
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

/// Why a stream is accepted and then reset. A closed set: logs, metrics and records use these
/// names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RejectReason {
    /// No route is attached to the listener.
    NoRoute,
    /// The route's weights sum to zero.
    NoWeight,
    /// The backend does not exist, is of an unknown kind, or is refused.
    InvalidBackend,
    /// The backend lies in a place that grants the route no access.
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

/// Which state of the configuration the workers route by: closed and validated.
#[derive(Debug)]
pub struct RoutingTable {
    version: TableVersion,
    listeners: Vec<Arc<Listener>>,
    routes: Vec<Arc<Route>>,
    drains: Vec<DrainSpec>,
    grants: Option<Arc<[GrantSpec]>>,
}

/// A planned listener. A connection keeps the one it was born with, never the whole table.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listener {
    /// For people, logs and metrics.
    pub name: Arc<str>,
    /// Sockets to bind.
    pub keys: Vec<ListenerKey>,
    /// The route that gets its streams; `None`: every stream is accepted and reset.
    pub route: Option<Arc<Route>>,
}

/// A planned route; shared with the table before when nothing of it changed.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// For people, logs and metrics; tickets are kept by it.
    pub name: Arc<str>,
    /// Weighted targets.
    pub backends: Vec<BackendSpec>,
    /// Whose turn it is, made from the weights of `backends`.
    pub(crate) shares: Shares,
}

impl RoutingTable {
    /// Which state of the configuration this shows.
    pub fn version(&self) -> TableVersion {
        self.version
    }

    /// All listeners with their ids, in the order of the spec.
    pub fn listeners(&self) -> impl Iterator<Item = (ListenerId, &Arc<Listener>)> {
        (0..).map(ListenerId).zip(&self.listeners)
    }

    /// All routes in the order of the spec, also those that no listener names.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// What is said of connections that have lost their place, in the order of the spec.
    pub fn drains(&self) -> &[DrainSpec] {
        &self.drains
    }

    /// All that permits routes to use backends of other places, ascending; `None`: not known.
    pub fn grants(&self) -> Option<&[GrantSpec]> {
        self.grants.as_deref()
    }

    /// The grants that `after` has no more; none where one of the two is not known to have all.
    pub fn grants_gone_in<'t>(&'t self, after: &'t Self) -> impl Iterator<Item = &'t GrantSpec> {
        let both = self.grants().zip(after.grants());
        let both = both.filter(|(before, after)| !std::ptr::eq(*before, *after));
        both.into_iter().flat_map(|(before, after)| {
            let before = before.iter();
            before.filter(move |it| after.binary_search(it).is_err())
        })
    }
}

impl TargetSpec {
    /// The addresses it may dial; none for a rejection.
    pub fn endpoints(&self) -> &[SocketAddr] {
        match self {
            Self::Endpoints(endpoints) => endpoints,
            Self::Reject(_) => &[],
        }
    }
}

impl RejectReason {
    /// The name in logs, metrics and `show`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRoute => "no_route",
            Self::NoWeight => "no_weight",
            Self::InvalidBackend => "invalid_backend",
            Self::NotPermitted => "not_permitted",
            Self::NoEndpoint => "no_endpoint",
            Self::Loop => "loop",
        }
    }

    /// What is missing, in a sentence for people and docs.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NoRoute => "no route is attached to the listener",
            Self::NoWeight => "the weights of the route sum to zero",
            Self::InvalidBackend => {
                "the chosen backend does not exist, is of an unknown kind, or is refused"
            }
            Self::NotPermitted => "the route has no permission to use the chosen backend",
            Self::NoEndpoint => "the chosen backend has no endpoint that may be used",
            Self::Loop => "the chosen endpoint is a listener of this instance",
        }
    }
}

/// What stays the same of a listening socket between tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListenerKey {
    /// Transport of the socket.
    pub protocol: Protocol,
    /// Address and port it is bound to.
    pub addr: SocketAddr,
}
