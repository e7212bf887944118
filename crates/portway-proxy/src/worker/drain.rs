//! Ending connections whose place the configuration took away.
//!
//! In: [`Drains`] that come with a plan. Out: connections told when to end, and how many of what;
//! those that are to end now end some in a turn, the others by their tick. Never: a look at
//! connections when no drain can concern any, more ends a second than
//! [`portway_engine::drain::Pace`] allows.

use std::collections::VecDeque;

use portway_engine::drain::Drains;
use portway_engine::table::Drain;

use super::Worker;
use super::served::Served;
use crate::applier::Drained;
use crate::limits::DRAINS_PER_TURN;
use crate::slab::Key;

/// The connections of one worker that drain.
#[derive(Debug, Default)]
pub(super) struct Draining {
    /// How many there were when last looked at; some may be over since.
    n: usize,
    /// Those whose end is now.
    ending: VecDeque<Key>,
}

impl Draining {
    /// Whether some are to end, and wait for their turn.
    pub(super) fn has_work(&self) -> bool {
        !self.ending.is_empty()
    }
}

impl Worker {
    /// Tells each connection that `drains` concerns when to end, or that it may stay after all.
    pub(super) fn drain(&mut self, drains: &Drains) -> Drained {
        let mut drained = Drained::default();
        if !drains.may_end() && self.draining.n == 0 {
            return drained;
        }
        self.draining.n = 0;
        for key in self.connections.keys() {
            let Some(served) = self.connections.get_mut(key) else {
                continue;
            };
            let verdict = served.verdict(drains);
            if let Some(drain) = verdict {
                let end = drain.end(self.site.seed_of(key), self.site.now);
                served.drain(key, end, &mut self.site);
            }
            self.draining.n += usize::from(served.is_draining());
            if let (Some(drain), Some((route, backend))) = (verdict, served.place()) {
                drained.add((route, backend), drain);
            }
            if verdict == Some(Drain::Now) {
                self.draining.ending.push_back(key);
            }
        }
        drained
    }

    /// Ends some of those whose end is now; the others come after everybody's events.
    pub(super) fn take_drained(&mut self) {
        let n = self.draining.ending.len().min(DRAINS_PER_TURN);
        for key in self.draining.ending.drain(..n).collect::<Vec<_>>() {
            self.serve(key, Served::end_if_drained);
        }
    }
}
