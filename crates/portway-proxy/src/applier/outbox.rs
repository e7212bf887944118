//! Rare facts on their way up: they may wait, but are not lost.
//!
//! In: facts. Out: reports, as soon as the channel has room. Never: a wait for its reader. Of each
//! kind the newest fact stands for those before it, so the outbox is bounded.

use std::io;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use portway_engine::table::TableVersion;

use super::sockets::Unbound;
use crate::limits::REPORT_RETRY;
use crate::report::Report;

/// What has not been said yet.
#[derive(Debug)]
pub(super) struct Outbox {
    reports: SyncSender<Report>,
    died: bool,
    applied: Option<(TableVersion, Unbound)>,
    paused: Option<bool>,
    /// What was said last.
    said_paused: bool,
}

impl Outbox {
    /// Nothing to say.
    pub(super) fn new(reports: SyncSender<Report>) -> Self {
        Self {
            reports,
            died: false,
            applied: None,
            paused: None,
            said_paused: false,
        }
    }

    /// All workers have applied a table.
    pub(super) fn applied(&mut self, version: TableVersion, unbound: Unbound) {
        self.applied = Some((version, unbound));
    }

    /// Whether any worker has paused accepting.
    pub(super) fn accept_paused(&mut self, paused: bool) {
        self.paused = Some(paused);
    }

    /// A worker has panicked.
    pub(super) fn worker_died(&mut self) {
        self.died = true;
    }

    /// Says what there is room for.
    pub(super) fn send(&mut self) {
        if self.died {
            self.died = !self.try_send(Report::WorkerDied);
        }
        if let Some((version, refused)) = &self.applied {
            let errors = refused
                .iter()
                .map(|(key, error)| (*key, io::Error::from(*error)));
            let (version, unbound) = (*version, errors.collect());
            if self.try_send(Report::Applied { version, unbound }) {
                self.applied = None;
            }
        }
        if let Some(paused) = self.paused
            && (paused == self.said_paused || self.try_send(Report::AcceptPaused(paused)))
        {
            self.paused = None;
            self.said_paused = paused;
        }
    }

    /// How long nothing has to be tried again.
    pub(super) fn patience(&self) -> Duration {
        if self.died || self.applied.is_some() || self.paused.is_some() {
            REPORT_RETRY
        } else {
            Duration::MAX
        }
    }

    /// Whether it was said; if nobody listens any more, it counts as said.
    fn try_send(&self, report: Report) -> bool {
        !matches!(self.reports.try_send(report), Err(TrySendError::Full(_)))
    }
}
