//! Waits that grow, without a clock.

use std::time::{Duration, Instant};

use portway_control::api::Kind;
use portway_control::origin::ObjectKey;

use super::Retries;
use crate::limits::{RETRY_FIRST, RETRY_MAX};

#[test]
fn waits_double_up_to_the_longest_and_begin_anew_after_a_success() {
    let key = ObjectKey {
        kind: Kind::GatewayClass,
        namespace: "".into(),
        name: "own".into(),
    };
    let now = Instant::now();
    let mut retries = Retries::default();
    assert!(retries.may_try(&key, now) && !retries.is_waiting());
    let waits: Vec<Duration> = (0..9).map(|_| retries.failed(&key, now) - now).collect();
    assert_eq!(waits[..3], [RETRY_FIRST, RETRY_FIRST * 2, RETRY_FIRST * 4]);
    assert_eq!(waits[8], RETRY_MAX);
    assert!(!retries.may_try(&key, now) && !retries.is_due(now));
    assert!(retries.may_try(&key, now + RETRY_MAX) && retries.is_due(now + RETRY_MAX));
    retries.forget(&key);
    assert_eq!(retries.failed(&key, now) - now, RETRY_FIRST);
}
