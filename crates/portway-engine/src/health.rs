//! What one worker has learnt from its dials: which endpoints to leave alone for a moment.
//!
//! In: how dials ended. Out: whether an endpoint is avoided now. Never: a verdict. An avoided
//! endpoint is only tried last, so a backend with nothing but failed endpoints is still dialled.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::limits::{AVOID_MAX, AVOID_MIN, AVOIDED_MAX};
use crate::time::Moment;

/// The endpoints whose dials failed lately, and how long a dial may take. One per worker: workers
/// share nothing, and each finds out for the price of one dial.
#[derive(Debug)]
pub struct Avoidance {
    dial_timeout: Duration,
    pauses: BTreeMap<SocketAddr, Pause>,
}

/// The pause of one endpoint.
#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Moment,
    wait: Duration,
}

impl Avoidance {
    /// Nothing is avoided yet; each dial may take `dial_timeout`
    /// ([`crate::limits::DIAL_TIMEOUT`] unless configured).
    pub fn new(dial_timeout: Duration) -> Self {
        Self {
            dial_timeout,
            pauses: BTreeMap::new(),
        }
    }

    /// Longest wait for one dial.
    pub fn dial_timeout(&self) -> Duration {
        self.dial_timeout
    }

    /// Whether `endpoint` should be tried only when nothing better is left.
    pub fn avoids(&self, endpoint: SocketAddr, now: Moment) -> bool {
        self.pauses
            .get(&endpoint)
            .is_some_and(|pause| now < pause.until)
    }

    /// Until when `endpoint` is avoided, if it is.
    pub fn avoided_until(&self, endpoint: SocketAddr, now: Moment) -> Option<Moment> {
        let pause = self.pauses.get(&endpoint)?;
        (now < pause.until).then_some(pause.until)
    }

    /// A dial to `endpoint` failed. It pauses for [`AVOID_MIN`], twice as long each time it fails
    /// again after a pause, at most [`AVOID_MAX`]. A failure within a pause changes nothing: many
    /// connections may have been dialling when the endpoint went away, and that is one failure.
    pub fn failed(&mut self, endpoint: SocketAddr, now: Moment) {
        if self.avoids(endpoint, now) {
            return;
        }
        let before = self.pauses.get(&endpoint).filter(|it| !it.forgotten(now));
        let wait = before.map_or(AVOID_MIN, |it| (it.wait * 2).min(AVOID_MAX));
        self.make_room(endpoint, now);
        if self.pauses.len() < AVOIDED_MAX || self.pauses.contains_key(&endpoint) {
            let until = now.after(wait);
            self.pauses.insert(endpoint, Pause { until, wait });
        }
        self.check_invariants();
    }

    /// A dial to `endpoint` succeeded: it has never failed.
    pub fn succeeded(&mut self, endpoint: SocketAddr) {
        self.pauses.remove(&endpoint);
        self.check_invariants();
    }

    /// How many endpoints are remembered.
    pub fn n_remembered(&self) -> usize {
        self.pauses.len()
    }

    /// Forgets what is over when `endpoint` would not fit otherwise.
    fn make_room(&mut self, endpoint: SocketAddr, now: Moment) {
        if self.pauses.len() >= AVOIDED_MAX && !self.pauses.contains_key(&endpoint) {
            self.pauses.retain(|_, pause| now < pause.until);
        }
    }

    fn check_invariants(&self) {
        debug_assert!(self.pauses.len() <= AVOIDED_MAX);
        debug_assert!(
            self.pauses
                .values()
                .all(|it| (AVOID_MIN..=AVOID_MAX).contains(&it.wait))
        );
    }
}

impl Pause {
    /// Whether this pause is so long over that the next failure is a first one.
    fn forgotten(&self, now: Moment) -> bool {
        self.until.after(AVOID_MAX) <= now
    }
}

#[cfg(test)]
mod tests;
