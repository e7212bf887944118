//! What a change of tables means for one open connection, told from the two tables as plainly as
//! it goes.

use std::time::Duration;

use portway_engine::table::{Drain, DrainSpec, RejectReason, Route, RoutingTable, TargetSpec};
use portway_engine::time::Moment;

use super::shadow::{Shadow, State};

/// What must become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Whatever it was.
    AsBefore,
    /// It has its place, or may keep what it had.
    GoesOn,
    /// It ends within this time.
    EndsWithin(Duration),
}

impl Fate {
    /// Holds the end it was given against it.
    pub(crate) fn check(self, end: Option<Moment>, now: Moment) {
        match (self, end) {
            (Self::GoesOn, None) => {}
            (Self::EndsWithin(time), Some(end)) => {
                assert!(now <= end && end <= now.after(time), "{end:?} by {self:?}");
            }
            _ => panic!("{end:?} by {self:?}"),
        }
    }
}

/// What becomes of the connection of `shadow` when its worker moves from `before` to `after`.
pub(crate) fn fate(shadow: &Shadow, before: &RoutingTable, after: &RoutingTable) -> Fate {
    let (State::Dialling { endpoint, .. } | State::Relaying { endpoint }) = shadow.state else {
        return Fate::AsBefore;
    };
    let (Some(route), Some(backend)) = (&shadow.listener.route, shadow.backend()) else {
        return Fate::AsBefore;
    };
    let (route, backend) = (&*route.name, &*backend.name);
    if of(before, route) == of(after, route) {
        return Fate::AsBefore;
    }
    let has_endpoint = |it: &TargetSpec| it.endpoints().contains(&endpoint);
    let has_place = |table| {
        let backends = named(table, route).map(|it| &it.backends);
        backends.is_some_and(|all| all.iter().any(|it| has_endpoint(&it.target)))
    };
    if has_place(after) {
        return Fate::GoesOn;
    }
    let said = last_word(before, route, backend);
    let word = last_word(after, route, backend).or(said);
    if shadow.end.is_some() && !has_place(before) && word == said {
        return Fate::AsBefore;
    }
    match word {
        None => Fate::AsBefore,
        Some(Drain::Keep) => Fate::GoesOn,
        Some(Drain::Now) => Fate::EndsWithin(Duration::ZERO),
        Some(Drain::Spread(time)) => Fate::EndsWithin(time),
    }
}

/// All a table has about a route, to compare.
fn of<'t>(table: &'t RoutingTable, route: &str) -> (Option<&'t Route>, Vec<&'t DrainSpec>) {
    let drains = table.drains().iter().filter(|it| &*it.route == route);
    (named(table, route), drains.collect())
}

fn named<'t>(table: &'t RoutingTable, route: &str) -> Option<&'t Route> {
    let mut routes = table.routes().iter().map(|it| &**it);
    routes.find(|it| &*it.name == route)
}

/// What the table says of those who lost their place with `backend`; nothing if whoever could is
/// gone.
fn last_word(table: &RoutingTable, route: &str, backend: &str) -> Option<Drain> {
    let said = |of: Option<&str>| {
        let mut drains = table.drains().iter();
        drains.find(|it| &*it.route == route && it.backend.as_deref() == of)
    };
    if let Some(said) = said(Some(backend)).or_else(|| said(None)) {
        return Some(said.drain);
    }
    let mut backends = named(table, route)?.backends.iter();
    let target = &backends.find(|it| &*it.name == backend)?.target;
    let is_gone = matches!(target, TargetSpec::Reject(RejectReason::InvalidBackend));
    (!is_gone).then_some(Drain::Keep)
}
