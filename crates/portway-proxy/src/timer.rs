//! Who must be looked at when: a wheel of lists through the places of a slab.
//!
//! In: the place of a connection and a [`Moment`]. Out: places whose moment has come. Never: an
//! allocation per wait, a search: setting and clearing take the same few steps however many wait.
//!
//! The wheel has 128 rows of 134 ms each. A wait beyond one revolution ends at its end, and whoever
//! set it looks and sets it again.

use std::time::Duration;

use portway_engine::time::Moment;

use crate::limits::TIMER_STEP_BITS;

const ROWS: u64 = 128;
const NOBODY: u32 = u32::MAX;

/// The waits of one worker: at most one for each place.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The first place of each row.
    firsts: [u32; 128],
    /// Which rows have anybody.
    occupied: u128,
    links: Vec<Link>,
    /// The step up to which everybody was looked at.
    turned: u64,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
    row: Option<u8>,
}

impl Wheel {
    /// Nobody waits.
    pub(crate) const fn new() -> Self {
        Self {
            firsts: [NOBODY; 128],
            occupied: 0,
            links: Vec::new(),
            turned: 0,
        }
    }

    /// Looks at `place` at or soon after `deadline`; a wait it had before is forgotten.
    pub(crate) fn set(&mut self, place: u32, deadline: Moment, now: Moment) {
        self.clear(place);
        if self.occupied == 0 {
            // While nobody waits nobody turns it. From where it stood the new wait would end at
            // once, to be set again for each revolution since.
            self.turned = self.turned.max(now.as_nanos() >> TIMER_STEP_BITS);
        }
        let index = to_usize(place);
        if self.links.len() <= index {
            self.links.resize(index + 1, Link::LOOSE);
        }
        let step = (deadline.as_nanos() >> TIMER_STEP_BITS) + 1;
        let step = step.clamp(self.turned + 1, self.turned + ROWS - 1);
        let row = u8::try_from(step % ROWS).unwrap_or(0);
        let first = std::mem::replace(&mut self.firsts[usize::from(row)], place);
        if let Some(next) = self.links.get_mut(to_usize(first)) {
            next.before = place;
        }
        self.links[index] = Link {
            before: NOBODY,
            after: first,
            row: Some(row),
        };
        self.occupied |= 1 << row;
    }

    /// Forgets the wait of `place`, if it has one.
    pub(crate) fn clear(&mut self, place: u32) {
        let Some(link) = self.links.get_mut(to_usize(place)) else {
            return;
        };
        let Link { before, after, row } = std::mem::replace(link, Link::LOOSE);
        let Some(row) = row else {
            return;
        };
        if let Some(next) = self.links.get_mut(to_usize(after)) {
            next.before = before;
        }
        match self.links.get_mut(to_usize(before)) {
            Some(previous) => previous.after = after,
            None => self.firsts[usize::from(row)] = after,
        }
        if self.firsts[usize::from(row)] == NOBODY {
            self.occupied &= !(1 << row);
        }
    }

    /// The next place whose moment has come; its wait is over.
    pub(crate) fn take_due(&mut self, now: Moment) -> Option<u32> {
        let now = now.as_nanos() >> TIMER_STEP_BITS;
        while self.turned < now {
            if self.occupied == 0 {
                self.turned = now;
                return None;
            }
            let row = usize::try_from((self.turned + 1) % ROWS).unwrap_or(0);
            let first = self.firsts[row];
            if first != NOBODY {
                self.clear(first);
                return Some(first);
            }
            self.turned += 1;
        }
        None
    }

    /// How long nobody's moment comes, if anybody waits.
    pub(crate) fn wait(&self, now: Moment) -> Option<Duration> {
        if self.occupied == 0 {
            return None;
        }
        let next = self.turned + 1;
        let shift = u32::try_from(next % ROWS).unwrap_or(0);
        let step = next + u64::from(self.occupied.rotate_right(shift).trailing_zeros());
        Some(Moment::from_nanos(step << TIMER_STEP_BITS).since(now))
    }
}

impl Link {
    const LOOSE: Self = Self {
        before: NOBODY,
        after: NOBODY,
        row: None,
    };
}

fn to_usize(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
