//! What `pace` promises.

use std::time::{Duration, Instant};

use super::Pace;
use crate::limits::GATHER_MAX;

/// When turns of `took` ms begin, of which each is wanted `every` ms, in ms.
fn begins(took: u64, every: u64, n: u64) -> Vec<u64> {
    let start = Instant::now();
    let mut pace = Pace::new(start);
    let mut free = start;
    let turn = |nth| {
        let wanted = start + Duration::from_millis(nth * every);
        let begin = wanted.max(free).max(pace.next());
        free = begin + Duration::from_millis(took);
        pace.took(begin, free);
        u64::try_from((begin - start).as_millis()).unwrap_or(u64::MAX)
    };
    (0..n).map(turn).collect()
}

#[test]
fn changes_with_as_long_a_pause_are_acted_on_at_once() {
    assert_eq!(begins(8, 16, 5), [0, 16, 32, 48, 64]);
    assert_eq!(begins(100, 120, 3), [0, 120, 240]);
}

#[test]
fn a_few_at_once_wait_for_nothing_and_many_take_half_of_the_time() {
    let begins = begins(8, 0, 100);
    assert_eq!(&begins[..3], [0, 8, 16]);
    assert!(begins[99] >= 99 * 16 - 20, "{begins:?}");
}

#[test]
fn no_wait_is_longer_than_what_is_gathered_for() {
    let long = begins(1000, 0, 5);
    let waits: Vec<u64> = long.windows(2).map(|it| it[1] - it[0] - 1000).collect();
    let most = u64::try_from(GATHER_MAX.as_millis()).unwrap();
    assert!(waits.iter().all(|it| *it <= most), "{waits:?}");
}
