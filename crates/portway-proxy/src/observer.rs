//! Looks at a running proxy from outside.
//!
//! In: questions. Out: numbers, connections that are open. Never: a lock that a worker could wait for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use portway_engine::time::Moment;

use crate::census::{self, Cursor, Page, Wanted};
use crate::clock::Clock;
use crate::counters::{Counters, Counts};
use crate::ledger::{EndpointNumbers, Ledger, StreamNumbers};
use crate::slot::Slot;

/// Sees what a proxy does, from any thread. It stays valid when the proxy has ended.
#[derive(Debug, Clone)]
pub struct Observer {
    clock: Clock,
    slots: Arc<[Arc<Slot>]>,
    counts: Arc<[Arc<Counts>]>,
    ledger: Arc<Mutex<Ledger>>,
}

/// What one worker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerNumbers {
    /// The kernel's number of its thread; 0 before it runs.
    pub thread: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Waits for events that ended.
    pub wakeups: u64,
    /// Events that these brought.
    pub events: u64,
}

impl Observer {
    /// Of these workers.
    pub(crate) fn new(
        clock: Clock,
        (slots, counts): (&[Arc<Slot>], &[Arc<Counts>]),
        ledger: Arc<Mutex<Ledger>>,
    ) -> Self {
        Self {
            clock,
            slots: slots.into(),
            counts: counts.into(),
            ledger,
        }
    }

    /// What happened so far, over all workers.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for counts in &*self.counts {
            sum.add(counts);
        }
        sum
    }

    /// What each worker did.
    pub fn workers(&self) -> Vec<WorkerNumbers> {
        let workers = self.counts.iter().map(|counts| WorkerNumbers {
            thread: counts.thread.read(),
            accepted: counts.accepted.read(),
            open: counts.open.read(),
            wakeups: counts.wakeups.read(),
            events: counts.events.read(),
        });
        workers.collect()
    }

    /// What happened at each listener, by the route that got its connections. Beyond
    /// [`crate::limits::STREAM_SERIES_MAX`] all are one.
    pub fn streams(&self) -> Vec<StreamNumbers> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.streams()
    }

    /// What happened with each endpoint of each backend. Beyond
    /// [`crate::limits::ENDPOINT_SERIES_MAX`] all are one.
    pub fn endpoints(&self) -> Vec<EndpointNumbers> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.endpoints(self.clock.now())
    }

    /// At most `n_max` of the open connections that are wanted, from `after` on. Waits for workers, a
    /// second for one at most.
    pub fn connections(&self, wanted: &Wanted, after: Cursor, n_max: usize) -> Page {
        census::ask(&self.slots, wanted, after, n_max)
    }

    /// What time it is on the proxy's clock.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// When a moment of the proxy's clock was, as the host's clock goes now.
    pub fn time_of(&self, moment: Moment) -> SystemTime {
        let ago: Duration = self.clock.now().since(moment);
        let now = SystemTime::now();
        now.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}
