//! What is different between two tables: which sockets stay, and which facts changed.
//!
//! In: two tables. Out: a [`TableDiff`]. Never: what to do about it; a worker opens and closes, and
//! open connections keep what they were born with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Listener, ListenerKey, Route, RoutingTable};

/// The way from one table to the next. All lists are in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDiff {
    /// Sockets that stay open, with the listener they belong to from now on.
    pub kept: Vec<(ListenerKey, Arc<Listener>)>,
    /// Sockets to open, with their listener.
    pub opened: Vec<(ListenerKey, Arc<Listener>)>,
    /// Sockets to close, with the listener they belonged to.
    pub closed: Vec<(ListenerKey, Arc<Listener>)>,
    /// Listeners by name; one whose route changed has changed.
    pub listeners: Changes,
    /// Routes by name.
    pub routes: Changes,
}

/// Names of what came, changed and went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Only in the later table.
    pub added: Vec<Arc<str>>,
    /// In both, and not equal.
    pub changed: Vec<Arc<str>>,
    /// Only in the earlier table.
    pub removed: Vec<Arc<str>>,
}

/// What two tables do not share: what is in neither list is the same value in both tables.
#[derive(Debug)]
pub struct Unshared<'t, T> {
    /// Of the earlier table, in its order.
    pub before: Vec<&'t Arc<T>>,
    /// Of the later table, in its order.
    pub after: Vec<&'t Arc<T>>,
}

/// The listeners that two tables do not share; it costs a glance at each, and no more.
pub fn unshared_listeners<'t>(
    before: Option<&'t RoutingTable>,
    after: &'t RoutingTable,
) -> Unshared<'t, Listener> {
    unshared(before.map_or(&[], |it| &it.listeners), &after.listeners)
}

/// The routes that two tables do not share.
pub fn unshared_routes<'t>(
    before: Option<&'t RoutingTable>,
    after: &'t RoutingTable,
) -> Unshared<'t, Route> {
    unshared(before.map_or(&[], |it| &it.routes), &after.routes)
}

/// Where something came or went in the middle, all that stands between the first and the last
/// difference counts as not shared.
fn unshared<'t, T>(before: &'t [Arc<T>], after: &'t [Arc<T>]) -> Unshared<'t, T> {
    let is_same = |(before, after): &(&Arc<T>, &Arc<T>)| Arc::ptr_eq(before, after);
    if before.len() == after.len() {
        let pairs = before.iter().zip(after);
        let (before, after) = pairs.filter(|it| !is_same(it)).unzip();
        return Unshared { before, after };
    }
    let n_first = before.iter().zip(after).take_while(is_same).count();
    let (before, after) = (before.iter().skip(n_first), after.iter().skip(n_first));
    let ends = before.clone().rev().zip(after.clone().rev());
    let n_last = ends.take_while(is_same).count();
    let (n_before, n_after) = (before.len() - n_last, after.len() - n_last);
    Unshared {
        before: before.take(n_before).collect(),
        after: after.take(n_after).collect(),
    }
}

/// What it takes to get from `before` (`None`: nothing at all) to `after`.
pub fn diff(before: Option<&RoutingTable>, after: &RoutingTable) -> TableDiff {
    let old_keys = before.map(by_key).unwrap_or_default();
    let new_keys = by_key(after);
    let owned = |(key, listener): (&ListenerKey, &&Arc<Listener>)| (*key, Arc::clone(listener));
    let (listeners, routes) = (
        unshared_listeners(before, after),
        unshared_routes(before, after),
    );
    let is_old = |key: &ListenerKey| old_keys.contains_key(key);
    let is_new = |key: &ListenerKey| new_keys.contains_key(key);
    let kept = new_keys.iter().filter(|(key, _)| is_old(key));
    let opened = new_keys.iter().filter(|(key, _)| !is_old(key));
    let closed = old_keys.iter().filter(|(key, _)| !is_new(key));
    TableDiff {
        kept: kept.map(owned).collect(),
        opened: opened.map(owned).collect(),
        closed: closed.map(owned).collect(),
        listeners: changes(&listeners, |it| &it.name),
        routes: changes(&routes, |it| &it.name),
    }
}

impl TableDiff {
    /// Whether the two tables are the same but for their version.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty()
            && self.closed.is_empty()
            && self.listeners.is_empty()
            && self.routes.is_empty()
    }
}

impl Changes {
    /// Whether nothing came, changed or went.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

fn by_key(table: &RoutingTable) -> BTreeMap<ListenerKey, &Arc<Listener>> {
    let listeners = table.listeners.iter();
    listeners
        .flat_map(|listener| listener.keys.iter().map(move |key| (*key, listener)))
        .collect()
}

/// What is shared has not changed, so only the others are looked at.
fn changes<T: Eq>(unshared: &Unshared<'_, T>, name: fn(&T) -> &Arc<str>) -> Changes {
    let by_name = |all: &[&'_ Arc<T>]| -> BTreeMap<Arc<str>, Arc<T>> {
        let named = all.iter().map(|it| (Arc::clone(name(it)), Arc::clone(it)));
        named.collect()
    };
    let (mut old, new) = (by_name(&unshared.before), by_name(&unshared.after));
    let mut changes = Changes::default();
    for (name, item) in new {
        match old.remove(&name) {
            None => changes.added.push(name),
            Some(before) if before != item => changes.changed.push(name),
            Some(_) => {}
        }
    }
    changes.removed = old.into_keys().collect();
    changes
}
