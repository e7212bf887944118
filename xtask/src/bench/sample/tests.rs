//! What `sample` promises.

use serde_json::json;

use super::{Figures, Spread, noise};
use crate::bench::jobs::Unit;

#[test]
fn the_median_stands_between_the_extremes() {
    let spread = Spread::of([5.0, 1.0, 9.0, 2.0]).unwrap();
    assert_eq!(
        (spread.min, spread.median, spread.max, spread.n),
        (1.0, 3.5, 9.0, 4)
    );
    assert_eq!(Spread::of([7.0]).unwrap().median, 7.0);
    assert_eq!(Spread::of([]), None);
}

#[test]
fn what_others_used_is_not_counted_as_ours() {
    let load = json!({
        "seconds": 2.0, "bytes": 4e9, "units": 1000,
        "cpu": {"capacity": 4.0, "busy": 3.0, "others": 1.0, "gateway": 0.5, "steal": 0.0},
    });
    let bulk = Figures::of(Unit::Bytes, &load);
    assert_eq!((bulk.rate, bulk.cpu, bulk.own), (16.0, 0.5, 0.125));
    let each = Figures::of(Unit::Each, &load);
    assert_eq!((each.rate, each.cpu, each.own), (500.0, 2000.0, 500.0));
    assert_eq!(noise(&load), Some(0.25));
}

#[test]
fn noise_that_nobody_observed_is_not_silence() {
    assert_eq!(noise(&json!({"transfers": 240})), None);
    assert_eq!(
        noise(&json!({"cpu": {"capacity": 0.0, "others": 0.0}})),
        None
    );
}
