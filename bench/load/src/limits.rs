//! Every bound of the load tool, with its unit and its reason.

use std::time::Duration;

/// Bytes of a request unless told otherwise: a small message of a chatty protocol.
pub(crate) const MESSAGE_BYTES: usize = 64;

/// Largest request: one buffer on either side must hold it.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Bytes sent at once from the one hot buffer: few calls, and it stays in a core's cache.
pub(crate) const SEND_BYTES: usize = 256 * 1024;

/// Bytes thrown away at once by a sink; the kernel does not copy them.
pub(crate) const SINK_BYTES: usize = 1024 * 1024;

/// Events taken at once.
pub(crate) const EVENTS: usize = 256;

/// Connections that may wait to be accepted.
pub(crate) const BACKLOG: i32 = 4096;

/// Wait for one step that should take no time at all: then something hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Longest wait before a thread looks whether its time is over.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// Connections in a row that may fail before a job gives up: nobody is there.
pub(crate) const FAILURES_MAX: u64 = 10_000;

/// Smallest and largest payload of a verified transfer, one way, in bytes.
pub(crate) const TRANSFER_BYTES: (u32, u32) = (1 << 20, 4 << 20);

/// Bytes a verified transfer reads or writes at once.
pub(crate) const TRANSFER_CHUNK: usize = 64 * 1024;

/// Wait between two looks at the memory of a gateway that is flooded.
pub(crate) const MEMORY_LOOK: Duration = Duration::from_millis(50);
