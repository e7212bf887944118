//! Which backend a stream gets: exact by weight, from nothing but the number of the stream.
//!
//! In: weights, once; then a ticket, the number of a stream on its route. Out: a [`Turn`]. Never:
//! state, random, endpoints, addresses.
//!
//! Streams are shared out as in a knock-out tournament. The weights are cut in two halves, a ticket
//! goes left or right, and in the half it went to it continues with its number *there*, until one
//! backend is left. At each cut, of the first `t` tickets `round(t × left ÷ sum)` go left: whatever
//! stretch of consecutive tickets one looks at, the left half got its share of it, rounded up or
//! down. From this follow, for every set of weights:
//!
//! * a stretch as long as the sum of the weights gives each backend exactly its weight;
//! * in any stretch a backend is less than one ticket a cut away from its share: less than four,
//!   with 16 backends;
//! * weight 0 gets nothing, and two equal weights take strict turns;
//! * [`Turn::rank`] counts each backend's tickets without a gap, so endpoints can take turns by it.

use crate::limits::BACKENDS_PER_ROUTE_MAX;

/// The weights of one route, ready to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shares {
    /// For each backend the sum of the weights up to and including its own.
    ends: Box<[u64]>,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Index of the backend.
    pub(crate) backend: usize,
    /// How many tickets this backend got before.
    pub(crate) rank: u64,
}

impl Shares {
    /// The shares of backends with these weights.
    pub(crate) fn new(weights: impl Iterator<Item = u32>) -> Self {
        let ends = weights.scan(0, |sum, weight| {
            *sum += u64::from(weight);
            Some(*sum)
        });
        let shares = Self {
            ends: ends.collect(),
        };
        debug_assert!(shares.ends.len() <= BACKENDS_PER_ROUTE_MAX);
        shares
    }

    /// The sum of all weights.
    pub(crate) fn sum(&self) -> u64 {
        self.weight_before(self.ends.len())
    }

    /// Whose turn `ticket` is; `None` when no backend has any weight.
    pub(crate) fn turn(&self, ticket: u64) -> Option<Turn> {
        if self.sum() == 0 {
            return None;
        }
        let (mut from, mut to, mut rank) = (0, self.ends.len(), ticket);
        while to - from > 1 {
            let middle = from.midpoint(to);
            let left = self.weight_before(middle) - self.weight_before(from);
            let both = self.weight_before(to) - self.weight_before(from);
            let went_left = rounded_share(rank, left, both);
            if rounded_share(rank + 1, left, both) > went_left {
                (to, rank) = (middle, went_left);
            } else {
                (from, rank) = (middle, rank - went_left);
            }
        }
        Some(Turn {
            backend: from,
            rank,
        })
    }

    /// The sum of the weights of the first `n` backends.
    fn weight_before(&self, n: usize) -> u64 {
        n.checked_sub(1)
            .and_then(|last| self.ends.get(last))
            .map_or(0, |end| *end)
    }
}

/// `round(n × part ÷ whole)`, half rounded up. Whole rounds of `whole` are taken apart first: with
/// at most 16 weights of a million each nothing overflows, whatever `n` is.
fn rounded_share(n: u64, part: u64, whole: u64) -> u64 {
    let (rounds, rest) = (n / whole, n % whole);
    rounds * part + (2 * rest * part + whole) / (2 * whole)
}

#[cfg(test)]
mod tests;
