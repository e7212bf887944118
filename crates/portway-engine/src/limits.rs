//! Every bound and default of the data path, with its unit and its reason.

use std::time::Duration;

/// Longest wait for one dial before the next endpoint is tried: a SYN and two retransmissions.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Endpoints tried for one connection before the client is reset: weights stay true because retries
/// stay within the chosen backend, and a client should not wait for a long list.
pub const DIALS_MAX: u8 = 3;

/// Longest time from accept to a connected endpoint over all tries.
pub const DIAL_TOTAL_TIMEOUT: Duration = Duration::from_secs(10);

/// First pause for an endpoint whose dial failed; doubles with each further failure.
pub const AVOID_MIN: Duration = Duration::from_secs(1);

/// Longest pause for an endpoint whose dials fail.
pub const AVOID_MAX: Duration = Duration::from_secs(30);

/// Backends of one route: the API allows 16 per rule.
pub const BACKENDS_PER_ROUTE_MAX: usize = 16;

/// Weight of one backend: the API's bound.
pub const WEIGHT_MAX: u32 = 1_000_000;
