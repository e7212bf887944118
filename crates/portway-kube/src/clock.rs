//! The time of day, as the API writes it.
//!
//! In: nothing. Out: RFC 3339 in UTC. Never: a wait; those are by `Instant`.

use k8s_openapi::jiff::Timestamp;

/// To the second, as `lastTransitionTime` has it.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// To the microsecond, as a Lease has it.
pub(crate) fn now_micros() -> String {
    Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
        .to_string()
}
