//! Whether routes keep their weights, and backends the turns of their endpoints.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use portway_engine::table::{BackendSpec, Route};

/// The connections of one route since its backends last changed.
struct Tally {
    route: Arc<Route>,
    n: u64,
    backends: BTreeMap<Arc<str>, Turns>,
}

/// The connections of one backend.
#[derive(Default)]
struct Turns {
    n: u64,
    /// Which endpoint came first, as an index.
    first: Option<u64>,
}

/// The tallies of all routes, by name.
#[derive(Default)]
pub(crate) struct Tallies(BTreeMap<Arc<str>, Tally>);

impl Tallies {
    /// The next stream of `route` went to its backend `chosen`, and was dialled to `endpoint` if
    /// it was dialled; `avoids` tells what the worker avoided then.
    pub(crate) fn note(
        &mut self,
        route: &Arc<Route>,
        chosen: &BackendSpec,
        endpoint: Option<SocketAddr>,
        avoids: impl Fn(SocketAddr) -> bool,
    ) {
        let fresh = || Tally {
            route: Arc::clone(route),
            n: 0,
            backends: BTreeMap::new(),
        };
        let tally = self.0.entry(route.name.clone()).or_insert_with(fresh);
        // Workers on tables of different age may take turns; each change begins a new stretch.
        if tally.route.backends != route.backends {
            *tally = fresh();
        }
        let turns = tally.backends.entry(chosen.name.clone()).or_default();
        if let Some(endpoint) = endpoint {
            turns.check_endpoint(chosen.target.endpoints(), endpoint, avoids);
        }
        turns.n += 1;
        tally.n += 1;
        tally.check_weights();
    }

    /// A stream drew a ticket of `route` when that had no weights at all: what comes next begins a
    /// new stretch.
    pub(crate) fn interrupt(&mut self, route: &Route) {
        self.0.remove(&route.name);
    }
}

impl Tally {
    /// No backend is four or more streams away from its share, in a stretch that may have begun
    /// anywhere; a stretch as long as the sum of the weights is exact; weight 0 gets none.
    fn check_weights(&self) {
        let weights = self.route.backends.iter().map(|it| u64::from(it.weight));
        let sum: u64 = weights.sum();
        for backend in &self.route.backends {
            let got = self.backends.get(&backend.name).map_or(0, |it| it.n);
            let weight = u64::from(backend.weight);
            let off = (got * sum).abs_diff(self.n * weight);
            let name = &backend.name;
            assert!(
                off < 4 * sum,
                "{name}: {got} of {}, weight {weight}/{sum}",
                self.n
            );
            assert!(weight > 0 || got == 0, "{name} has no weight and got {got}");
            assert!(
                !self.n.is_multiple_of(sum) || off == 0,
                "{name}: {got} of {}",
                self.n
            );
        }
    }
}

impl Turns {
    /// Endpoints take strict turns; one that is avoided gives its turn to some other, unless all are.
    fn check_endpoint(
        &mut self,
        endpoints: &[SocketAddr],
        dialled: SocketAddr,
        avoids: impl Fn(SocketAddr) -> bool,
    ) {
        let position = endpoints.iter().position(|it| *it == dialled).unwrap();
        let n_endpoints = u64::try_from(endpoints.len()).unwrap();
        let none_avoided = !endpoints.iter().any(|it| avoids(*it));
        if self.first.is_none() && none_avoided {
            let position = u64::try_from(position).unwrap();
            let turns_before = self.n % n_endpoints;
            self.first = Some((position + n_endpoints - turns_before) % n_endpoints);
        }
        let Some(first) = self.first else { return };
        let turn = usize::try_from((first + self.n) % n_endpoints).unwrap();
        let all_avoided = endpoints.iter().all(|it| avoids(*it));
        if all_avoided || !avoids(endpoints[turn]) {
            assert_eq!(dialled, endpoints[turn], "turn {turn} of {endpoints:?}");
        } else {
            assert!(!avoids(dialled), "{dialled} for {turn} of {endpoints:?}");
        }
    }
}
