//! How many connections a table takes the place of, by route and backend.
//!
//! In: what each worker found. Out: their sum, told once. Never: more lines than
//! [`DRAINS_TOLD_MAX`] for one table, and one for the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use portway_engine::table::Drain;

use crate::limits::DRAINS_TOLD_MAX;

/// Connections that are to end, by the names of their route and backend.
#[derive(Debug, Default)]
pub(crate) struct Drained(BTreeMap<(Arc<str>, Arc<str>), Ends>);

/// How many end at once, and how many in their time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Ends {
    now: u64,
    spread: u64,
}

impl Ends {
    fn add(&mut self, other: Self) {
        self.now += other.now;
        self.spread += other.spread;
    }
}

impl Drained {
    /// One connection of this route and backend gets that.
    pub(crate) fn add(&mut self, (route, backend): (&Arc<str>, &Arc<str>), drain: Drain) {
        let ends = match drain {
            Drain::Now => Ends { now: 1, spread: 0 },
            Drain::Spread(_) => Ends { now: 0, spread: 1 },
            Drain::Keep => return,
        };
        let place = (Arc::clone(route), Arc::clone(backend));
        self.0.entry(place).or_default().add(ends);
    }

    /// Adds what another worker found.
    pub(crate) fn merge(&mut self, other: Self) {
        for (place, ends) in other.0 {
            self.0.entry(place).or_default().add(ends);
        }
    }

    /// Tells it.
    pub(crate) fn tell(self) {
        let mut rest = Ends::default();
        let n_more = self.0.len().saturating_sub(DRAINS_TOLD_MAX);
        for (n, ((route, backend), ends)) in self.0.into_iter().enumerate() {
            let Ends { now, spread } = ends;
            if n < DRAINS_TOLD_MAX {
                let (route, backend) = (&*route, &*backend);
                tracing::info!(
                    route,
                    backend,
                    now,
                    spread,
                    "connections lost their place, draining"
                );
            } else {
                rest.add(ends);
            }
        }
        if n_more > 0 {
            let Ends { now, spread } = rest;
            tracing::info!(
                backends = n_more,
                now,
                spread,
                "connections of more backends lost their place, draining"
            );
        }
    }
}
