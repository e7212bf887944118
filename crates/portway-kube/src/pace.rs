//! How soon after its last turn the controller takes the next one.
//!
//! In: when turns began and ended. Out: when the next may begin. Never: more than half of the time in
//! turns, over some of them; a wait for a change that comes after some quiet.
//!
//! A leaky bucket: each turn puts its own time in, time takes out as much, and only what is above
//! [`GATHER_MAX`] is waited for. So a few changes in a row are each acted on at once, and of many
//! those that come during a turn and the wait after it are acted on together.

use std::time::Instant;

use crate::limits::GATHER_MAX;

/// When turns may begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// When the bucket is empty.
    empty_at: Instant,
}

impl Pace {
    /// No turn was taken yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self { empty_at: now }
    }

    /// A turn was taken.
    pub(crate) fn took(&mut self, begin: Instant, end: Instant) {
        let used = self.empty_at.max(begin) + 2 * (end - begin);
        self.empty_at = used.min(end + 2 * GATHER_MAX);
    }

    /// When the next turn may begin.
    pub(crate) fn next(self) -> Instant {
        // The clock of a machine that has just started has no time so long ago.
        self.empty_at
            .checked_sub(GATHER_MAX)
            .unwrap_or(self.empty_at)
    }
}

#[cfg(test)]
mod tests;
