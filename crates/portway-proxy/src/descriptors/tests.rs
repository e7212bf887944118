//! Descriptors are given out and come back.

use super::Descriptors;

#[test]
fn what_is_taken_is_gone_until_it_is_given_back() {
    let descriptors = Descriptors::new(100);
    assert!(descriptors.take(75) && !descriptors.take(1));
    assert!(!descriptors.has_plenty());
    descriptors.give(2);
    assert!(descriptors.has_plenty() && descriptors.take(2) && !descriptors.take(1));
}
