//! What `churn` promises.

use std::net::IpAddr;

use super::without;

/// Or a sample that begins anew would write what the last one left.
#[test]
fn each_turn_leaves_out_another() {
    let all: Vec<IpAddr> = (1..5).map(|n| [192, 0, 2, n].into()).collect();
    for turn in 0..8 {
        let (this, next) = (without(&all, turn), without(&all, turn + 1));
        assert_eq!(this.len(), 3);
        assert!(this.iter().any(|it| !next.contains(it)), "{this:?}");
    }
}
