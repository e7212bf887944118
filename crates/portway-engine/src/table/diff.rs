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

/// What it takes to get from `before` (`None`: nothing at all) to `after`.
pub fn diff(before: Option<&RoutingTable>, after: &RoutingTable) -> TableDiff {
    let old_keys = before.map(by_key).unwrap_or_default();
    let new_keys = by_key(after);
    let owned = |(key, listener): (&ListenerKey, &&Arc<Listener>)| (*key, Arc::clone(listener));
    let is_old = |key: &ListenerKey| old_keys.contains_key(key);
    let is_new = |key: &ListenerKey| new_keys.contains_key(key);
    let kept = new_keys.iter().filter(|(key, _)| is_old(key));
    let opened = new_keys.iter().filter(|(key, _)| !is_old(key));
    let closed = old_keys.iter().filter(|(key, _)| !is_new(key));
    TableDiff {
        kept: kept.map(owned).collect(),
        opened: opened.map(owned).collect(),
        closed: closed.map(owned).collect(),
        listeners: changes(
            &before.map(listeners_by_name).unwrap_or_default(),
            &listeners_by_name(after),
        ),
        routes: changes(
            &before.map(routes_by_name).unwrap_or_default(),
            &routes_by_name(after),
        ),
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

type ByName<'a, T> = BTreeMap<&'a Arc<str>, &'a Arc<T>>;

fn by_key(table: &RoutingTable) -> BTreeMap<ListenerKey, &Arc<Listener>> {
    let listeners = table.listeners.iter();
    listeners
        .flat_map(|listener| listener.keys.iter().map(move |key| (*key, listener)))
        .collect()
}

fn listeners_by_name(table: &RoutingTable) -> ByName<'_, Listener> {
    table.listeners.iter().map(|it| (&it.name, it)).collect()
}

fn routes_by_name(table: &RoutingTable) -> ByName<'_, Route> {
    table.routes.iter().map(|it| (&it.name, it)).collect()
}

/// `Arc`s of a type that is `Eq` compare by pointer first, so what is shared costs nothing.
fn changes<T: Eq>(old: &ByName<'_, T>, new: &ByName<'_, T>) -> Changes {
    let mut changes = Changes::default();
    for (name, item) in new {
        match old.get(name) {
            None => changes.added.push(Arc::clone(name)),
            Some(before) if before != item => changes.changed.push(Arc::clone(name)),
            Some(_) => {}
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    changes.removed = gone.map(|name| Arc::clone(name)).collect();
    changes
}
