//! What is said of a connection, and how often.

use std::sync::Arc;

use portway_engine::record::{CloseReason, ConnRecord, DialError};
use portway_engine::time::Moment;

use super::{ConnLog, Heard, SECOND, deserves_warning, tried};
use crate::limits::CONNECTION_WARNINGS_PER_SECOND;

fn record(reason: CloseReason, failed_dials: &[(&str, DialError)]) -> ConnRecord {
    let failed_dials = failed_dials.iter();
    ConnRecord {
        listener: "default/gw/l".into(),
        route: None,
        backend: None,
        endpoint: None,
        client: "192.0.2.1:4000".parse().unwrap(),
        started: Moment::from_nanos(0),
        ended: Moment::from_nanos(0),
        bytes_to_backend: 0,
        bytes_to_client: 0,
        failed_dials: failed_dials
            .map(|(addr, why)| (addr.parse().unwrap(), *why))
            .collect(),
        reason,
        dial_time: None,
        client_path: None,
        backend_path: None,
    }
}

#[test]
fn every_endpoint_that_was_tried_is_named() {
    let dials = [
        ("10.0.0.1:1", DialError::Refused),
        ("[::1]:2", DialError::Other(113)),
    ];
    let tried = tried(&record(CloseReason::DialFailed, &dials));
    assert_eq!(tried, "10.0.0.1:1 (refused), [::1]:2 (errno 113)");
}

#[test]
fn a_client_that_got_nothing_or_had_to_wait_deserves_a_warning() {
    for reason in CloseReason::ALL {
        let want = matches!(reason.name(), "dial_failed" | "out_of_resources")
            || reason.name().starts_with("rejected_");
        assert_eq!(
            deserves_warning(&record(reason, &[])),
            want,
            "{}",
            reason.name()
        );
    }
    let after_retry = record(
        CloseReason::Finished,
        &[("10.0.0.1:1", DialError::TimedOut)],
    );
    assert!(deserves_warning(&after_retry));
}

#[test]
fn warnings_within_a_second_are_bounded() {
    let mut log = ConnLog::new(Arc::default());
    let n_said = (0..CONNECTION_WARNINGS_PER_SECOND * 10)
        .filter(|_| log.may_warn())
        .count();
    assert_eq!(n_said, CONNECTION_WARNINGS_PER_SECOND as usize);
}

/// What was left out of a second is told soon after it, also when no connection follows.
#[test]
fn what_was_left_out_is_told_though_nothing_follows() {
    let mut log = ConnLog::new(Arc::default());
    let failed = record(CloseReason::DialFailed, &[]);
    let mut wait = None;
    while wait.is_none() {
        wait = log.hear(Heard::Closed(&failed));
    }
    assert!(wait.is_some_and(|wait| wait <= SECOND), "{wait:?}");
    log.second -= SECOND;
    assert_eq!(log.hear(Heard::Quiet), None);
    assert_eq!(log.n_unsaid, 0);

    while log.hear(Heard::Closed(&failed)).is_none() {}
    assert_eq!(log.hear(Heard::End), None);
    assert_eq!(log.n_unsaid, 0);
}
