//! What one worker counts for one listener and route, and for one endpoint.
//!
//! In: facts of the data path. Out: numbers that others may read. Never: a lock, an atomic that two
//! workers write, a search: a connection is born with its tallies.

use std::sync::Arc;

use portway_engine::record::{CloseReason, DialError, Relayed};
use portway_engine::time::Moment;

use crate::counters::{Counter, REASONS, index_of};

const DIAL_ERRORS: usize = DialError::ALL.len();

/// Connections of one listener that one route got, on one worker.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct StreamTally {
    pub(crate) accepted: Counter,
    pub(crate) open: Counter,
    pub(crate) bytes_to_backend: Counter,
    pub(crate) bytes_to_client: Counter,
    pub(crate) closed: [Counter; REASONS],
}

/// What one worker had to do with one endpoint of a backend.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct EndpointTally {
    /// Dials that reached it.
    pub(crate) reached: Counter,
    /// Connections that it serves now.
    pub(crate) open: Counter,
    pub(crate) bytes_to_backend: Counter,
    pub(crate) bytes_to_client: Counter,
    /// Dials that failed, by why.
    pub(crate) failed: [Counter; DIAL_ERRORS],
    /// Until when it is avoided since the last dial failed, in nanoseconds of the proxy's clock; 0:
    /// that dial reached it, or there was none.
    pub(crate) avoided_until: Counter,
    /// When the last dial reached it, and when the last one failed through no lack of this host, in
    /// the same nanoseconds: of several workers the newest knows best.
    pub(crate) reached_at: Counter,
    pub(crate) failed_at: Counter,
}

/// The tallies of the endpoints of a route on one worker: of each backend, of each endpoint.
pub(crate) type RouteTally = Box<[Box<[Arc<EndpointTally>]>]>;

/// The tallies of a listener on one worker; each of its connections holds them.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    pub(crate) stream: Arc<StreamTally>,
    pub(crate) route: Arc<RouteTally>,
}

impl StreamTally {
    /// A connection was accepted.
    pub(crate) fn opened(&self) {
        self.accepted.add(1);
        self.open.add(1);
    }

    /// A connection is over.
    pub(crate) fn closed(&self, reason: CloseReason) {
        self.open.subtract_one();
        if let Some(counter) = index_of(reason).and_then(|it| self.closed.get(it)) {
            counter.add(1);
        }
    }
}

impl EndpointTally {
    /// It was reached, and serves a connection from now on.
    pub(crate) fn reached(&self, now: Moment) {
        self.reached.add(1);
        self.open.add(1);
        self.avoided_until.set(0);
        self.reached_at.set(now.as_nanos());
    }

    /// A dial of it failed; it is left alone until then.
    pub(crate) fn failed(&self, error: DialError, avoided_until: Option<Moment>, now: Moment) {
        let same = |it: &DialError| it.name() == error.name();
        let place = DialError::ALL.iter().position(same);
        if let Some(counter) = place.and_then(|it| self.failed.get(it)) {
            counter.add(1);
        }
        if let Some(until) = avoided_until {
            self.avoided_until.set(until.as_nanos());
        }
        if error != DialError::OutOfResources {
            self.failed_at.set(now.as_nanos());
        }
    }
}

impl Tallies {
    /// The tally of an endpoint, by the index of its backend and its own.
    pub(crate) fn endpoint(&self, choice: Option<(usize, usize)>) -> Option<&EndpointTally> {
        let (backend, endpoint) = choice?;
        Some(self.route.get(backend)?.get(endpoint)?)
    }

    /// Bytes moved between two looks at a relay.
    pub(crate) fn relayed(&self, choice: Option<(usize, usize)>, before: Relayed, after: Relayed) {
        let to_backend = after.to_backend - before.to_backend;
        let to_client = after.to_client - before.to_client;
        self.stream.bytes_to_backend.add(to_backend);
        self.stream.bytes_to_client.add(to_client);
        if let Some(endpoint) = self.endpoint(choice) {
            endpoint.bytes_to_backend.add(to_backend);
            endpoint.bytes_to_client.add(to_client);
        }
    }
}
