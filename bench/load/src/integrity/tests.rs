//! What `integrity` promises.

use super::plan;
use crate::limits::TRANSFER_BYTES;

#[test]
fn sizes_are_within_bounds_and_of_all_kinds() {
    let (least, most) = TRANSFER_BYTES;
    let sizes: Vec<u32> = (0..300)
        .flat_map(|it| [plan(it).up, plan(it).down])
        .collect();
    assert!(sizes.iter().all(|it| (least..most).contains(it)));
    let small = sizes.iter().filter(|it| **it < 2 << 20).count();
    assert!((100..300).contains(&small), "{small} of 600 below 2 MiB");
}
