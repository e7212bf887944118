//! Looks at a running proxy from outside.
//!
//! In: questions. Out: numbers, connections that are open. Never: a lock that a worker could wait
//! for.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime};

use portway_engine::time::Moment;

use crate::census::{Cursor, LiveConnection, Page, Part, Question, Wanted};
use crate::clock::Clock;
use crate::counters::{Counters, Counts};
use crate::ledger::{EndpointNumbers, Ledger, StreamNumbers};
use crate::limits::{CENSUS_TIME_MAX, CENSUS_TIMEOUT};
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

    /// At most `n_max` of the open connections that are wanted, from `after` on. Waits for workers,
    /// a second for one at most.
    pub fn connections(&self, wanted: &Wanted, after: Cursor, n_max: usize) -> Page {
        ask(&self.slots, wanted, after, n_max)
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

/// Asks one worker after the other, from `after` on, until there are `n_max` or no more.
fn ask(slots: &[Arc<Slot>], wanted: &Wanted, after: Cursor, n_max: usize) -> Page {
    let begun = Instant::now();
    let wanted = Arc::new(wanted.clone());
    let mut page = Page::default();
    let mut at = after;
    while let Some(slot) = usize::try_from(at.worker).ok().and_then(|it| slots.get(it)) {
        if page.connections.len() >= n_max || begun.elapsed() >= CENSUS_TIME_MAX {
            page.next = Some(at);
            break;
        }
        let n_missing = n_max - page.connections.len();
        let part = ask_one(slot, &wanted, at.place, n_missing);
        let next = match part {
            Some(part) => {
                let own = part.found.into_iter().map(|(_, connection)| connection);
                page.connections.extend(own.map(|it| LiveConnection {
                    worker: at.worker,
                    ..it
                }));
                part.next
            }
            None => {
                page.silent.push(at.worker);
                None
            }
        };
        at = match next {
            Some(place) => Cursor { place, ..at },
            None => Cursor {
                worker: at.worker + 1,
                place: 0,
            },
        };
    }
    page
}

fn ask_one(slot: &Slot, wanted: &Arc<Wanted>, from: u32, n_max: usize) -> Option<Part> {
    let (answer, answers) = mpsc::sync_channel(1);
    let question = Question {
        wanted: Arc::clone(wanted),
        from,
        n_max,
        answer,
    };
    slot.put(|wishes| wishes.questions.push(question));
    answers.recv_timeout(CENSUS_TIMEOUT).ok()
}
