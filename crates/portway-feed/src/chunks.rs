//! The messages of an update, made one at a time.
//!
//! In: [`Step`]s. Out: chunks of at most [`MESSAGE_BYTES_MAX`], the last with the commit. Never:
//! the whole update in memory; what is not yet taken is still the shared state it is made from.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::vec;

use portway_engine::table::{BackendSpec, RouteSpec, TargetSpec};
use prost::Message;

use crate::diff::Step;
use crate::limits::{ADDRESSES_PER_CHANGE_MAX, MESSAGE_BYTES_MAX};
use crate::wire::change::Kind;
use crate::wire::{self, addr_to_bytes, drains_to_wire, listener_to_wire, route_to_wire};

/// Bytes of a chunk beside its changes: nonce, commit and their tags.
const FRAME_BYTES_MAX: usize = 64;

/// Tag and length of a change.
const CHANGE_FRAME_BYTES_MAX: usize = 6;

/// An update on its way.
#[derive(Debug)]
pub(crate) struct Chunks {
    nonce: u64,
    commit: wire::Commit,
    steps: vec::IntoIter<Step>,
    ready: VecDeque<wire::Change>,
    is_complete: bool,
}

impl Chunks {
    pub(crate) fn new(nonce: u64, commit: wire::Commit, steps: Vec<Step>) -> Self {
        Self {
            nonce,
            commit,
            steps: steps.into_iter(),
            ready: VecDeque::new(),
            is_complete: false,
        }
    }

    fn next_change(&mut self) -> Option<wire::Change> {
        while self.ready.is_empty() {
            expand(self.steps.next()?, &mut self.ready);
        }
        self.ready.pop_front()
    }
}

impl Iterator for Chunks {
    type Item = wire::Chunk;

    fn next(&mut self) -> Option<wire::Chunk> {
        if self.is_complete {
            return None;
        }
        let mut chunk = wire::Chunk {
            nonce: self.nonce,
            changes: Vec::new(),
            commit: None,
        };
        let mut n_bytes = FRAME_BYTES_MAX;
        while let Some(change) = self.next_change() {
            n_bytes += CHANGE_FRAME_BYTES_MAX + change.encoded_len();
            if n_bytes > MESSAGE_BYTES_MAX {
                self.ready.push_front(change);
                return Some(chunk);
            }
            chunk.changes.push(change);
        }
        if n_bytes + self.commit.encoded_len() > MESSAGE_BYTES_MAX && !chunk.changes.is_empty() {
            return Some(chunk);
        }
        self.is_complete = true;
        chunk.commit = Some(std::mem::take(&mut self.commit));
        Some(chunk)
    }
}

fn expand(step: Step, changes: &mut VecDeque<wire::Change>) {
    let kind = match step {
        Step::SetListener(listener) => Kind::SetListener(listener_to_wire(&listener)),
        Step::RemoveListener(name) => Kind::RemoveListener(name.to_string()),
        Step::RemoveRoute(name) => Kind::RemoveRoute(name.to_string()),
        Step::SetDrains(drains) => Kind::SetDrains(drains_to_wire(&drains)),
        Step::RemoveDrains(route) => Kind::RemoveDrains(route.to_string()),
        Step::SetRoute { before, after } => {
            return expand_route(before.as_deref(), &after, changes);
        }
    };
    changes.push_back(wire::Change { kind: Some(kind) });
}

/// The route itself if it is new or different in more than endpoints, then what came and went of
/// each backend.
fn expand_route(
    before: Option<&RouteSpec>,
    after: &Arc<RouteSpec>,
    changes: &mut VecDeque<wire::Change>,
) {
    let old = before.map_or(&[][..], |it| &it.backends);
    let is_same = before.is_some() && same_but_for_endpoints(old, &after.backends);
    let sources = if is_same {
        (0..old.len()).map(Some).collect()
    } else {
        sources(old, &after.backends)
    };
    let source = |place: usize| sources.get(place).copied().flatten();
    if !is_same {
        let route = route_to_wire(after, source);
        let kind = Some(Kind::SetRoute(route));
        changes.push_back(wire::Change { kind });
    }
    for (place, backend) in after.backends.iter().enumerate() {
        let old = source(place).and_then(|it| old.get(it));
        let old = old.map_or(&[][..], |it| it.target.endpoints());
        let (added, removed) = came_and_went(old, backend.target.endpoints());
        push_endpoints(after, place, (added, removed), changes);
    }
}

fn same_but_for_endpoints(old: &[BackendSpec], new: &[BackendSpec]) -> bool {
    let is_same = |(old, new): (&BackendSpec, &BackendSpec)| {
        let is_same_target = match (&old.target, &new.target) {
            (TargetSpec::Endpoints(_), TargetSpec::Endpoints(_)) => true,
            (old, new) => old == new,
        };
        old.name == new.name && old.weight == new.weight && is_same_target
    };
    old.len() == new.len() && old.iter().zip(new).all(is_same)
}

/// For each new backend with endpoints the place of the old one of its name that has some. A route
/// may name a backend twice: then the first goes with the first.
fn sources(old: &[BackendSpec], new: &[BackendSpec]) -> Vec<Option<usize>> {
    let mut places: BTreeMap<&str, VecDeque<usize>> = BTreeMap::new();
    for (place, backend) in old.iter().enumerate() {
        if matches!(backend.target, TargetSpec::Endpoints(_)) {
            places.entry(&backend.name).or_default().push_back(place);
        }
    }
    let source = |backend: &BackendSpec| match backend.target {
        TargetSpec::Endpoints(_) => places.get_mut(&*backend.name)?.pop_front(),
        TargetSpec::Reject(_) => None,
    };
    new.iter().map(source).collect()
}

/// Both lists are ascending, without anything twice.
fn came_and_went(old: &[SocketAddr], new: &[SocketAddr]) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
    let only_in = |these: &[SocketAddr], others: &[SocketAddr]| {
        let is_only = |it: &&SocketAddr| others.binary_search(it).is_err();
        these.iter().filter(is_only).copied().collect()
    };
    (only_in(new, old), only_in(old, new))
}

fn push_endpoints(
    route: &RouteSpec,
    place: usize,
    (added, removed): (Vec<SocketAddr>, Vec<SocketAddr>),
    changes: &mut VecDeque<wire::Change>,
) {
    let to_bytes = |addrs: &[SocketAddr]| addrs.iter().map(|it| addr_to_bytes(*it)).collect();
    let change = |added: &[SocketAddr], removed: &[SocketAddr]| wire::EndpointsChange {
        route: route.name.to_string(),
        backend: u32::try_from(place).unwrap_or(u32::MAX),
        added: to_bytes(added),
        removed: to_bytes(removed),
    };
    let mut push = |change| {
        let kind = Some(Kind::Endpoints(change));
        changes.push_back(wire::Change { kind });
    };
    let is_small = added.len() + removed.len() <= ADDRESSES_PER_CHANGE_MAX;
    if is_small && added.len() + removed.len() > 0 {
        return push(change(&added, &removed));
    }
    for removed in removed.chunks(ADDRESSES_PER_CHANGE_MAX) {
        push(change(&[], removed));
    }
    for added in added.chunks(ADDRESSES_PER_CHANGE_MAX) {
        push(change(added, &[]));
    }
}
