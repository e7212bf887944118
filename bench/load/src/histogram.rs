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
mod tests {
    use super::Histogram;

    fn of(waits: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::new();
        waits.into_iter().for_each(|it| histogram.record(it));
        histogram
    }

    #[test]
    fn quantiles_are_within_a_sixtieth_of_the_truth() {
        for scale in [1, 10, 1_000, 100_000, 10_000_000] {
            let histogram = of((1..=1000).map(|it| it * scale));
            for (share, truth) in [(0.5, 500), (0.9, 900), (0.99, 990), (0.999, 999)] {
                let truth = truth * scale;
                let told = histogram.quantile(share);
                assert!(told.abs_diff(truth) * 60 <= truth, "{told} for {truth}");
            }
        }
    }

    #[test]
    fn a_histogram_of_nothing_says_zero() {
        assert_eq!(of([]).quantile(0.99), 0);
    }

    #[test]
    fn one_wait_is_every_quantile_and_never_more_than_the_longest() {
        for wait in [0, 1, 31, 32, 63, 64, 12_345, 1 << 37] {
            let histogram = of([wait]);
            for share in [0.001, 0.5, 1.0] {
                let told = histogram.quantile(share);
                assert!(
                    told <= wait && (wait - told) * 60 <= wait,
                    "{told} for {wait}"
                );
            }
        }
    }

    #[test]
    fn a_wait_beyond_the_last_bucket_is_counted() {
        let histogram = of([5, u64::MAX]);
        assert_eq!(histogram.n, 2);
        assert_eq!(histogram.quantile(0.5), 5);
        assert!(histogram.quantile(1.0) > 1 << 37);
    }

    #[test]
    fn what_threads_counted_adds_up() {
        let mut sum = of(1..=500);
        sum.add(&of(501..=1000));
        let whole = of(1..=1000);
        assert_eq!(sum.to_json(), whole.to_json());
    }
}
