//! What many sources gave, kept so that one source can be exchanged.
//!
//! In: a [`SourceReading`] and the rank of its source among all. Out: the same [`Objects`] as
//! [`super::merge()`] gives for all of them, at the cost of what changed. Never: text, files.
//!
//! An object's place in the order of input is its source's rank and its position in it. Of several
//! objects with one name the first in that order is used. The generation of an object counts the
//! changes of its spec that came by here, as an API server would count them.

use std::collections::{BTreeMap, BTreeSet};

use super::SourceReading;
use super::merge::{tell, there_twice};
use super::object::Object;
use crate::api::Kind;
use crate::diagnostic::Diagnostic;
use crate::limits::{DIAGNOSTICS_MAX, NODES_MAX};
use crate::origin::{Given, ObjectKey};
use crate::snapshot::Objects;

/// Where a source stands among all: the smaller, the earlier; below [`RANK_MAX`].
pub type Rank = u64;

/// Bits of an order that tell the position in a source: an object has at least three of the [`NODES_MAX`] nodes.
const POSITION_BITS: u32 = 20;

const _: () = assert!(NODES_MAX / 3 < 1 << POSITION_BITS);

/// Ranks are smaller.
pub const RANK_MAX: Rank = 1 << (u64::BITS - POSITION_BITS);

/// The place of an object in the order of input: rank, then position.
type Order = u64;

/// Readings by rank. The objects that are used are kept by the caller.
#[derive(Debug, Default)]
pub struct Collection {
    sources: BTreeMap<Rank, SourceReading>,
    /// Objects that are not used because one of their name comes before.
    rivals: BTreeMap<ObjectKey, BTreeSet<Order>>,
    /// Sources of which there is something to tell.
    telling: BTreeSet<Rank>,
}

/// Sources to exchange, by rank; `None`: the source is gone.
pub type Exchange = Vec<(Rank, Option<SourceReading>)>;

/// Objects that left with their source: what a returning one continues.
type Left = BTreeMap<ObjectKey, (i64, Given)>;

impl Collection {
    /// Exchanges sources in one step, and brings `objects`, which this collection made, up to it.
    /// Gives the kinds that came, changed or went.
    pub fn exchange(&mut self, objects: &mut Objects, exchange: Exchange) -> BTreeSet<Kind> {
        let mut kinds = BTreeSet::new();
        let mut left = Left::new();
        let mut left_out = BTreeSet::new();
        for (rank, _) in &exchange {
            self.telling.remove(rank);
            if let Some(reading) = self.sources.remove(rank) {
                kinds.extend(reading.objects.iter().map(|it| it.key().kind));
                for (key, _) in &reading.left_out {
                    objects.left_out.remove(key);
                    left_out.insert(key.clone());
                }
                self.take_out(objects, *rank, &reading, &mut left);
            }
        }
        for (rank, reading) in exchange {
            let Some(mut reading) = reading else { continue };
            for (position, object) in (0..).zip(&mut reading.objects) {
                settle(object, order(rank, position), &left);
                kinds.insert(object.key().kind);
            }
            left_out.extend(reading.left_out.iter().map(|(key, _)| key.clone()));
            if !reading.diagnostics.is_empty() {
                self.telling.insert(rank);
            }
            self.sources.insert(rank, reading);
            self.put_in(objects, rank);
        }
        if !left_out.is_empty() {
            // Several may leave out the same: the last of them counts, as when all are read anew.
            let all = self.sources.values().flat_map(|it| &it.left_out);
            let told = all.filter(|(key, _)| left_out.contains(key));
            objects.left_out.extend(told.cloned());
        }
        kinds
    }

    /// The objects that a source gave and would not if it were exchanged for `reading`, unless another
    /// source gives them as well.
    pub fn lost(
        &self,
        objects: &Objects,
        rank: Rank,
        reading: &SourceReading,
    ) -> BTreeSet<ObjectKey> {
        let Some(before) = self.sources.get(&rank) else {
            return BTreeSet::new();
        };
        let before = before.objects.iter().map(Object::key);
        let after = reading.objects.iter().map(Object::key);
        if before.clone().eq(after.clone()) {
            return BTreeSet::new();
        }
        let after: BTreeSet<&ObjectKey> = after.collect();
        let lost = before.filter(|key| !after.contains(key) && !self.is_beside(objects, rank, key));
        lost.cloned().collect()
    }

    /// Whether a source other than this one gives an object of that name.
    fn is_beside(&self, objects: &Objects, rank: Rank, key: &ObjectKey) -> bool {
        let used = objects.origin(key).map(|it| it.order);
        let rivals = self.rivals.get(key).into_iter().flatten().copied();
        let mut orders = used.into_iter().chain(rivals);
        orders.any(|order| order >> POSITION_BITS != rank)
    }

    /// Whether every object that a source gave is among these.
    pub fn is_covered(&self, rank: Rank, keys: &BTreeSet<&ObjectKey>) -> bool {
        let given = self.sources.get(&rank).map(|it| &it.objects);
        let mut given = given.into_iter().flatten().map(Object::key);
        given.all(|key| keys.contains(key))
    }

    /// All problems, in order of the sources.
    pub fn diagnostics(&self, objects: &Objects) -> Vec<Diagnostic> {
        let read = self.telling.iter().filter_map(|it| self.sources.get(it));
        let mut all: Vec<Diagnostic> = read.flat_map(|it| it.diagnostics.clone()).collect();
        for (key, orders) in &self.rivals {
            let first = objects.origin(key);
            for second in orders.iter().filter_map(|it| self.object(*it)) {
                if let Some(first) = first {
                    tell(&mut all, there_twice(key, second.origin(), first));
                }
            }
        }
        all.truncate(DIAGNOSTICS_MAX);
        all
    }

    /// The names of all objects that are used, in the order of input.
    pub fn in_order(&self, objects: &Objects) -> Vec<ObjectKey> {
        let mut all = Vec::new();
        for (rank, reading) in &self.sources {
            for (position, object) in (0..).zip(&reading.objects) {
                let used = objects.origin(object.key()).map(|it| it.order);
                if used == Some(order(*rank, position)) {
                    all.push(object.key().clone());
                }
            }
        }
        all
    }

    /// Kinds that are skipped, with how often.
    pub fn skipped(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for (kind, n) in self.sources.values().flat_map(|it| &it.skipped) {
            *all.entry(kind.clone()).or_default() += n;
        }
        all
    }

    fn object(&self, order: Order) -> Option<&Object> {
        let rank = order >> POSITION_BITS;
        let position = usize::try_from(order % (1 << POSITION_BITS)).ok()?;
        self.sources.get(&rank)?.objects.get(position)
    }

    /// Takes the objects of a source out; of each the next of its name takes the place.
    fn take_out(
        &mut self,
        objects: &mut Objects,
        rank: Rank,
        reading: &SourceReading,
        left: &mut Left,
    ) {
        for (position, object) in (0..).zip(&reading.objects) {
            let (key, own) = (object.key(), order(rank, position));
            if let Some(rivals) = self.rivals.get_mut(key)
                && rivals.remove(&own)
            {
                if rivals.is_empty() {
                    self.rivals.remove(key);
                }
                continue;
            }
            let generation = object.generation().unwrap_or(1);
            let past = (generation, object.given().clone());
            left.entry(key.clone()).or_insert(past);
            object.remove_from(objects);
            let Some(rivals) = self.rivals.get_mut(key) else {
                continue;
            };
            let next = rivals.pop_first();
            if rivals.is_empty() {
                self.rivals.remove(key);
            }
            if let Some(next) = next.and_then(|it| self.object(it)) {
                next.insert_into(objects);
            }
        }
    }

    fn put_in(&mut self, objects: &mut Objects, rank: Rank) {
        let Some(reading) = self.sources.get(&rank) else {
            return;
        };
        for (position, object) in (0..).zip(&reading.objects) {
            let (key, own) = (object.key(), order(rank, position));
            let used = objects.origin(key).map(|it| it.order);
            let loser = match used {
                Some(used) if used < own => own,
                Some(used) => {
                    object.insert_into(objects);
                    used
                }
                None => {
                    object.insert_into(objects);
                    continue;
                }
            };
            self.rivals.entry(key.clone()).or_default().insert(loser);
        }
    }
}

fn order(rank: Rank, position: u64) -> Order {
    debug_assert!(rank < RANK_MAX && position < 1 << POSITION_BITS);
    rank << POSITION_BITS | position
}

/// Gives an object its place, and the generation that follows from what it was before. A generation
/// that is written counts if it is ahead.
fn settle(object: &mut Object, order: Order, left: &Left) {
    let (before, given) = (left.get(object.key()), object.given().clone());
    object.set_order(order);
    let (Some((generation, before)), Some(own)) = (before, object.generation()) else {
        return;
    };
    let changed = before.json().get("spec") != given.json().get("spec");
    let next = own.max(generation + i64::from(changed));
    // What says what it said before stays the same value: nothing is decided again for it.
    if next != own {
        object.set_generation(next);
    }
}

#[cfg(test)]
mod tests;
