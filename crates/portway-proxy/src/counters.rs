//! What happened, in numbers: written by each worker for itself, summed when somebody asks.
//!
//! In: facts of the data path. Out: [`Counters`]. Never: a lock, an atomic that two workers write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portway_engine::record::{CloseReason, Relayed};

use crate::limits::DIAL_TIME_BOUNDS;

pub(crate) const REASONS: usize = CloseReason::ALL.len();
const N_DIAL_TIMES: usize = DIAL_TIME_BOUNDS.len() + 1;

/// The counters of one worker, on cache lines of their own (two, as they are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counts {
    pub(crate) accepted: Counter,
    pub(crate) open: Counter,
    pub(crate) bytes_to_backend: Counter,
    pub(crate) bytes_to_client: Counter,
    pub(crate) dials_failed: Counter,
    pub(crate) accept_pauses: Counter,
    pub(crate) reports_dropped: Counter,
    /// Waits for events that ended.
    pub(crate) wakeups: Counter,
    /// Events that these brought.
    pub(crate) events: Counter,
    /// The kernel's number of the thread.
    pub(crate) thread: Counter,
    closed: [Counter; REASONS],
    dial_times: [Counter; N_DIAL_TIMES],
    dial_nanos: Counter,
}

/// A number that one thread writes and any may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

/// What happened since the start, over all workers. Numbers that change while they are read may be
/// a little apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Bytes from clients to endpoints.
    pub bytes_to_backend: u64,
    /// Bytes from endpoints to clients.
    pub bytes_to_client: u64,
    /// Dials that failed.
    pub dials_failed: u64,
    /// Times that a worker stopped accepting for want of descriptors.
    pub accept_pauses: u64,
    /// Records that nobody got, since the channel of reports was full.
    pub reports_dropped: u64,
    /// Dials that reached an endpoint, by how long they took: for each of [`DIAL_TIME_BOUNDS`]
    /// those that took no longer, and longer than the bound before; last those that took longer
    /// than all.
    pub dial_times: [u64; N_DIAL_TIMES],
    /// How long these took together.
    pub dial_time: Duration,
    closed: [u64; REASONS],
}

impl Counter {
    /// Only its own worker writes, so a load and a store do, and cost no locked instruction.
    pub(crate) fn add(&self, n: u64) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(n);
        self.0.store(sum, Ordering::Relaxed);
    }

    /// One less, by the same rule.
    pub(crate) fn subtract_one(&self) {
        self.add(u64::MAX);
    }

    /// Another number, by the same rule.
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    /// A connection is over.
    pub(crate) fn closed(&self, reason: CloseReason) {
        self.open.subtract_one();
        if let Some(counter) = index_of(reason).and_then(|it| self.closed.get(it)) {
            counter.add(1);
        }
    }

    /// A dial reached its endpoint, and took so long.
    pub(crate) fn dialled(&self, time: Duration) {
        let bounds = DIAL_TIME_BOUNDS.iter();
        let place = bounds.take_while(|bound| **bound < time).count();
        if let Some(counter) = self.dial_times.get(place) {
            counter.add(1);
        }
        self.dial_nanos
            .add(u64::try_from(time.as_nanos()).unwrap_or(0));
    }

    /// Bytes moved between two looks at a relay.
    pub(crate) fn relayed(&self, before: Relayed, after: Relayed) {
        self.bytes_to_backend
            .add(after.to_backend - before.to_backend);
        self.bytes_to_client.add(after.to_client - before.to_client);
    }
}

impl Counters {
    /// Connections that ended for this reason; errno does not count.
    pub fn closed(&self, reason: CloseReason) -> u64 {
        let count = index_of(reason).and_then(|it| self.closed.get(it));
        count.copied().unwrap_or(0)
    }

    /// Adds one worker's share.
    pub(crate) fn add(&mut self, worker: &Counts) {
        self.accepted += worker.accepted.read();
        self.open += worker.open.read();
        self.bytes_to_backend += worker.bytes_to_backend.read();
        self.bytes_to_client += worker.bytes_to_client.read();
        self.dials_failed += worker.dials_failed.read();
        self.accept_pauses += worker.accept_pauses.read();
        self.reports_dropped += worker.reports_dropped.read();
        self.dial_time += Duration::from_nanos(worker.dial_nanos.read());
        for (sum, part) in self.dial_times.iter_mut().zip(&worker.dial_times) {
            *sum += part.read();
        }
        for (sum, part) in self.closed.iter_mut().zip(&worker.closed) {
            *sum += part.read();
        }
    }
}

/// Where a reason stands among all; most connections end for the first.
pub(crate) fn index_of(reason: CloseReason) -> Option<usize> {
    let name = reason.name();
    CloseReason::ALL.iter().position(|it| it.name() == name)
}
