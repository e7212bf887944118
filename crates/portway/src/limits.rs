//! Every bound and default of the binary, with its unit and its reason. What is read is bounded by
//! [`portway_control::limits`], the data path by [`portway_engine::limits`].

use std::time::Duration;

/// Files in all directories of one reading: as many as there may be documents.
pub(crate) const FILES_MAX: usize = portway_control::limits::DOCUMENTS_MAX;

/// Directories in each other below a given path: nobody sorts manifests deeper.
pub(crate) const DIRECTORY_DEPTH_MAX: usize = 32;

/// Entries looked at below all given paths: pointing at `/` by mistake must end soon.
pub(crate) const DIRECTORY_ENTRIES_MAX: usize = 1_000_000;

/// Symlinks that lead to each other, of which each is watched: the kernel follows no more (`ELOOP`).
pub(crate) const SYMLINKS_FOLLOWED_MAX: usize = 40;

/// Looks at directories that become more while they are looked at, before what is there counts.
pub(crate) const WALKS_MAX: usize = 8;

/// Threads that read manifests at once, when many are different.
pub(crate) const READERS_MAX: usize = 8;

/// So many manifests are read by the thread that takes them in.
pub(crate) const READ_ALONE_MAX: usize = 64;

/// Quiet in directories after which changed files are read: an editor's or a deployment's steps lie
/// closer together.
pub(crate) const QUIET: Duration = Duration::from_millis(2);

/// Longest time events in directories are gathered, and answers about names: what never rests is
/// heard too.
pub(crate) const COALESCE_MAX: Duration = Duration::from_millis(20);

/// Wait before a file that lacks objects it had, or is gone, is looked at once more and believed:
/// whoever writes it anew has emptied it first, or moved it away.
pub(crate) const DOUBT: Duration = Duration::from_millis(20);

/// Longest doubt of a file that lacks other objects whenever it is looked at, and of one that is gone
/// while other files come and go.
pub(crate) const DOUBT_MAX: Duration = Duration::from_millis(200);

/// How often what cannot be read is tried again: its permissions may have changed, descriptors be free.
pub(crate) const UNREAD_INTERVAL: Duration = Duration::from_secs(1);

/// Longest doubt that a file is gone while others are being written: its objects may be on their way.
pub(crate) const DOUBT_WHILE_WRITTEN_MAX: Duration = Duration::from_secs(1);

/// Longest time in which what is in doubt keeps a reload from being over.
pub(crate) const RELOAD_MAX: Duration = Duration::from_secs(2);

/// Wait for room for lines of the log, in all, before those of a burst are dropped: whoever reads makes
/// room in some milliseconds.
pub(crate) const LOG_PATIENCE: Duration = Duration::from_millis(500);

/// Wait for the last lines of the log to be written, when the process ends.
pub(crate) const LOG_END_TIMEOUT: Duration = Duration::from_millis(1200);

/// Time after the first signal that asks for an end, within which others are the same one: a wrapper
/// and its process group are often sent it both.
pub(crate) const SIGNALS_TOGETHER: Duration = Duration::from_millis(100);

/// Time between two looks whether this host has an address by now that a Gateway asks for.
pub(crate) const ADDRESSES_RETRY: Duration = Duration::from_secs(1);

/// Wait for the resets and last words after a second signal, before the process ends without them.
pub(crate) const CUT_TIMEOUT: Duration = Duration::from_secs(1);

/// Wait for open connections at the end, by default: what Kubernetes grants a Pod.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest wait that a flag takes: a day. More is a mistake in the unit.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Worker threads that `--workers` takes: far more than cores of one machine.
pub(crate) const WORKERS_MAX: u16 = 1024;

/// Statuses may lag that much behind tables while changes come without end.
pub(crate) const TRANSLATION_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Quiet after a translation, after which the memory that it needed is given back: while changes come
/// without end the next one needs it again.
pub(crate) const REST: Duration = Duration::from_secs(3);

/// Reports that may wait before the workers drop records: some hundred kilobytes.
pub(crate) const REPORTS_MAX: usize = 4096;

/// Warnings about connections within a second; what is beyond is counted and said once.
pub(crate) const CONNECTION_WARNINGS_PER_SECOND: u32 = 10;

/// Endpoints that failed of which the log waits to tell that they answer again: of more it does not.
pub(crate) const FAILING_ENDPOINTS_MAX: usize = 1024;

/// Wait for the first table to be applied before the start counts as failed.
pub(crate) const FIRST_TABLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Wait for the first answers about FQDN endpoints before listeners open without them.
pub(crate) const FIRST_RESOLUTION_TIMEOUT: Duration = Duration::from_secs(2);

/// Shortest time an answer about a name is kept: below it a TTL of 0 would mean a query storm.
pub(crate) const RESOLUTION_TTL_MIN: Duration = Duration::from_secs(5);

/// Longest time an answer about a name is kept: a day-long TTL must not hide a failover.
pub(crate) const RESOLUTION_TTL_MAX: Duration = Duration::from_secs(300);

/// Names looked up at the same time: so many must be slow before one more has to wait, and each may
/// hold two descriptors.
pub(crate) const LOOKUPS_AT_ONCE: usize = 64;

/// Addresses taken from the answer about one name: a DNS message over TCP holds at most some
/// thousand, a Service behind one name has a few.
pub(crate) const ADDRESSES_PER_NAME_MAX: usize = 1024;

/// Bytes of the lines a diagnostic shows; a longer line (JSON on one line) is only pointed at.
pub(crate) const SNIPPET_BYTES_MAX: usize = 1024;

/// Connections at a time to one backend of `demo`.
pub(crate) const DEMO_CONNECTIONS_MAX: usize = 64;

/// Wait for each answer while `demo` sends its stream.
pub(crate) const DEMO_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Wait at the end of `demo`: its streams are for trying out.
pub(crate) const DEMO_DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections at a time to one door of the admin server; others wait in the kernel's queue.
pub(crate) const ADMIN_CONNECTIONS_MAX: usize = 64;

/// Time to ask something before a connection to the admin server is ended for another, when there are as
/// many as may be: who asks at all does so at once.
pub(crate) const ADMIN_SILENCE_MIN: Duration = Duration::from_millis(100);

/// Connections that wait to be taken in by the admin server, at its socket.
pub(crate) const ADMIN_BACKLOG: i32 = 64;

/// Names of directories tried in which the admin socket is made: one is taken only where an instance with
/// our process id was killed in it.
pub(crate) const ADMIN_NESTS_MAX: usize = 8;

/// Answers of the admin server in the making at a time: each may be megabytes of text.
pub(crate) const ADMIN_ANSWERS_AT_ONCE: usize = 2;

/// Bytes of a request to the admin server: line and headers. A browser sends one or two thousand.
pub(crate) const ADMIN_HEADER_BYTES_MAX: usize = 16 * 1024;

/// Headers of a request to the admin server.
pub(crate) const ADMIN_HEADERS_MAX: usize = 64;

/// Wait for a whole request: whoever sends byte by byte holds its seat no longer.
pub(crate) const ADMIN_HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest life of a connection to the admin server: a slow reader has so long for its answer.
pub(crate) const ADMIN_CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Wait after the admin server could not accept, for want of descriptors say.
pub(crate) const ADMIN_ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How often a door of the admin server is tried again whose place another has: one that drains gives
/// it up at its end.
pub(crate) const ADMIN_DOOR_RETRY: Duration = Duration::from_secs(1);

/// Bytes of a query to the admin server.
pub(crate) const QUERY_BYTES_MAX: usize = 4096;

/// Bytes of one value in it: the longest name of a table.
pub(crate) const QUERY_VALUE_BYTES_MAX: usize = portway_engine::limits::NAME_BYTES_MAX;

/// Connections told at once unless asked for otherwise.
pub(crate) const CONNECTIONS_PER_PAGE: u16 = 100;

/// Connections told at once at most: some hundred kilobytes.
pub(crate) const CONNECTIONS_PER_PAGE_MAX: u16 = 1000;

/// Listeners that `/api/v1/status` tells of: some megabytes; beyond it they are counted.
pub(crate) const STATUS_LISTENERS_MAX: usize = 10_000;

/// Routes that `/api/v1/status` tells of; beyond it they are counted.
pub(crate) const STATUS_ROUTES_MAX: usize = 10_000;

/// Endpoints that `/api/v1/status` tells of for each backend: those that are avoided first.
pub(crate) const STATUS_ENDPOINTS_MAX: usize = 64;

/// Findings that `/api/v1/status` tells of: errors first.
pub(crate) const STATUS_FINDINGS_MAX: usize = 200;

/// Bounds of the buckets in which tables are counted by how long it took to apply them.
pub(crate) const APPLY_TIME_BOUNDS: [Duration; 9] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(10),
];

/// Lines that may wait for the log to be written; beyond it they are dropped and counted. A line is
/// some hundred bytes, and at most what a diagnostic of the input has.
pub(crate) const LOG_LINES_MAX: usize = 4096;

/// Bytes of the log that are written at once.
pub(crate) const LOG_BATCH_BYTES: usize = 64 * 1024;

/// Records that may wait for the access log to be written; beyond it they are dropped and counted.
pub(crate) const ACCESS_LOG_RECORDS_MAX: usize = 16_384;

/// Bytes of the access log that are written at once.
pub(crate) const ACCESS_LOG_BATCH_BYTES: usize = 64 * 1024;

/// Wait for the last records to be written at the end: whoever reads may have stopped to.
pub(crate) const ACCESS_LOG_END_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of an answer that `status` takes from an instance.
pub(crate) const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Wait of `status` for an answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Shortest wait between two looks of `status --watch`.
pub(crate) const STATUS_WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// Listeners, routes or endpoints that `status` shows of each kind unless asked for all: with the
/// heads they fill a screen.
pub(crate) const STATUS_ROWS: usize = 12;

/// News that may wait while `top` draws; who has more waits.
pub(crate) const TOP_NEWS_MAX: usize = 64;

/// Connections that `top` looks at: more than anybody scrolls through.
pub(crate) const TOP_CONNECTIONS_MAX: usize = 5000;
