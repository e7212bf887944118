//! Waits, counted by size: every quantile within 1.6 %, in 30 KiB.
//!
//! In: waits in nanoseconds. Out: quantiles. Never: an allocation after the first, a wait that is
//! left out: the last bucket takes whatever is longer.

use serde_json::{Value, json};

/// Buckets of each doubling, as a power of two: the error is half of 1/32.
const SHARE_BITS: u32 = 5;
const SHARES: usize = 1 << SHARE_BITS;
/// Doublings: up to 2³⁸ ns, four and a half minutes.
const DOUBLINGS: usize = 35;

/// Waits by size.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    n: u64,
    longest: u64,
}

impl Histogram {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            buckets: vec![0; SHARES * DOUBLINGS],
            n: 0,
            longest: 0,
        }
    }

    /// Counts one wait.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.n += 1;
        self.longest = self.longest.max(nanos);
        let last = self.buckets.len() - 1;
        if let Some(bucket) = self.buckets.get_mut(index_of(nanos).min(last)) {
            *bucket += 1;
        }
    }

    /// Adds what another one counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.n += other.n;
        self.longest = self.longest.max(other.longest);
        for (sum, part) in self.buckets.iter_mut().zip(&other.buckets) {
            *sum += part;
        }
    }

    /// The wait, in nanoseconds, that `share` of all do not exceed; 0 if there are none.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.n as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, n) in self.buckets.iter().enumerate() {
            seen += n;
            if seen >= wanted {
                return middle_of(index).min(self.longest);
            }
        }
        self.longest
    }

    /// What people want to know of it, in microseconds.
    pub(crate) fn to_json(&self) -> Value {
        let micros =
            |nanos: u64| json!(f64::from(u32::try_from(nanos / 10).unwrap_or(u32::MAX)) / 100.0);
        json!({
            "n": self.n,
            "p50_us": micros(self.quantile(0.5)),
            "p90_us": micros(self.quantile(0.9)),
            "p99_us": micros(self.quantile(0.99)),
            "p999_us": micros(self.quantile(0.999)),
            "max_us": micros(self.longest),
        })
    }
}

/// The bucket of a wait: exact below 32 ns, then 32 for each doubling.
fn index_of(nanos: u64) -> usize {
    let doubling = (64 - nanos.leading_zeros()).saturating_sub(SHARE_BITS + 1);
    let share = usize::try_from(nanos >> doubling).unwrap_or(usize::MAX);
    // `share` is below 32 only in the first row, and from 32 to 63 in all others.
    (doubling as usize * SHARES).saturating_add(share)
}

/// The middle of what falls into a bucket.
fn middle_of(index: usize) -> u64 {
    if index < 2 * SHARES {
        return index as u64;
    }
    let doubling = index / SHARES - 1;
    let share = (index % SHARES + SHARES) as u64;
    (share << doubling) + (1 << doubling) / 2
}

#[cfg(test)]
mod tests;
