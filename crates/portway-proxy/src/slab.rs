//! Things of one worker, found by a key that a later thing in the same place does not have.
//!
//! In: things. Out: a [`Key`] each. Never: a move of a thing, a search. A key may travel through
//! the kernel (epoll) and come back after its thing is gone: then it finds nothing.

use std::ops::Range;

/// Where a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// The place.
    pub(crate) index: u32,
    /// How many things were in this place before.
    pub(crate) generation: u32,
}

/// Places for things. It grows to the most there ever were at once, which descriptors bound.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    vacant: Option<u32>,
    n_taken: usize,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    thing: Thing<T>,
}

#[derive(Debug)]
enum Thing<T> {
    Here(T),
    /// The place is vacant, as is the next one named, if any.
    Gone(Option<u32>),
}

impl<T> Slab<T> {
    /// Without a thing.
    pub(crate) const fn new() -> Self {
        Self {
            places: Vec::new(),
            vacant: None,
            n_taken: 0,
        }
    }

    /// How many things there are.
    pub(crate) fn len(&self) -> usize {
        self.n_taken
    }

    /// Puts a thing into a vacant place.
    pub(crate) fn insert(&mut self, thing: T) -> Key {
        self.n_taken += 1;
        if let Some(index) = self.vacant
            && let Some(place) = self.places.get_mut(to_usize(index))
            && let Thing::Gone(next) = place.thing
        {
            self.vacant = next;
            place.thing = Thing::Here(thing);
            let generation = place.generation;
            return Key { index, generation };
        }
        let index = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(Place {
            generation: 0,
            thing: Thing::Here(thing),
        });
        let generation = 0;
        Key { index, generation }
    }

    /// The thing, unless it is gone.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(to_usize(key.index))?;
        match &mut place.thing {
            Thing::Here(thing) if place.generation == key.generation => Some(thing),
            Thing::Here(_) | Thing::Gone(_) => None,
        }
    }

    /// Takes the thing out, unless it is gone.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get_mut(key)?;
        let place = self.places.get_mut(to_usize(key.index))?;
        let thing = std::mem::replace(&mut place.thing, Thing::Gone(self.vacant));
        place.generation = place.generation.wrapping_add(1);
        self.vacant = Some(key.index);
        self.n_taken -= 1;
        match thing {
            Thing::Here(thing) => Some(thing),
            Thing::Gone(_) => None,
        }
    }

    /// The key of the thing in a place.
    pub(crate) fn key_at(&self, index: u32) -> Option<Key> {
        let place = self.places.get(to_usize(index))?;
        let generation = place.generation;
        matches!(place.thing, Thing::Here(_)).then_some(Key { index, generation })
    }

    /// The things in `places`, of which there may be fewer, each with its key.
    pub(crate) fn things_in(&self, places: Range<usize>) -> impl Iterator<Item = (Key, &T)> {
        let end = places.end.min(self.places.len());
        let some = self.places.get(places.start..end).unwrap_or_default();
        let start = u32::try_from(places.start).unwrap_or(u32::MAX);
        (start..).zip(some).filter_map(|(index, place)| {
            let generation = place.generation;
            match &place.thing {
                Thing::Here(thing) => Some((Key { index, generation }, thing)),
                Thing::Gone(_) => None,
            }
        })
    }

    /// How many places there are, taken or vacant.
    pub(crate) fn n_places(&self) -> usize {
        self.places.len()
    }

    /// The keys of all things.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let places = (0..).zip(&self.places);
        let taken = places.filter(|(_, place)| matches!(place.thing, Thing::Here(_)));
        taken
            .map(|(index, place)| Key {
                index,
                generation: place.generation,
            })
            .collect()
    }
}

fn to_usize(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
