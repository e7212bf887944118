//! Which sockets are bound, and which were refused.
//!
//! In: tables. Out: new sockets, one share for each worker. Never: the sockets themselves once they
//! are handed out: a worker owns its own, and closes them when they are empty.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use portway_engine::table::diff::Unshared;
use portway_engine::table::{Listener, ListenerKey};

use crate::descriptors::Descriptors;
use crate::listener::{self, Opened};
use crate::sys::{Errno, Result};

/// The addresses that are bound, by what the table asked for.
pub(crate) type Bound = BTreeMap<ListenerKey, SocketAddr>;

/// The sockets that were refused, and why.
pub(super) type Unbound = BTreeMap<ListenerKey, Errno>;

/// The new sockets of one worker.
pub(super) type Share = Vec<(ListenerKey, OwnedFd)>;

/// All sockets of a proxy.
#[derive(Debug)]
pub(crate) struct Sockets {
    bound: Arc<Mutex<Bound>>,
    descriptors: Arc<Descriptors>,
    unbound: Unbound,
    /// The last table has let go of addresses.
    freed: bool,
}

impl Sockets {
    /// None yet. What is bound can be seen in `bound`.
    pub(crate) fn new(bound: Arc<Mutex<Bound>>, descriptors: Arc<Descriptors>) -> Self {
        Self {
            bound,
            descriptors,
            unbound: Unbound::new(),
            freed: false,
        }
    }

    /// The sockets that were refused.
    pub(super) fn unbound(&self) -> &Unbound {
        &self.unbound
    }

    /// Whether the last table has let go of addresses; asked once.
    pub(super) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    /// Opens what a table has and the one before had not, and forgets what it has not. What was
    /// refused is tried again.
    pub(super) fn move_to(
        &mut self,
        listeners: &Unshared<'_, Listener>,
        n_workers: usize,
    ) -> Vec<Share> {
        let keys = |of: &[&Arc<Listener>]| -> BTreeSet<ListenerKey> {
            of.iter().flat_map(|it| &it.keys).copied().collect()
        };
        let (old, wanted) = (keys(&listeners.before), keys(&listeners.after));
        let bound = Arc::clone(&self.bound);
        let mut bound = bound.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = old.difference(&wanted);
        let n_gone = gone.filter(|key| bound.remove(key).is_some()).count();
        self.freed = n_gone > 0;
        self.descriptors.give(n_gone * n_workers);
        let refused = std::mem::take(&mut self.unbound).into_keys();
        let refused = refused.filter(|key| !old.contains(key));
        let missing: BTreeSet<_> = refused.chain(wanted).collect();
        let missing = missing.into_iter().filter(|key| !bound.contains_key(key));
        let missing: Vec<_> = missing.collect();
        self.open(missing, &mut bound, n_workers)
    }

    /// Tries again what was refused. Also whether anything is different now.
    pub(super) fn try_again(&mut self, n_workers: usize) -> (Vec<Share>, bool) {
        let before = std::mem::take(&mut self.unbound);
        let bound = Arc::clone(&self.bound);
        let mut bound = bound.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = self.open(before.keys().copied().collect(), &mut bound, n_workers);
        (opened, before != self.unbound)
    }

    fn open(&mut self, keys: Vec<ListenerKey>, bound: &mut Bound, n_workers: usize) -> Vec<Share> {
        let mut shares: Vec<Share> = (0..n_workers).map(|_| Vec::new()).collect();
        for key in keys {
            match self.open_one(key.addr, n_workers) {
                Ok(opened) => {
                    bound.insert(key, opened.addr);
                    for (share, socket) in shares.iter_mut().zip(opened.sockets) {
                        share.push((key, socket));
                    }
                }
                Err(error) => {
                    self.unbound.insert(key, error);
                }
            }
        }
        shares
    }

    /// Opens the sockets of one address; descriptors are taken for all or none.
    fn open_one(&self, addr: SocketAddr, n_workers: usize) -> Result<Opened> {
        if !self.descriptors.take(n_workers) {
            return Err(Errno::MFILE);
        }
        let opened = listener::open(addr, n_workers);
        if opened.is_err() {
            self.descriptors.give(n_workers);
        }
        opened
    }
}
