//! What Cargo says of tests is counted.

use super::tests_in;
use crate::tally::Count;

#[test]
fn results_of_tests_are_counted() {
    let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out";
    let want = Count {
        passed: 12,
        failed: 3,
    };
    assert_eq!(tests_in(line), want);
}

#[test]
fn other_lines_count_nothing() {
    for line in ["", "test a::b ... ok", "running 3 tests", "test result"] {
        assert_eq!(tests_in(line), Count::default(), "{line}");
    }
}
