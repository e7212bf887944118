//! How long a failed endpoint is left alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::Avoidance;
use crate::limits::{AVOID_MAX, AVOIDED_MAX, DIAL_TIMEOUT};
use crate::time::Moment;

const START: Moment = Moment::from_nanos(0);

fn endpoint(n: usize) -> SocketAddr {
    let host = Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n).unwrap());
    SocketAddr::from((host, 5432))
}

fn after_ms(ms: u64) -> Moment {
    START.after(Duration::from_millis(ms))
}

#[test]
fn a_failed_endpoint_is_avoided_for_a_second() {
    let mut avoid = Avoidance::new(DIAL_TIMEOUT);
    assert!(!avoid.avoids(endpoint(1), START));
    avoid.failed(endpoint(1), START);
    assert!(avoid.avoids(endpoint(1), after_ms(999)));
    assert!(!avoid.avoids(endpoint(1), after_ms(1000)));
    assert!(!avoid.avoids(endpoint(2), START));
}

/// Fails again at the very end of each pause; the pauses double up to [`AVOID_MAX`].
#[test]
fn pauses_double_up_to_half_a_minute() {
    let mut avoid = Avoidance::new(DIAL_TIMEOUT);
    let mut now = START;
    for secs in [1, 2, 4, 8, 16, 30, 30] {
        avoid.failed(endpoint(1), now);
        let end = now.after(Duration::from_secs(secs));
        let just_before = Moment::from_nanos(end.as_nanos() - 1);
        assert!(avoid.avoids(endpoint(1), just_before), "{secs} s");
        assert!(!avoid.avoids(endpoint(1), end), "{secs} s");
        now = end;
    }
}

/// A hundred connections that were dialling when an endpoint went away are one failure.
#[test]
fn failures_within_a_pause_do_not_count() {
    let mut avoid = Avoidance::new(DIAL_TIMEOUT);
    for ms in 0..100 {
        avoid.failed(endpoint(1), after_ms(ms));
    }
    assert!(!avoid.avoids(endpoint(1), after_ms(1000)));
}

#[test]
fn a_success_clears() {
    let mut avoid = Avoidance::new(DIAL_TIMEOUT);
    avoid.failed(endpoint(1), START);
    avoid.failed(endpoint(1), after_ms(1000));
    avoid.succeeded(endpoint(1));
    assert!(!avoid.avoids(endpoint(1), after_ms(1001)));
    avoid.failed(endpoint(1), after_ms(1001));
    assert!(
        !avoid.avoids(endpoint(1), after_ms(2001)),
        "a first failure again"
    );
    assert_eq!(avoid.n_remembered(), 1);
}

#[test]
fn an_old_failure_is_forgotten() {
    let mut avoid = Avoidance::new(DIAL_TIMEOUT);
    avoid.failed(endpoint(1), START);
    let later = after_ms(1000).after(AVOID_MAX);
    avoid.failed(endpoint(1), later);
    assert!(!avoid.avoids(endpoint(1), later.after(Duration::from_secs(1))));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut avoid = Avoidance::new(DIAL_TIMEOUT);
    for n in 0..AVOIDED_MAX + 10 {
        avoid.failed(endpoint(n), START);
    }
    assert_eq!(avoid.n_remembered(), AVOIDED_MAX);
    assert!(!avoid.avoids(endpoint(AVOIDED_MAX), START), "did not fit");

    avoid.failed(endpoint(AVOIDED_MAX), after_ms(1000));
    assert!(
        avoid.avoids(endpoint(AVOIDED_MAX), after_ms(1000)),
        "the others are over"
    );
    assert_eq!(avoid.n_remembered(), 1);
}
