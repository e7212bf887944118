//! When what failed is tried again.
//!
//! In: failures, the time. Out: whether it is time. Never: a try without a wait after a failure.

use std::collections::BTreeMap;
use std::time::Instant;

use portway_control::origin::ObjectKey;

use crate::limits::{RETRY_FIRST, RETRY_MAX};

/// What failed, by the object it is about: from [`RETRY_FIRST`] on each wait is twice the one before.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    failed: BTreeMap<ObjectKey, Failed>,
}

#[derive(Debug)]
struct Failed {
    again: Instant,
    n_times: u32,
}

impl Retries {
    /// It failed; says when it is tried again.
    pub(crate) fn failed(&mut self, key: &ObjectKey, now: Instant) -> Instant {
        let first = || Failed {
            again: now,
            n_times: 0,
        };
        let failed = self.failed.entry(key.clone()).or_insert_with(first);
        let wait = RETRY_FIRST.saturating_mul(1 << failed.n_times.min(10));
        failed.again = now + wait.min(RETRY_MAX);
        failed.n_times += 1;
        failed.again
    }

    /// It did not fail, or is gone.
    pub(crate) fn forget(&mut self, key: &ObjectKey) {
        self.failed.remove(key);
    }

    /// Forgets all but those that are still of interest.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(&ObjectKey) -> bool) {
        self.failed.retain(|key, _| is_kept(key));
    }

    /// Whether it may be tried.
    pub(crate) fn may_try(&self, key: &ObjectKey, now: Instant) -> bool {
        self.failed.get(key).is_none_or(|it| it.again <= now)
    }

    /// Whether anything failed the last time.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Whether it is time for any that failed.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.failed.values().any(|it| it.again <= now)
    }
}

#[cfg(test)]
mod tests;
