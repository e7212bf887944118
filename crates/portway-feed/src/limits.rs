//! Every bound and default of the feed, with its unit and its reason. What a table may hold is
//! bounded by [`portway_engine::limits`].

use std::time::Duration;

/// Longest message either side sends or takes, in bytes: small enough that a slow proxy costs the
/// controller little, large enough that a full table needs few.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Addresses in one change: at 24 bytes each some 384 KiB, so a change always fits a message.
pub const ADDRESSES_PER_CHANGE_MAX: usize = 16 * 1024;

/// Bytes of names and versions that a proxy may say it knows, about 50,000 resources with usual
/// names. Whoever has more says nothing and gets everything.
pub const KNOWN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a reason why an update was refused or a socket not bound: a sentence with two names.
pub const REASON_BYTES_MAX: usize = 2048;

/// Drains of one route: the API allows 16 backends, so 17 at most; more is a defect of who says so.
pub const DRAINS_PER_ROUTE_MAX: usize = 64;

/// Bytes of all grants of a table: half a message, some 5,000 with usual names. Of more a proxy
/// knows none, and a grant that is revoked ends only connections whose route still names the
/// backend.
pub const GRANTS_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 2;

/// Proxies of one Gateway that are fed: far more than anybody scales one to.
pub const PROXIES_PER_GATEWAY_MAX: usize = 1024;

/// Connections to one controller, those in their handshake included: 10,000 proxies, at some 50 KiB
/// each, are half a gigabyte.
pub const CONNECTIONS_MAX: usize = 10_240;

/// Streams of one connection: a proxy needs one, and one more while it replaces that.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 2;

/// Bytes of the headers of a request: a token has one to two thousand.
pub const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// Bytes that may be on their way before the receiver takes any: the largest message, so that a
/// chunk needs no answer in its middle.
pub const WINDOW_BYTES: u32 = 1024 * 1024;

/// Longest handshake: some round trips and one signature.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after a connection could not be accepted: descriptors come back when others close.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Reviews of tokens at the same time: a restarted controller must not flood the API server.
pub const REVIEWS_AT_ONCE: usize = 64;

/// Longest review of a token, the wait for others included.
pub const REVIEW_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time that a connection may be open without a stream whose token was reviewed, that of the
/// review included: places are few, and whoever reaches the controller can take one.
pub const UNREVIEWED_TIMEOUT: Duration = Duration::from_secs(15);

/// Longest time to say what is known.
pub const KNOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Age at which a stream ends, so that its token is reviewed again: as long as a projected token
/// lives at least before the kubelet replaces it.
pub const STREAM_AGE_MAX: Duration = Duration::from_secs(45 * 60);

/// Wait for a proxy to take the word that its stream ends.
pub const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// Sockets that one proxy may report as not bound: all of a Gateway with 64 listeners, many times.
pub const UNBOUND_PER_PROXY_MAX: usize = 1024;

/// A silent connection is probed after this, by both sides.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// An unanswered probe ends the connection after this.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest lookup of the controllers' name.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Addresses tried in a round: a controller has a few replicas.
pub const ADDRESSES_TRIED_MAX: usize = 16;

/// Wait for an answer before the next address is dialled as well, RFC 8305 section 8.
pub const DIAL_DELAY: Duration = Duration::from_millis(250);

/// Time between two lookups, while nobody answers: a controller that is new has another address.
pub const LOOKUP_INTERVAL: Duration = Duration::from_secs(1);

/// Longest connect and handshake with one address.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the first answer: the review of a token, and some more.
pub const FOLLOW_TIMEOUT: Duration = Duration::from_secs(15);

/// First wait after no controller served.
pub const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// Longest wait between tries: a controller that comes back has all proxies within this.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// The same as long as a proxy has no table: it serves nobody, and whoever rolls it waits for it.
pub const BACKOFF_WITHOUT_TABLE_MAX: Duration = Duration::from_millis(500);

/// Answers that wait to be sent; there is one for an update, and one each second at most for
/// sockets.
pub const ANSWERS_MAX: usize = 4;

/// Bytes of a file with a token or certificates.
pub const CREDENTIAL_BYTES_MAX: u64 = 1024 * 1024;

/// Life of an authority.
pub const AUTHORITY_LIFETIME: Duration = Duration::from_secs(365 * DAY);

/// So long before its end an authority gets a successor.
pub const AUTHORITY_RENEWED_BEFORE: Duration = Duration::from_secs(60 * DAY);

/// So long proxies can read of a successor before it signs anything: a kubelet brings a changed
/// ConfigMap within minutes, a controller may be down for days.
pub const AUTHORITY_OVERLAP: Duration = Duration::from_secs(30 * DAY);

/// Life of the server's certificate.
pub const LEAF_LIFETIME: Duration = Duration::from_secs(DAY);

/// How far the clock of a proxy may be behind.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// Seconds.
const DAY: u64 = 24 * 60 * 60;
