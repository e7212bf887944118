//! All tallies of a proxy, by what they are about: so that numbers go on from table to table.
//!
//! In: tables. Out: for each worker the [`Tallies`] of each listener; sums for whoever asks. Never:
//! the data path; workers hold their tallies and never look here. What is about a thing that no
//! table and no connection has any more is forgotten; beyond a bound things are counted together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use portway_engine::record::{CloseReason, DialError};
use portway_engine::table::diff::Unshared;
use portway_engine::table::{Listener, Route};
use portway_engine::time::Moment;

use crate::counters::{Counter, REASONS, index_of};
use crate::limits::{ENDPOINT_SERIES_MAX, STREAM_SERIES_MAX};
use crate::tally::{EndpointTally, RouteTally, StreamTally, Tallies};

/// The name under which things beyond the bound are counted together.
const OTHERS: &str = "(others)";

/// What the numbers of connections are kept by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct StreamKey {
    listener: Arc<str>,
    route: Option<Arc<str>>,
}

/// What the numbers of endpoints are kept by; routes that share a backend share them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct EndpointKey {
    backend: Arc<str>,
    endpoint: Option<SocketAddr>,
}

/// One tally for each worker.
type Shares<T> = Arc<[Arc<T>]>;

/// The tallies of a route's endpoints, for each worker.
type RouteShares = Box<[Arc<RouteTally>]>;

/// All tallies of a proxy.
#[derive(Debug)]
pub(crate) struct Ledger {
    n_workers: usize,
    streams: BTreeMap<StreamKey, Shares<StreamTally>>,
    endpoints: BTreeMap<EndpointKey, Shares<EndpointTally>>,
    /// By the names of the routes of the last table.
    routes: BTreeMap<Arc<str>, RouteShares>,
    nowhere: RouteShares,
}

/// What happened to the connections of one listener that one route got.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamNumbers {
    /// Name of the listener; see [`Self::is_of_others`].
    pub listener: Arc<str>,
    /// Name of the route, if any got them.
    pub route: Option<Arc<str>>,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Bytes from clients to endpoints.
    pub bytes_to_backend: u64,
    /// Bytes from endpoints to clients.
    pub bytes_to_client: u64,
    closed: [u64; REASONS],
}

/// What happened with one endpoint of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointNumbers {
    /// Name of the backend.
    pub backend: Arc<str>,
    /// The address; `None` for all those beyond the bound.
    pub endpoint: Option<SocketAddr>,
    /// A route of the last table names it: it may get new connections.
    pub is_named: bool,
    /// Dials that reached it.
    pub reached: u64,
    /// Connections it serves now.
    pub open: u64,
    /// Bytes from clients to it.
    pub bytes_to_backend: u64,
    /// Bytes from it to clients.
    pub bytes_to_client: u64,
    /// Workers that leave it alone now, since their last dial failed.
    pub avoided_by: u64,
    /// Workers whose last dial failed and after whom no other has reached it, whether they still
    /// avoid it or not.
    pub failing_for: u64,
    failed: [u64; DialError::ALL.len()],
}

impl StreamNumbers {
    /// Whether these are of all listeners beyond the bound, and of none alone.
    pub fn is_of_others(&self) -> bool {
        *self.listener == *OTHERS
    }

    /// Connections that ended for this reason; errno does not count.
    pub fn closed(&self, reason: CloseReason) -> u64 {
        let count = index_of(reason).and_then(|it| self.closed.get(it));
        count.copied().unwrap_or(0)
    }
}

impl EndpointNumbers {
    /// Dials of it that failed for each of [`DialError::ALL`].
    pub fn failed(&self) -> impl Iterator<Item = (DialError, u64)> {
        DialError::ALL.into_iter().zip(self.failed)
    }
}

impl Ledger {
    /// Nothing counted yet.
    pub(crate) fn new(n_workers: usize) -> Self {
        Self {
            n_workers,
            streams: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            routes: BTreeMap::new(),
            nowhere: (0..n_workers).map(|_| Arc::default()).collect(),
        }
    }

    /// Takes up what a table has and the one before had not, and lets go of what it has not.
    pub(crate) fn move_to(&mut self, routes: &Unshared<'_, Route>) {
        self.forget();
        for route in &routes.before {
            self.routes.remove(&route.name);
        }
        for route in &routes.after {
            let tallies = self.take_up(route);
            self.routes.insert(Arc::clone(&route.name), tallies);
        }
    }

    /// The tallies of a listener of the last table, for one worker.
    pub(crate) fn tallies(&mut self, listener: &Listener, worker: usize) -> Arc<Tallies> {
        let shares = self.stream_of(listener);
        let route = listener.route.as_ref();
        let route = route.and_then(|it| self.routes.get(&it.name));
        let route = route.unwrap_or(&self.nowhere);
        Arc::new(Tallies {
            stream: shares.get(worker).map(Arc::clone).unwrap_or_default(),
            route: route.get(worker).map(Arc::clone).unwrap_or_default(),
        })
    }

    /// The numbers of all listeners and routes.
    pub(crate) fn streams(&mut self) -> Vec<StreamNumbers> {
        self.forget();
        let streams = self.streams.iter();
        streams
            .map(|(key, shares)| sum_streams(key, shares))
            .collect()
    }

    /// The numbers of the endpoints that the last table names, and of others while they serve
    /// connections, as of `now`.
    pub(crate) fn endpoints(&mut self, now: Moment) -> Vec<EndpointNumbers> {
        self.forget();
        let routes = self.routes.values().filter_map(|it| it.first());
        let named = routes.flat_map(|route| route.iter().flatten());
        let named: BTreeSet<*const EndpointTally> = named.map(Arc::as_ptr).collect();
        let is_named = |shares: &Shares<EndpointTally>| {
            let first = shares.first().map(Arc::as_ptr);
            first.is_some_and(|it| named.contains(&it))
        };
        let endpoints = self.endpoints.iter();
        let all = endpoints.map(|(key, shares)| EndpointNumbers {
            is_named: is_named(shares),
            ..sum_endpoints(key, shares, now)
        });
        all.filter(|it| it.is_named || it.open > 0).collect()
    }

    fn stream_of(&mut self, listener: &Listener) -> Shares<StreamTally> {
        let route = listener.route.as_ref();
        let mut key = StreamKey {
            listener: Arc::clone(&listener.name),
            route: route.map(|it| Arc::clone(&it.name)),
        };
        if self.streams.len() >= STREAM_SERIES_MAX && !self.streams.contains_key(&key) {
            key = StreamKey {
                listener: OTHERS.into(),
                route: None,
            };
        }
        let n_workers = self.n_workers;
        let shares = self.streams.entry(key).or_insert_with(|| shares(n_workers));
        Arc::clone(shares)
    }

    fn take_up(&mut self, route: &Route) -> RouteShares {
        let mut tallies: Vec<Vec<Box<[Arc<EndpointTally>]>>> = vec![Vec::new(); self.n_workers];
        for backend in &route.backends {
            let endpoints = backend.target.endpoints().iter();
            let shares: Vec<_> = endpoints
                .map(|it| self.endpoint_of(&backend.name, *it))
                .collect();
            for (worker, tallies) in tallies.iter_mut().enumerate() {
                let own = shares.iter().filter_map(|it| it.get(worker));
                tallies.push(own.map(Arc::clone).collect());
            }
        }
        let tallies = tallies.into_iter();
        tallies.map(|it| Arc::new(it.into_boxed_slice())).collect()
    }

    fn endpoint_of(&mut self, backend: &Arc<str>, addr: SocketAddr) -> Shares<EndpointTally> {
        let mut key = EndpointKey {
            backend: Arc::clone(backend),
            endpoint: Some(addr),
        };
        if self.endpoints.len() >= ENDPOINT_SERIES_MAX && !self.endpoints.contains_key(&key) {
            key = EndpointKey {
                backend: OTHERS.into(),
                endpoint: None,
            };
        }
        let n_workers = self.n_workers;
        let shares = self
            .endpoints
            .entry(key)
            .or_insert_with(|| shares(n_workers));
        Arc::clone(shares)
    }

    /// Forgets what nobody holds any more: neither a plan of a worker, nor a connection, nor, of
    /// endpoints, a route of the last table.
    fn forget(&mut self) {
        self.streams.retain(|_, shares| is_held(shares));
        self.endpoints.retain(|_, shares| is_held(shares));
    }
}

fn shares<T: Default>(n_workers: usize) -> Shares<T> {
    (0..n_workers).map(|_| Arc::default()).collect()
}

fn is_held<T>(shares: &Shares<T>) -> bool {
    Arc::strong_count(shares) > 1 || shares.iter().any(|it| Arc::strong_count(it) > 1)
}

fn sum_streams(key: &StreamKey, shares: &Shares<StreamTally>) -> StreamNumbers {
    let sum = |of: fn(&StreamTally) -> &Counter| total(shares.iter().map(|it| of(it)));
    let mut closed = [0; REASONS];
    for (index, sum) in closed.iter_mut().enumerate() {
        *sum = total(shares.iter().filter_map(|it| it.closed.get(index)));
    }
    StreamNumbers {
        listener: Arc::clone(&key.listener),
        route: key.route.clone(),
        accepted: sum(|it| &it.accepted),
        open: sum(|it| &it.open),
        bytes_to_backend: sum(|it| &it.bytes_to_backend),
        bytes_to_client: sum(|it| &it.bytes_to_client),
        closed,
    }
}

fn sum_endpoints(
    key: &EndpointKey,
    shares: &Shares<EndpointTally>,
    now: Moment,
) -> EndpointNumbers {
    let sum = |of: fn(&EndpointTally) -> &Counter| total(shares.iter().map(|it| of(it)));
    let mut failed = [0; DialError::ALL.len()];
    for (index, sum) in failed.iter_mut().enumerate() {
        *sum = total(shares.iter().filter_map(|it| it.failed.get(index)));
    }
    let avoided = shares
        .iter()
        .filter(|it| now.as_nanos() < it.avoided_until.read());
    // A worker that failed once may never have its turn again while others reach it all the time.
    let reached_at = shares.iter().map(|it| it.reached_at.read()).max();
    let failing = shares.iter().filter(|it| {
        let is_newest = Some(it.failed_at.read()) >= reached_at;
        it.avoided_until.read() != 0 && is_newest
    });
    EndpointNumbers {
        backend: Arc::clone(&key.backend),
        endpoint: key.endpoint,
        is_named: false,
        reached: sum(|it| &it.reached),
        open: sum(|it| &it.open),
        bytes_to_backend: sum(|it| &it.bytes_to_backend),
        bytes_to_client: sum(|it| &it.bytes_to_client),
        avoided_by: avoided.count() as u64,
        failing_for: failing.count() as u64,
        failed,
    }
}

fn total<'a>(counters: impl Iterator<Item = &'a Counter>) -> u64 {
    counters.map(Counter::read).sum()
}

#[cfg(test)]
mod tests;
