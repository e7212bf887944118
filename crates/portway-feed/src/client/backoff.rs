//! How long to wait before the next try.
//!
//! In: failures and successes. Out: waits that double up to a bound, each with a random part.
//! Never: the same wait for a thousand proxies whose controller has restarted.

use std::time::Duration;

use crate::chance::random_share;
use crate::limits::{BACKOFF_MAX, BACKOFF_MIN, BACKOFF_WITHOUT_TABLE_MAX};

#[derive(Debug)]
pub(super) struct Backoff {
    wait: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { wait: BACKOFF_MIN }
    }

    pub(super) fn reset(&mut self) {
        self.wait = BACKOFF_MIN;
    }

    /// Between half of the wait and the whole of it; how long at most depends on what there is to serve.
    pub(super) fn next(&mut self, has_table: bool) -> Duration {
        let most = match has_table {
            true => BACKOFF_MAX,
            false => BACKOFF_WITHOUT_TABLE_MAX,
        };
        let wait = self.wait.min(most);
        self.wait = (2 * wait).min(most);
        wait / 2 + (wait / 2).mul_f64(random_share())
    }
}

/// Every proxy tries the controllers in an order of its own.
pub(super) fn shuffle<T>(items: &mut [T]) {
    for n_left in (2..=items.len()).rev() {
        let n = u32::try_from(n_left).map_or(f64::from(u32::MAX), f64::from);
        // The share is below one, so this is a place among those that are left.
        let chosen = (random_share() * n) as usize;
        items.swap(chosen.min(n_left - 1), n_left - 1);
    }
}

#[cfg(test)]
mod tests;
