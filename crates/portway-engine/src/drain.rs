//! What becomes of open connections whose endpoint the configuration took away.
//!
//! In: the tables before and after, a connection, a seed. Out: whether it has lost its place and
//! what it gets then; when; how many may end a second. Never: a connection that has a place.
//!
//! A connection has its place as long as some backend of its route, by the route's name, has its
//! endpoint: also with weight 0, and also if the listener it came by is gone or has another route.
//! When it has not, what the new table says holds ([`crate::table::DrainSpec`]): of its route and
//! backend, else of its route. If the table says nothing because whoever would have said it is gone
//! (the route, or what the backend named), what was said last holds. Otherwise it is kept.
//!
//! Before all that: if a grant permitted its route to use its backend and none does now, it ends.
//! Both are asked by name, so that it may have lost its place, or its route, long before.
//!
//! This is asked again whenever something about its route is different, so a drain that is changed
//! acts on connections that already drain, and one whose endpoint comes back may stay. While the
//! same is said, one that drains keeps the end it was given first: drawn again with every change,
//! its end would move on for as long as changes come, past the time that was promised.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::conn::Connection;
use crate::limits::DRAIN_CLOSES_PER_SECOND;
use crate::table::{Drain, DrainSpec, GrantSpec, RejectReason, Route, RoutingTable, TargetSpec};
use crate::time::Moment;

/// What the way from one table to another means for open connections.
#[derive(Debug, Default)]
pub struct Drains {
    /// By name, the routes about which anything is different.
    routes: BTreeMap<Arc<str>, Step>,
    /// Grants of before that are not there any more.
    revoked: Vec<GrantSpec>,
    /// Those that are, if any is not.
    granted: Vec<GrantSpec>,
}

/// A route before and after.
#[derive(Debug)]
struct Step {
    before: Said,
    after: Said,
}

/// All a table says of one route.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    route: Option<Arc<Route>>,
    drains: Vec<DrainSpec>,
}

impl Drains {
    /// Between these two tables; `None`: none before.
    pub fn between(before: Option<&RoutingTable>, after: &RoutingTable) -> Self {
        let gone = before.map(|it| it.grants_gone_in(after));
        let revoked: Vec<GrantSpec> = gone.into_iter().flatten().cloned().collect();
        let granted = after.grants().filter(|_| !revoked.is_empty());
        let granted = granted.unwrap_or_default().to_vec();
        let mut routes: BTreeMap<Arc<str>, Step> = BTreeMap::new();
        let mut old = before.map(said).unwrap_or_default();
        for (name, after) in said(after) {
            let before = old.remove(&name).unwrap_or_default();
            // Who loses a grant may still have its place in a route that is as it was.
            if before != after || revoked.iter().any(|it| name.starts_with(&*it.routes)) {
                routes.insert(name, Step { before, after });
            }
        }
        let gone = old.into_iter().map(|(name, before)| {
            let after = Said::default();
            (name, Step { before, after })
        });
        routes.extend(gone);
        Self {
            routes,
            revoked,
            granted,
        }
    }

    /// Whether any connection may have to end. If not, the only connections that it can concern are
    /// those that drain already.
    pub fn may_end(&self) -> bool {
        let mut said = self.routes.values().flat_map(|it| [&it.before, &it.after]);
        !self.revoked.is_empty()
            || said.any(|it| it.drains.iter().any(|it| it.drain != Drain::Keep))
    }

    /// What `connection` gets; `None`: nothing about it is different.
    pub fn verdict(&self, connection: &Connection) -> Option<Drain> {
        let route = connection.listener().route.as_ref()?;
        let (backend, endpoint) = (connection.backend()?, connection.endpoint()?);
        let step = self.routes.get(&route.name);
        if step.is_some_and(|it| it.after.has_place(endpoint)) {
            return Some(Drain::Keep);
        }
        if self.revokes(&route.name, &backend.name) {
            return Some(Drain::Now);
        }
        let Step { before, after } = step?;
        let said = before.verdict(&backend.name);
        let verdict = after.verdict(&backend.name).or(said);
        let has_its_end = connection.is_draining() && !before.has_place(endpoint);
        verdict.filter(|_| !has_its_end || verdict != said)
    }

    fn revokes(&self, route: &str, backend: &str) -> bool {
        let permits =
            |it: &GrantSpec| route.starts_with(&*it.routes) && backend.starts_with(&*it.backends);
        self.revoked.iter().any(permits) && !self.granted.iter().any(permits)
    }
}

impl Said {
    fn has_place(&self, endpoint: SocketAddr) -> bool {
        let backends = self.route.iter().flat_map(|it| &it.backends);
        let mut endpoints = backends.flat_map(|it| it.target.endpoints());
        endpoints.any(|it| *it == endpoint)
    }

    /// What those get that have no place with `backend`; `None`: who could say it is gone.
    fn verdict(&self, backend: &Arc<str>) -> Option<Drain> {
        let of_backend = |it: &&DrainSpec| it.backend.as_ref() == Some(backend);
        let of_all = |it: &&DrainSpec| it.backend.is_none();
        let said = self.drains.iter().find(of_backend);
        if let Some(said) = said.or_else(|| self.drains.iter().find(of_all)) {
            return Some(said.drain);
        }
        let mut backends = self.route.iter().flat_map(|it| &it.backends);
        let planned = backends.find(|it| it.name == *backend)?;
        let is_gone = planned.target == TargetSpec::Reject(RejectReason::InvalidBackend);
        (!is_gone).then_some(Drain::Keep)
    }
}

fn said(table: &RoutingTable) -> BTreeMap<Arc<str>, Said> {
    let mut all: BTreeMap<Arc<str>, Said> = BTreeMap::new();
    for route in table.routes() {
        let said = Said {
            route: Some(Arc::clone(route)),
            drains: Vec::new(),
        };
        all.insert(Arc::clone(&route.name), said);
    }
    for drain in table.drains() {
        let said = all.entry(Arc::clone(&drain.route)).or_default();
        said.drains.push(drain.clone());
    }
    all
}

impl Drain {
    /// When a connection that gets this must end. `seed` is its own: no two should end together.
    pub fn end(self, seed: u64, now: Moment) -> Option<Moment> {
        match self {
            Self::Keep => None,
            Self::Now => Some(now),
            Self::Spread(time) => Some(now.after(part(time, seed))),
        }
    }
}

/// Some part of `time`, as evenly drawn as the seeds differ (SplitMix64).
fn part(time: Duration, seed: u64) -> Duration {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    let nanos = (time.as_nanos() * u128::from(z)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// When one worker may end the next connection for a `spread`, so that in no second it ends more
/// than its part of [`DRAIN_CLOSES_PER_SECOND`] (the generic cell rate algorithm, ITU-T I.371).
#[derive(Debug)]
pub struct Pace {
    gap: Duration,
    /// How far ahead of its gaps it may be: timers come in small batches.
    credit: Duration,
    due: Moment,
}

impl Pace {
    /// The pace of each of `n_workers`; at least one a second.
    pub fn shared_by(n_workers: u32) -> Self {
        let most = DRAIN_CLOSES_PER_SECOND.checked_div(n_workers).unwrap_or(0);
        let most = most.max(1);
        let at_once = (most / 10).max(1);
        // In any second: what comes at once, and a gap after each.
        let per_second = most - at_once + 1;
        let gap = Duration::from_nanos(1_000_000_000_u64.div_ceil(u64::from(per_second)));
        Self {
            gap,
            credit: gap * (at_once - 1),
            due: Moment::default(),
        }
    }

    /// Whether one more may end now; it counts as ended then.
    pub fn take(&mut self, now: Moment) -> bool {
        if now.after(self.credit) < self.due {
            return false;
        }
        self.due = self.due.max(now).after(self.gap);
        true
    }
}

#[cfg(test)]
mod tests;
