//! One line per finished connection, and a warning when the client got nothing.
//!
//! In: [`ConnRecord`]s. Out: log lines: `debug` for every connection, `warn` when endpoints could
//! not be reached or the stream was rejected, at most [`CONNECTION_WARNINGS_PER_SECOND`]. Never: a
//! wait; a flood of bad connections must not become a flood of text.

use std::fmt::Write;
use std::time::{Duration, Instant};

use portway_engine::record::{CloseReason, ConnRecord, DialError};
use tracing::{debug, warn};

use crate::limits::CONNECTION_WARNINGS_PER_SECOND;

const SECOND: Duration = Duration::from_secs(1);

/// What there is to hear of connections.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Heard<'a> {
    /// One is over.
    Closed(&'a ConnRecord),
    /// None was, for as long as was asked.
    Quiet,
    /// No more will be.
    End,
}

/// Writes the lines.
#[derive(Debug)]
pub(crate) struct ConnLog {
    second: Instant,
    n_warned: u32,
    n_unsaid: u64,
}

impl ConnLog {
    /// Nothing is said yet.
    pub(crate) fn new() -> Self {
        Self {
            second: Instant::now(),
            n_warned: 0,
            n_unsaid: 0,
        }
    }

    /// Tells what there is to tell. Gives the longest silence after which it wants to hear of it: what
    /// was left out is told soon after its second, also when nothing follows.
    pub(crate) fn hear(&mut self, heard: Heard<'_>) -> Option<Duration> {
        match heard {
            Heard::Closed(record) => self.tell(record),
            Heard::Quiet => self.turn_second(),
            Heard::End => self.tell_unsaid(),
        }
        let left = SECOND.saturating_sub(self.second.elapsed());
        (self.n_unsaid > 0).then_some(left)
    }

    fn tell(&mut self, record: &ConnRecord) {
        let endpoint = record.endpoint.map(|it| it.to_string());
        debug!(
            listener = %record.listener,
            route = record.route.as_deref(),
            backend = record.backend.as_deref(),
            endpoint,
            client = %record.client,
            duration_ms = millis(record.ended.since(record.started)),
            bytes_to_backend = record.bytes_to_backend,
            bytes_to_client = record.bytes_to_client,
            reason = record.reason.name(),
            "connection closed"
        );
        if deserves_warning(record) && self.may_warn() {
            warn_of(record);
        }
    }

    /// Whether this second has room for one more warning; the first of a second tells what the
    /// one before left out.
    fn may_warn(&mut self) -> bool {
        self.turn_second();
        if self.n_warned < CONNECTION_WARNINGS_PER_SECOND {
            self.n_warned += 1;
            return true;
        }
        self.n_unsaid += 1;
        false
    }

    fn turn_second(&mut self) {
        if self.second.elapsed() >= SECOND {
            self.second = Instant::now();
            self.n_warned = 0;
            self.tell_unsaid();
        }
    }

    fn tell_unsaid(&mut self) {
        let n = std::mem::take(&mut self.n_unsaid);
        if n > 0 {
            warn!(n, "more connections failed the same second, not listed");
        }
    }
}

fn deserves_warning(record: &ConnRecord) -> bool {
    let failed = matches!(
        record.reason,
        CloseReason::DialFailed | CloseReason::Rejected(_) | CloseReason::OutOfResources
    );
    failed || !record.failed_dials.is_empty()
}

fn warn_of(record: &ConnRecord) {
    let phrase = match record.reason {
        CloseReason::Rejected(_) => "connection rejected",
        CloseReason::DialFailed => "no endpoint reached, client reset",
        CloseReason::OutOfResources => "connection ended for lack of resources",
        _ => "endpoint skipped after a failed dial",
    };
    let tried = tried(record);
    warn!(
        listener = %record.listener,
        route = record.route.as_deref(),
        backend = record.backend.as_deref(),
        client = %record.client,
        tried = (!tried.is_empty()).then_some(tried),
        reason = record.reason.name(),
        why = record.reason.sentence(),
        "{phrase}"
    );
}

/// The failed dials as `127.0.0.1:6000 (refused), 10.0.0.2:6000 (timed_out)`.
fn tried(record: &ConnRecord) -> String {
    let mut text = String::new();
    for (endpoint, error) in &record.failed_dials {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = match error {
            DialError::Other(errno) => write!(text, "{comma}{endpoint} (errno {errno})"),
            named => write!(text, "{comma}{endpoint} ({})", named.name()),
        };
    }
    text
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
