//! What `histogram` promises.

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
