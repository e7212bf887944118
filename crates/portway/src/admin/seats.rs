//! Who is attended at a door, and who has to go for another.
//!
//! In: those who come, and that they have asked. Out: a task for each. Never: more of them than
//! [`ADMIN_CONNECTIONS_MAX`]; the end of one who has asked, or had no time to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use crate::limits::{ADMIN_CONNECTIONS_MAX, ADMIN_SILENCE_MIN};

/// The seats at a door. Who has one and asks nothing loses it to the next, when there is no other.
#[derive(Debug)]
pub(super) struct Seats {
    free: Arc<Semaphore>,
    silent: Mutex<Silent>,
}

/// Those who have asked nothing yet, in the order in which they came.
#[derive(Debug, Default)]
struct Silent {
    next: u64,
    all: BTreeMap<u64, (Instant, AbortHandle)>,
}

/// Whoever is attended. It gives the seat up when it is dropped.
pub(super) struct Seated {
    seats: Arc<Seats>,
    number: u64,
    _seat: OwnedSemaphorePermit,
}

impl Seats {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(ADMIN_CONNECTIONS_MAX)),
            silent: Mutex::default(),
        })
    }

    /// A free seat, at the latest when who is silent for longest had time to ask. `None`: never.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        let free = || Arc::clone(&self.free).acquire_owned();
        loop {
            if let Ok(seat) = Arc::clone(&self.free).try_acquire_owned() {
                return Some(seat);
            }
            let Some(since) = self.oldest() else {
                return free().await.ok();
            };
            if let Ok(seat) = timeout_at(since + ADMIN_SILENCE_MIN, free()).await {
                return seat.ok();
            }
            // It may have asked just now, and then another is the oldest.
            if self.end_oldest(since) {
                return free().await.ok();
            }
        }
    }

    /// Begins to attend somebody.
    pub(super) fn attend<F>(
        self: &Arc<Self>,
        seat: OwnedSemaphorePermit,
        attend: impl FnOnce(Seated) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        // The task has to wait for this: so it can say that it has asked.
        let mut silent = self.silent();
        let number = silent.next;
        silent.next += 1;
        let task = tokio::spawn(attend(Seated {
            seats: Arc::clone(self),
            number,
            _seat: seat,
        }));
        let since = Instant::now();
        silent.all.insert(number, (since, task.abort_handle()));
    }

    fn oldest(&self) -> Option<Instant> {
        let silent = self.silent();
        silent.all.first_key_value().map(|(_, (since, _))| *since)
    }

    /// Ends the connection of who is silent for longest, if that is since then. Whether it was.
    fn end_oldest(&self, since: Instant) -> bool {
        let mut silent = self.silent();
        let oldest = silent.all.first_entry();
        let Some(oldest) = oldest.filter(|it| it.get().0 == since) else {
            return false;
        };
        oldest.remove().1.abort();
        debug!("an admin connection without a request made room for another");
        true
    }

    fn silent(&self) -> MutexGuard<'_, Silent> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seated {
    /// Says that there is a request: from now on the seat is kept.
    pub(super) fn has_asked(&self) {
        self.seats.silent().all.remove(&self.number);
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.has_asked();
    }
}
