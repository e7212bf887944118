//! What `backoff` promises.

use std::collections::BTreeSet;

use super::{Backoff, shuffle};
use crate::limits::{BACKOFF_MAX, BACKOFF_MIN, BACKOFF_WITHOUT_TABLE_MAX};

#[test]
fn waits_double_to_a_bound_and_differ() {
    for (has_table, most) in [(true, BACKOFF_MAX), (false, BACKOFF_WITHOUT_TABLE_MAX)] {
        let mut backoff = Backoff::new();
        let mut bound = BACKOFF_MIN;
        for _ in 0..20 {
            let wait = backoff.next(has_table);
            assert!(wait >= bound / 2 && wait <= bound, "{wait:?} of {bound:?}");
            bound = (2 * bound).min(most);
        }
        let waits: BTreeSet<_> = (0..100).map(|_| backoff.next(has_table)).collect();
        assert!(waits.len() > 90, "no two proxies wait for the same time");
        backoff.reset();
        assert!(backoff.next(has_table) <= BACKOFF_MIN);
    }
}

#[test]
fn every_address_comes_first_at_times() {
    let mut first = BTreeSet::new();
    for _ in 0..300 {
        let mut items = [1, 2, 3];
        shuffle(&mut items);
        first.insert(items[0]);
        items.sort_unstable();
        assert_eq!(items, [1, 2, 3]);
    }
    assert_eq!(first.len(), 3);
}
