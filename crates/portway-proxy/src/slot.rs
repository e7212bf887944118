//! Where a worker finds what it is to do next: one slot each, and an eventfd that says so.
//!
//! In: a [`Plan`] or a stop. Out: the same, once. Never: a plan upon a plan: the applier hands out
//! the next only when every worker has acknowledged the one before, so no socket in it gets lost.

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use portway_engine::drain::Drains;
use portway_engine::table::{Listener, ListenerKey};
use portway_engine::time::Moment;

use crate::census::Question;
use crate::sys;
use crate::sys::wake::Wake;
use crate::tally::Tallies;

/// What is different from now on of what a worker listens on: it costs what changed, however many
/// sockets there are.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Sockets to be closed.
    pub(crate) closed: Vec<ListenerKey>,
    /// What sockets serve, where that is not what it was. One that was refused is not there yet.
    pub(crate) changed: Vec<(ListenerKey, Duty)>,
    /// New sockets, and what they serve.
    pub(crate) opened: Vec<(ListenerKey, OwnedFd, Duty)>,
    /// What it means for open connections; `None`: nothing.
    pub(crate) drains: Option<Arc<Drains>>,
}

/// What a listening socket serves.
#[derive(Debug, Clone)]
pub(crate) struct Duty {
    /// The listener that gets its streams.
    pub(crate) listener: Arc<Listener>,
    /// Numbers the streams of the listener's route, over all workers and tables.
    pub(crate) ticket: Arc<AtomicU64>,
    /// Where this worker counts what becomes of them.
    pub(crate) tallies: Arc<Tallies>,
}

/// What is in a slot.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// Move to this plan, and acknowledge it.
    pub(crate) plan: Option<Plan>,
    /// Accept no more, and end when no connection is open, at the latest then.
    pub(crate) stop: Option<Moment>,
    /// Say which connections there are.
    pub(crate) questions: Vec<Question>,
}

/// The slot of one worker.
#[derive(Debug)]
pub(crate) struct Slot {
    wishes: Mutex<Wishes>,
    wake: Wake,
}

impl Slot {
    /// An empty one.
    pub(crate) fn new() -> sys::Result<Self> {
        let wake = Wake::new()?;
        let wishes = Mutex::default();
        Ok(Self { wishes, wake })
    }

    /// Puts something in and wakes the worker.
    pub(crate) fn put(&self, change: impl FnOnce(&mut Wishes)) {
        change(&mut self.wishes.lock().unwrap_or_else(PoisonError::into_inner));
        if let Err(error) = self.wake.wake() {
            tracing::error!(%error, "worker not woken");
        }
    }

    /// Takes out what is there.
    pub(crate) fn take(&self) -> Wishes {
        std::mem::take(&mut self.wishes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the worker's epoll watches.
    pub(crate) fn wake(&self) -> &Wake {
        &self.wake
    }
}
