//! Every bound and wait of this crate, with unit and reason.

use std::time::Duration;

/// How long one call to the API may take: a slow API server must not hold a write for ever, and
/// whatever it was is tried again.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection to the API may say nothing: longer than a watch of which nothing changes.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(45);

/// What was seen and waits to be looked at; watches wait beyond it.
pub(crate) const EDITS_MAX: usize = 1024;

/// What changes is acted on at once; what changes while that is done, and as long again but no longer
/// than this, is acted on together: a stream of changes must not delay the first of them.
pub(crate) const GATHER_MAX: Duration = Duration::from_millis(20);

/// How long a watch may last before it is begun anew, in seconds: a connection that dies without a
/// word is noticed so much (and the client's margin of 5 s) after the last event. To begin anew is one
/// request from where the last one was, not a list: for the 12 watches of a whole cluster less than one
/// a second. Namespaces that are named have 10 each, so 50 of them 17 a second. Less often would not
/// help: no watch may say nothing for [`SILENCE_MAX`].
pub(crate) const WATCH_SECONDS_MAX: u32 = 30;

/// How often kinds are looked for that the cluster does not serve.
pub(crate) const ABSENT_RETRY: Duration = Duration::from_secs(5);

/// How often the version of the CRDs is read: it changes when somebody upgrades them.
pub(crate) const VERSION_INTERVAL: Duration = Duration::from_secs(60);

/// Status writes in flight: enough that the API server is never idle, few enough that its queues for
/// others stay short.
pub(crate) const STATUS_WRITES_MAX: usize = 24;

/// Fleets that are being provisioned at one time; each is a few calls in a row.
pub(crate) const FLEETS_IN_FLIGHT_MAX: usize = 16;

/// How long a status waits for the data plane before it says who is missing.
pub(crate) const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(2);

/// Tables of a Gateway that not all proxies have, of which the time is known: enough for a second or
/// two of changes; the first of them and the last count most.
pub(crate) const PENDING_TABLES_MAX: usize = 64;

/// Finalizers of a Service that are named in a condition: it has one or two.
pub(crate) const HOLDERS_SHOWN_MAX: usize = 4;

/// After taking the lead: proxies that served before need so long at most to find the new leader,
/// and nothing bad is said of them meanwhile.
pub(crate) const ADOPTION: Duration = Duration::from_secs(10);

/// How long a Gateway's status that differs in nothing but `attachedRoutes` waits for the numbers to
/// rest, unless it was not written for [`COUNTS_INTERVAL`]: while routes are being created each write
/// of a Gateway with many listeners costs the API server as much as ten routes.
pub(crate) const COUNTS_QUIET: Duration = Duration::from_millis(250);

/// How old such numbers may become while they change without rest.
pub(crate) const COUNTS_INTERVAL: Duration = Duration::from_secs(5);

/// How long a route's status waits that says the same in other words: nobody acts on those, and what
/// they name may be gone again by then.
pub(crate) const WORDS_WAIT: Duration = Duration::from_secs(5);

/// First wait after a write that failed; it doubles up to the next.
pub(crate) const RETRY_FIRST: Duration = Duration::from_millis(200);

/// Longest wait between two tries of a write.
pub(crate) const RETRY_MAX: Duration = Duration::from_secs(15);

/// How often waits and acknowledgements are looked at while there are any.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// How often everything that is provisioned is applied again, for drift that no watch shows.
pub(crate) const RESYNC: Duration = Duration::from_secs(600);

/// A leader that did not renew for so long is no leader.
pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// How often a leader renews.
pub(crate) const LEASE_RENEW: Duration = Duration::from_secs(4);

/// A leader that could not renew for so long stops writing, well before another may take over.
pub(crate) const LEASE_GIVE_UP: Duration = Duration::from_secs(10);

/// How long one call about the Lease may take: a connection may hang while the API would answer on
/// another, and between two renewals that fail there must be time for some tries.
pub(crate) const LEASE_CALL: Duration = Duration::from_secs(2);

/// How often others look whether it is still there.
pub(crate) const LEASE_LOOK: Duration = Duration::from_secs(2);

/// How long giving the lead away may take at the end: whoever waits for it has it after [`LEASE`]
/// anyway.
pub(crate) const LEASE_RELEASE: Duration = Duration::from_secs(5);

/// Events in a burst, and then so many a second: they are for people, who read no more.
pub(crate) const EVENTS_BURST: u32 = 50;

/// See [`EVENTS_BURST`].
pub(crate) const EVENTS_PER_SECOND: u32 = 5;

/// Events that one write of a Gateway gives for its listeners, of which it may have 64: all of them
/// are in its status.
pub(crate) const LISTENER_EVENTS_MAX: usize = 8;

/// Listeners that one Event names.
pub(crate) const LISTENERS_NAMED_MAX: usize = 8;

/// Events that wait to be written; more are counted and dropped.
pub(crate) const EVENTS_WAITING_MAX: usize = 256;

/// Authorities are looked at so often for whether one must be renewed.
pub(crate) const AUTHORITY_INTERVAL: Duration = Duration::from_secs(3600);

/// The feed's certificate lives 24 h and is renewed so often.
pub(crate) const LEAF_INTERVAL: Duration = Duration::from_secs(8 * 3600);
