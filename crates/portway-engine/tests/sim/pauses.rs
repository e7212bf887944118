//! Which endpoints a worker must avoid, told from the whole history of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use portway_engine::health::Avoidance;
use portway_engine::time::Moment;

/// For each endpoint the moments its dials failed since the last success.
#[derive(Default)]
pub(crate) struct Pauses(BTreeMap<SocketAddr, Vec<Moment>>);

impl Pauses {
    pub(crate) fn failed(&mut self, endpoint: SocketAddr, now: Moment) {
        self.0.entry(endpoint).or_default().push(now);
    }

    pub(crate) fn succeeded(&mut self, endpoint: SocketAddr) {
        self.0.remove(&endpoint);
    }

    /// Plays the failures again: one within a pause is ignored, one soon after it doubles the
    /// pause, one long after it is a first one.
    pub(crate) fn avoids(&self, endpoint: SocketAddr, now: Moment) -> bool {
        let (mut until, mut secs) = (Moment::default(), 0);
        for failure in self.0.get(&endpoint).into_iter().flatten() {
            if *failure < until {
                continue;
            }
            let forgotten = failure.since(until) >= Duration::from_secs(30);
            secs = if forgotten || secs == 0 {
                1
            } else {
                30.min(secs * 2)
            };
            until = failure.after(Duration::from_secs(secs));
        }
        now < until
    }

    /// `real` says the same of every endpoint.
    pub(crate) fn check(&self, real: &Avoidance, now: Moment) {
        for endpoint in self.0.keys() {
            let want = self.avoids(*endpoint, now);
            assert_eq!(real.avoids(*endpoint, now), want, "{endpoint}");
        }
        assert_eq!(real.n_remembered(), self.0.len());
    }
}
