//! One line per finished connection, a warning when the client got nothing, and that an endpoint answers
//! again.
//!
//! In: [`ConnRecord`]s, an [`Observer`]. Out: log lines: `debug` for every connection, `warn` when
//! endpoints could not be reached or the stream was rejected, at most [`CONNECTION_WARNINGS_PER_SECOND`],
//! and as many about endpoints that are reached again. Never: a wait; a flood of bad connections must
//! not become a flood of text.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use portway_engine::record::{CloseReason, ConnRecord, DialError};
use portway_proxy::Observer;
use tracing::{debug, info, warn};

use crate::limits::{CONNECTION_WARNINGS_PER_SECOND, FAILING_ENDPOINTS_MAX};

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
    observer: Arc<OnceLock<Observer>>,
    /// Endpoints with their backends that could not be reached, as far as is known.
    failing: BTreeSet<(Arc<str>, SocketAddr)>,
}

impl ConnLog {
    /// Nothing is said yet. The data plane tells whether an endpoint is reached again: connections that
    /// did may be open for a long time.
    pub(crate) fn new(observer: Arc<OnceLock<Observer>>) -> Self {
        Self {
            second: Instant::now(),
            n_warned: 0,
            n_unsaid: 0,
            observer,
            failing: BTreeSet::new(),
        }
    }

    /// Tells what there is to tell. Gives the longest silence after which it wants to hear of it: what
    /// was left out is told soon after its second, also when nothing follows, and endpoints that fail are
    /// looked at each second.
    pub(crate) fn hear(&mut self, heard: Heard<'_>) -> Option<Duration> {
        match heard {
            Heard::Closed(record) => {
                self.turn_second();
                self.tell(record);
            }
            Heard::Quiet => self.turn_second(),
            Heard::End => self.tell_unsaid(),
        }
        let left = SECOND.saturating_sub(self.second.elapsed());
        let waits = self.n_unsaid > 0 || !self.failing.is_empty();
        waits.then_some(left)
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
        self.remember(record);
    }

    /// What this host lacked says nothing of an endpoint.
    fn remember(&mut self, record: &ConnRecord) {
        let Some(backend) = &record.backend else {
            return;
        };
        let failed = record.failed_dials.iter();
        for (addr, _) in failed.filter(|(_, error)| *error != DialError::OutOfResources) {
            if self.failing.len() < FAILING_ENDPOINTS_MAX {
                self.failing.insert((Arc::clone(backend), *addr));
            }
        }
    }

    /// Tells which endpoints are reached again; of some that is told later, and what nobody names any
    /// more is forgotten.
    fn tell_reached(&mut self) {
        if self.failing.is_empty() {
            return;
        }
        let Some(observer) = self.observer.get() else {
            return;
        };
        let before = std::mem::take(&mut self.failing);
        let mut n_told = 0;
        for it in observer.endpoints() {
            let Some(addr) = it.endpoint.filter(|_| it.is_named) else {
                continue;
            };
            let key = (it.backend, addr);
            if !before.contains(&key) {
                continue;
            }
            if it.failing_for > 0 || it.reached == 0 || n_told == CONNECTION_WARNINGS_PER_SECOND {
                self.failing.insert(key);
                continue;
            }
            n_told += 1;
            info!(backend = &*key.0, endpoint = %addr, "endpoint answers again");
        }
    }

    /// Whether this second has room for one more warning.
    fn may_warn(&mut self) -> bool {
        if self.n_warned < CONNECTION_WARNINGS_PER_SECOND {
            self.n_warned += 1;
            return true;
        }
        self.n_unsaid += 1;
        false
    }

    /// Each second begins with what the one before left out.
    fn turn_second(&mut self) {
        if self.second.elapsed() >= SECOND {
            self.second = Instant::now();
            self.n_warned = 0;
            self.tell_unsaid();
            self.tell_reached();
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
