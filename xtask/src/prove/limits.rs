//! Every bound and default of the proofs, with its unit and its reason.

use std::time::Duration;

/// Longest wait for anything that must happen soon, on a machine that does other things too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Longest time of one proof with `--short`: all of them together stay under four minutes.
pub(crate) const SHORT_TIME_MAX: Duration = Duration::from_secs(120);

/// Longest time of most proofs in full.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(300);

/// Longest time of those that wait for the kernel's timeouts or run ten thousand seeds.
pub(crate) const LONG_TIME_MAX: Duration = Duration::from_secs(1800);

/// What is drawn is drawn from this seed unless another is given: a run can be repeated.
pub(crate) const SEED: u64 = 1;

/// Lines of a log that are shown when something failed.
pub(crate) const LOG_LINES_SHOWN: usize = 25;

/// Free ports are looked for here: below those that kernels give to clients by themselves, so that
/// no connection takes one meanwhile.
pub(crate) const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Connections that wait for a peer to accept; the kernel lowers it to `net.core.somaxconn`.
pub(crate) const BACKLOG: i32 = 4096;

/// Bytes of one read or write of a peer.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Time over which processor time is measured where nothing should happen.
pub(crate) const QUIET_WINDOW: Duration = Duration::from_secs(3);

/// Time without any progress after which a writer counts as blocked.
pub(crate) const BLOCKED_AFTER: Duration = Duration::from_secs(2);
