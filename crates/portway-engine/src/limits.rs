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

/// Longest pause for an endpoint whose dials fail. A failure that lies this long behind the end of
/// its pause is forgotten.
pub const AVOID_MAX: Duration = Duration::from_secs(30);

/// Endpoints one worker remembers as failed. Beyond it a failure is not noted, which costs a later
/// connection one dial and never its endpoint. At about 60 bytes each this is 256 KiB a worker.
pub const AVOIDED_MAX: usize = 4096;

/// Backends of one route: the API allows 16 per rule.
pub const BACKENDS_PER_ROUTE_MAX: usize = 16;

/// Weight of one backend: the API's bound.
pub const WEIGHT_MAX: u32 = 1_000_000;

/// Listeners of one table: one for every port there is.
pub const LISTENERS_MAX: usize = 65_536;

/// Sockets of one listener: the API allows 16 addresses; four times that leaves room for names that
/// stand for several.
pub const BINDS_PER_LISTENER_MAX: usize = 64;

/// Routes of one table: as many as listeners could name.
pub const ROUTES_MAX: usize = 65_536;

/// Endpoints of one backend, twenty times what one hears of in large clusters.
pub const ENDPOINTS_PER_BACKEND_MAX: usize = 65_536;

/// Endpoints of one table over all its routes: 32 bytes each, so 32 MiB.
pub const ENDPOINTS_MAX: usize = 1_048_576;

/// Bytes of a name: two names of 253 bytes, a place of 63, separators and a port fit.
pub const NAME_BYTES_MAX: usize = 640;

/// Drains of one table: one for each route, and one for each backend there can be.
pub const DRAINS_MAX: usize = ROUTES_MAX * (1 + BACKENDS_PER_ROUTE_MAX);

/// Grants of one table: at some 100 bytes all of them fit one message of the feed. Of more nothing is
/// known, and who loses one is found only while its route still has the backend.
pub const GRANTS_MAX: usize = 4096;

/// Longest time over which ends of connections are spread: a day, after which nobody remembers why.
pub const DRAIN_SPREAD_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Connections that one instance closes a second while it drains by `spread`: each client comes
/// back at once, and a server that takes a thousand new sessions a second is a large one.
pub const DRAIN_CLOSES_PER_SECOND: u32 = 1000;

/// Wait of a connection whose end was due while others had used up the pace.
pub const DRAIN_RETRY: Duration = Duration::from_millis(250);
