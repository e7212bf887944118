//! What the controller knows of one proxy, and what it sends next.
//!
//! In: what the proxy announced, tables, answers. Out: updates, one at a time. Never: a queue.
//! While an update is on its way newer tables only replace each other; the next update leads from
//! what was acknowledged last to the newest, so a slow proxy holds two states and nothing more.

use std::sync::Arc;

use crate::chunks::Chunks;
use crate::diff::{Step, diff};
use crate::known::{Announced, Resumed};
use crate::resources::Resources;
use crate::wire::{self, grants_to_wire};

/// A state of a table that is to be sent.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) generation: u64,
    pub(crate) resources: Arc<Resources>,
}

/// One proxy.
#[derive(Debug)]
pub(crate) struct Follower {
    has: Arc<Resources>,
    /// Takes away what it has beside that.
    stale: Vec<Step>,
    /// It has grants, not those of the table.
    has_other_grants: bool,
    on_way: Option<Sent>,
    acknowledged: Option<Sent>,
    /// What it answered last; nothing is sent until something else is published.
    answered: Option<Arc<Published>>,
    n_sent: u64,
}

#[derive(Debug)]
struct Sent {
    nonce: u64,
    table: Arc<Published>,
}

impl Follower {
    /// A proxy that announced what it has; compared with `newest`.
    pub(crate) fn new(announced: Announced, newest: &Published) -> Self {
        let Resumed {
            same,
            stale,
            has_other_grants,
        } = announced.compare(&newest.resources);
        Self {
            has: Arc::new(same),
            stale,
            has_other_grants,
            on_way: None,
            acknowledged: None,
            answered: None,
            n_sent: 0,
        }
    }

    /// The update to send now, if there is one.
    pub(crate) fn next(&mut self, newest: &Arc<Published>) -> Option<Chunks> {
        let is_answered = |it: &Arc<Published>| Arc::ptr_eq(it, newest);
        if self.on_way.is_some() || self.answered.as_ref().is_some_and(is_answered) {
            return None;
        }
        let mut steps = self.stale.clone();
        steps.extend(diff(&self.has, &newest.resources));
        self.n_sent += 1;
        self.on_way = Some(Sent {
            nonce: self.n_sent,
            table: Arc::clone(newest),
        });
        let grants = &newest.resources.grants;
        let are_other = self.has_other_grants || self.has.grants != *grants;
        let grants = grants.as_deref();
        let commit = wire::Commit {
            generation: newest.generation,
            grants: are_other.then(|| grants_to_wire(grants)),
        };
        Some(Chunks::new(self.n_sent, commit, steps))
    }

    /// It routes by the table of this update. Gives the generation, unless it answers to nothing.
    pub(crate) fn acknowledged(&mut self, nonce: u64) -> Option<u64> {
        if let Some(sent) = self.on_way.take_if(|it| it.nonce == nonce) {
            self.has = Arc::clone(&sent.table.resources);
            self.stale = Vec::new();
            self.has_other_grants = false;
            self.answered = Some(Arc::clone(&sent.table));
            self.acknowledged = Some(sent);
        }
        // It may say so again, when sockets could be bound or no longer can.
        let again = self.acknowledged.as_ref().filter(|it| it.nonce == nonce)?;
        Some(again.table.generation)
    }

    /// It keeps what it had before this update. Gives the generation, unless it answers to nothing.
    pub(crate) fn refused(&mut self, nonce: u64) -> Option<u64> {
        let sent = self.on_way.take_if(|it| it.nonce == nonce)?;
        self.answered = Some(Arc::clone(&sent.table));
        Some(sent.table.generation)
    }
}
