//! The promises of [`Shares`], each for fixed cases people can check and for random weights.

use expect_test::{Expect, expect};
use proptest::collection::vec;
use proptest::prelude::*;

use super::Shares;
use crate::limits::{BACKENDS_PER_ROUTE_MAX, WEIGHT_MAX};

fn shares(weights: &[u32]) -> Shares {
    Shares::new(weights.iter().copied())
}

/// The backends of `n` tickets from `first` on, as letters.
fn order(weights: &[u32], first: u64, n: u64) -> String {
    let shares = shares(weights);
    let letter = |ticket| shares.turn(ticket).map_or('-', |it| letter_of(it.backend));
    (first..first + n).map(letter).collect()
}

fn letter_of(backend: usize) -> char {
    char::from(b'a' + u8::try_from(backend).unwrap())
}

/// How many of the `n` tickets from `first` on each backend gets.
fn counts(weights: &[u32], first: u64, n: u64) -> Vec<u64> {
    let shares = shares(weights);
    let mut counts = vec![0; weights.len()];
    for ticket in first..first + n {
        counts[shares.turn(ticket).unwrap().backend] += 1;
    }
    counts
}

#[test]
fn turns_are_spread_as_evenly_as_they_can_be() {
    let check = |weights: &[u32], want: Expect| want.assert_eq(&order(weights, 0, 20));
    check(&[1], expect!["aaaaaaaaaaaaaaaaaaaa"]);
    check(&[1, 1], expect!["abababababababababab"]);
    check(&[1_000_000, 1_000_000], expect!["abababababababababab"]);
    check(&[70, 30, 0], expect!["abaaabaabaabaaabaaba"]);
    check(&[1, 2, 3], expect!["cbacbccbacbccbacbccb"]);
    check(&[0, 5, 0, 5], expect!["bdbdbdbdbdbdbdbdbdbd"]);
    check(&[1, 9], expect!["bbbbabbbbbbbbbabbbbb"]);
}

#[test]
fn no_weight_at_all_is_nobodys_turn() {
    assert_eq!(order(&[], 0, 3), "---");
    assert_eq!(order(&[0, 0], 7, 3), "---");
}

#[test]
fn the_heaviest_weights_there_can_be_do_not_overflow() {
    let weights = [WEIGHT_MAX; BACKENDS_PER_ROUTE_MAX];
    let got = counts(&weights, u64::MAX - 1600, 1600);
    assert!(got.iter().all(|n| (98..=102).contains(n)), "{got:?}");
}

#[test]
fn one_in_a_million_comes_once_in_a_million_and_one() {
    assert_eq!(counts(&[1, 1_000_000], 123_456, 1_000_001), [1, 1_000_000]);
    assert_eq!(counts(&[1_000_000, 1], 0, 2_000_002), [2_000_000, 2]);
}

/// Weights of every kind: small ones, huge ones, zeros, up to 16 of them, never all zero.
fn weights() -> impl Strategy<Value = Vec<u32>> {
    let weight = prop_oneof![Just(0), Just(1), 0..10_u32, 0..=100_u32, 0..=WEIGHT_MAX];
    vec(weight, 1..=BACKENDS_PER_ROUTE_MAX).prop_filter("a weight", |it| it.iter().any(|w| *w > 0))
}

/// Weights whose sum is small enough to count through.
fn light_weights() -> impl Strategy<Value = Vec<u32>> {
    vec(0..=60_u32, 1..=BACKENDS_PER_ROUTE_MAX)
        .prop_filter("a weight", |it| it.iter().any(|w| *w > 0))
}

proptest! {
    /// The promise of decision 0004: any 500 connections in a row are within ±1 % of the weights.
    #[test]
    fn any_500_in_a_row_are_within_one_percent(weights in weights(), first in 0..u64::MAX / 2) {
        let sum: f64 = weights.iter().copied().map(f64::from).sum();
        for (weight, got) in weights.iter().zip(counts(&weights, first, 500)) {
            let want = 500.0 * f64::from(*weight) / sum;
            let off = (f64::from(u32::try_from(got).unwrap()) - want).abs();
            prop_assert!(off < 4.0, "weight {weight} of {sum}: {got}, not {want:.1}");
            prop_assert!(*weight > 0 || got == 0, "weight 0 got {got}");
        }
    }

    #[test]
    fn any_stretch_as_long_as_the_sum_is_exact(
        weights in light_weights(),
        first in 0..u64::MAX / 2,
    ) {
        let sum = weights.iter().map(|weight| u64::from(*weight)).sum();
        let want: Vec<u64> = weights.iter().map(|weight| u64::from(*weight)).collect();
        prop_assert_eq!(counts(&weights, first, sum), want);
    }

    /// So endpoints take strict turns within each backend, whatever the weights.
    #[test]
    fn ranks_have_no_gaps(weights in weights(), first in 0..u64::MAX / 2) {
        let shares = shares(&weights);
        let mut next = vec![None; weights.len()];
        for turn in (first..first + 300).filter_map(|ticket| shares.turn(ticket)) {
            let next = &mut next[turn.backend];
            prop_assert!(next.is_none_or(|rank| rank == turn.rank));
            *next = Some(turn.rank + 1);
        }
    }

    #[test]
    fn ranks_start_at_zero(weights in light_weights()) {
        let shares = shares(&weights);
        let sum = weights.iter().map(|weight| u64::from(*weight)).sum();
        let turns: Vec<_> = (0..sum).filter_map(|ticket| shares.turn(ticket)).collect();
        for (backend, weight) in weights.iter().enumerate() {
            let first = turns.iter().find(|turn| turn.backend == backend);
            prop_assert_eq!(first.map(|turn| turn.rank), (*weight > 0).then_some(0));
        }
    }

    #[test]
    fn two_equal_weights_alternate(weight in 1..=WEIGHT_MAX, first in 0..u64::MAX / 2) {
        let shares = shares(&[weight, weight]);
        let backends = (first..first + 64).filter_map(|it| shares.turn(it)).map(|it| it.backend);
        let backends: Vec<_> = backends.collect();
        prop_assert!(backends.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
