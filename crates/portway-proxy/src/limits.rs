//! Every bound and default of moving bytes, with its unit and its reason. What a connection may do
//! (dials, waits) is bounded by [`portway_engine::limits`].

use std::time::Duration;

/// Bytes of the one scratch buffer of a worker: a read that fills it says that more is to come, and
/// then `splice(2)` is cheaper. Small enough to stay in a core's cache.
pub const SCRATCH_BYTES: usize = 64 * 1024;

/// Bytes that all spills of a worker may hold before it reads only [`THRIFTY_READ_BYTES`] at a
/// time: a thousand stalled peers may not cost more than this and a page each.
pub const SPILL_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of one read while spills hold more than [`SPILL_BYTES_MAX`]: a page.
pub const THRIFTY_READ_BYTES: usize = 4 * 1024;

/// Bytes a pipe can hold: what an unprivileged user may ask for (`fs.pipe-max-size`). With pipes of
/// 64 KiB bulk loses a third of its rate.
pub const PIPE_BYTES: usize = 1024 * 1024;

/// Pipes of one worker, those in use and those at rest. A pipe is in use only while it holds bytes,
/// so this is the number of bulk streams with a slow reader; beyond it bytes are copied.
pub const PIPES_PER_WORKER_MAX: usize = 64;

/// Reads that are copied before another pipe is asked for after the kernel refused one.
pub const PIPE_REFUSAL_READS: u32 = 1024;

/// Bytes of a spliced read that count as thin: what one copy would have moved.
pub const THIN_BYTES: usize = SCRATCH_BYTES;

/// Thin reads in a row after which a direction is copied again.
pub const THIN_READS_MAX: u8 = 8;

/// Bytes one direction moves in one turn: about a tenth of a millisecond, then others get theirs.
pub const TURN_BYTES_MAX: usize = 1024 * 1024;

/// Events taken from one `epoll_wait(2)`: a batch, between two of which a table may change.
pub const EVENTS_PER_BATCH: usize = 256;

/// Connections accepted from one socket in one turn, then open connections get theirs.
pub const ACCEPTS_PER_TURN: usize = 32;

/// Of these, connections that are served without a look whether their client is still there: who
/// stood behind so many others may have left, and all who did are gone after a flood.
pub const ACCEPTS_UNSEEN: usize = 4;

/// Listening sockets that are accepted from in one turn: with a flood on all of a thousand listeners
/// open connections would otherwise wait for tens of thousands of new ones.
pub const SOCKETS_PER_TURN: usize = 16;

/// Connections that end in one turn because their drain says `now`: some milliseconds of closing
/// sockets, then open connections get theirs.
pub const DRAINS_PER_TURN: usize = 256;

/// Connections that may wait to be accepted, per socket; the kernel lowers it to
/// `net.core.somaxconn`, which is the same number since Linux 5.4.
pub const BACKLOG: i32 = 4096;

/// Descriptors that listening sockets, connections and pipes leave to the rest of this instance:
/// files, name resolution, the log. A quarter of the limit where that is less.
pub const DESCRIPTORS_RESERVED: usize = 256;

/// Descriptors that a worker has for itself: its epoll, what wakes it, and a spare socket of each IP
/// family.
pub const DESCRIPTORS_PER_WORKER: usize = 4;

/// Descriptors a connection takes: the client's socket and the endpoint's.
pub const DESCRIPTORS_PER_CONNECTION: usize = 2;

/// Descriptors that must be free before paused accepting resumes at once: a sixty-fourth of the
/// limit, so that a full proxy does not pause and resume with every single connection.
pub const RESUME_SHARE: usize = 64;

/// Wait after which paused accepting tries again, however few descriptors are free.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(250);

/// Wait between two tries to bind a socket that was refused.
pub const BIND_RETRY: Duration = Duration::from_secs(1);

/// Records that are handed up together: then they need not wait for others.
pub const RECORDS_AT_ONCE: usize = 256;

/// Longest wait of a record for others, so that its reader is woken a hundred times a second rather
/// than once a connection: nobody reads logs faster.
pub const RECORD_WAIT: Duration = Duration::from_millis(10);

/// Wait between two tries to hand up a rare fact while the channel is full.
pub const REPORT_RETRY: Duration = Duration::from_millis(10);

/// Longest wait of a worker that ends for room for its last records, all together: the reader takes
/// a hundred thousand meanwhile, and who waits for the end of the process hardly notices.
pub const LAST_RECORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// Idle time before the first keepalive probe, on both sides: far below the hour after which
/// firewalls forget a connection.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);

/// Wait between two keepalive probes.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Probes without an answer after which a connection is over: a minute, a reboot or a short
/// partition does not end it.
pub const KEEPALIVE_PROBES: u32 = 6;

/// Wait for an acknowledgement of sent bytes (`TCP_USER_TIMEOUT`): idle time and probes together,
/// so that a dead peer is noticed as fast when bytes are under way. The kernel does not ask whether
/// a peer is dead or does not read: whoever takes none of the bytes that wait for it for so long is
/// given up.
pub const USER_TIMEOUT: Duration = Duration::from_secs(120);

/// Nanoseconds of a step of the timer wheel, as a power of two: 134 ms. A wait ends up to one step
/// late, which is little against a dial timeout of seconds.
pub const TIMER_STEP_BITS: u32 = 27;

/// Bounds of the buckets in which dials are counted by how long they took: from the same rack to
/// [`portway_engine::limits::DIAL_TOTAL_TIMEOUT`].
pub const DIAL_TIME_BOUNDS: [Duration; 14] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(10),
];

/// Backends of routes of which the log tells apart that a table takes the place of connections; the rest
/// is one line.
pub(crate) const DRAINS_TOLD_MAX: usize = 16;

/// Listeners, each with its route, whose connections are counted on their own: what is beyond is
/// counted together. Each costs 256 bytes a worker, and up to 24 lines of metrics.
pub const STREAM_SERIES_MAX: usize = 1024;

/// Endpoints that are counted on their own: what is beyond is counted together. Each costs 128
/// bytes a worker, and up to 10 lines of metrics.
pub const ENDPOINT_SERIES_MAX: usize = 4096;

/// Connections a worker looks at for one question about them: a tenth of a millisecond, then open
/// connections get theirs.
pub const CENSUS_PLACES_MAX: usize = 4096;

/// Wait for a worker's answer about its connections: it answers after its batch, in milliseconds.
pub const CENSUS_TIMEOUT: Duration = Duration::from_secs(1);

/// Longest time for all questions of one look at connections; the next look goes on from there.
pub const CENSUS_TIME_MAX: Duration = Duration::from_secs(5);
