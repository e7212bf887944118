//! Every bound and default of the benchmark, with its unit and its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// CPU time of others, as a share of the machine, above which a sample is taken again.
pub(crate) const NOISE_MAX: f64 = 0.12;

/// Times that one sample is taken at most: on a machine that is never quiet the least noisy one is
/// kept, and told to be noisy.
pub(crate) const TRIES_MAX: u32 = 3;

/// How long samples are taken again at most, over a whole run: then noise is only told.
pub(crate) const RETRY_TIME: Duration = Duration::from_secs(150);

/// The same with `--quick`, which must be over in four minutes.
pub(crate) const RETRY_TIME_QUICK: Duration = Duration::from_secs(40);

/// Niceness of client, gateway and backend alike: what else runs on the machine then takes little
/// of it, and the three still compete on equal terms.
pub(crate) const NICENESS: i32 = -10;

/// Wait for a program to be ready; the slowest peer takes seconds.
pub(crate) const START: Duration = Duration::from_secs(30);

/// Wait for one sample beyond the time it measures.
pub(crate) const SAMPLE: Duration = Duration::from_secs(240);

/// Wait between two looks whether a port is open, or a file has grown.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// Routes in the table of the gateway under test.
pub(crate) const ROUTES: usize = 1000;

/// Listeners of one Gateway: the API's own limit.
pub(crate) const LISTENERS_PER_GATEWAY: usize = 64;

/// Endpoints of a route in the measurement of tables.
pub(crate) const ENDPOINTS_PER_ROUTE: usize = 10;

/// Idle connections: two descriptors each, and what listens on 1,000 routes with two workers takes
/// another 2,000 of the usual limit of 20,000.
pub(crate) const IDLE_CONNECTIONS: usize = 8500;

/// Connections of a flood: more than the descriptors of a gateway allow.
pub(crate) const FLOOD_CONNECTIONS: usize = 15_000;

/// Verified transfers through Portway, and through each other.
pub(crate) const TRANSFERS: (u32, u32) = (2000, 240);

/// Time before what is measured, in which connections settle; the load tool's own default.
pub(crate) const WARM_UP: Duration = Duration::from_millis(300);

/// Routes of the tables that are measured.
pub(crate) const TABLES: [usize; 2] = [1000, 5000];

/// Results of one name in one directory: a loop that runs away must not fill it.
pub(crate) const RUNS_A_DAY_MAX: u32 = 100;

/// Rounds of a full run.
pub(crate) const FULL_ROUNDS: u32 = 5;

/// Rounds of what takes seconds a sample: floods.
pub(crate) const SELDOM_ROUNDS: u32 = 3;

/// Rounds that can be asked for.
pub(crate) const ROUNDS: RangeInclusive<u64> = 1..=100;

/// Milliseconds that a sample measures.
pub(crate) const MEASURE_MS: u32 = 1000;

/// Those that can be asked for: less is not enough for a figure, more is longer than a sample may
/// take.
pub(crate) const MEASURES_MS: RangeInclusive<u64> = 50..=120_000;

/// Wait for the access log to be told of the last connections.
pub(crate) const RECORDS: Duration = Duration::from_secs(10);
