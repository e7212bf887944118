//! Accepting: from the listening sockets of one worker, some at a time.
//!
//! In: sockets that are ready. Out: connections that have begun. Never: a connection for which no
//! second descriptor is left, a spin when descriptors run out: then accepting pauses, clients wait
//! in the kernel's queue, and it resumes when connections have ended. Nor a spin on a socket that
//! gives only errors: that one is left alone for a moment.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use portway_engine::conn::Connection;
use portway_engine::table::ListenerKey;
use portway_engine::time::Moment;

use super::Worker;
use super::served::Served;
use crate::applier::Order;
use crate::descriptors;
use crate::limits::{
    ACCEPT_RETRY, ACCEPTS_PER_TURN, ACCEPTS_UNSEEN, DESCRIPTORS_PER_CONNECTION, SOCKETS_PER_TURN,
};
use crate::slab::{Key, Slab};
use crate::slot::Duty;
use crate::sys::{Errno, tcp};

/// The listening sockets of one worker.
#[derive(Debug)]
pub(super) struct Accepting {
    pub(super) sockets: Slab<Socket>,
    /// Where each is.
    pub(super) by_key: BTreeMap<ListenerKey, Key>,
    /// Sockets on which connections may wait, in order.
    ready: VecDeque<Key>,
    /// Accepting has paused, and tries again then.
    resume_at: Option<Moment>,
    /// How many sockets at the front of `ready` have waited since descriptors last ran out.
    n_held_up: usize,
    /// Sockets that refused a whole turn, and when they are tried again.
    refusing: Vec<Key>,
    retry_at: Option<Moment>,
}

/// A listening socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) key: ListenerKey,
    pub(super) duty: Duty,
    pub(super) socket: OwnedFd,
    /// It stands in `ready` already, or among those that refuse.
    pub(super) queued: bool,
    /// That it refuses has been said.
    pub(super) refuses: bool,
}

/// What a socket had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    /// Nobody waits any more.
    Empty,
    /// Others may wait.
    MayHaveMore,
    /// Descriptors have run out.
    NoDescriptors,
    /// Not one was to be had, and that not for want of anything; the last errno.
    Refused(Errno),
}

impl Accepting {
    /// No socket yet.
    pub(super) const fn new() -> Self {
        Self {
            sockets: Slab::new(),
            by_key: BTreeMap::new(),
            ready: VecDeque::new(),
            resume_at: None,
            n_held_up: 0,
            refusing: Vec::new(),
            retry_at: None,
        }
    }

    /// Connections wait on this socket. Epoll says so once, so it is remembered.
    pub(super) fn ready(&mut self, key: Key) {
        if let Some(socket) = self.sockets.get_mut(key)
            && !std::mem::replace(&mut socket.queued, true)
        {
            self.ready.push_back(key);
        }
    }

    /// The socket that was opened for this key, if it is there.
    pub(super) fn socket_of(&mut self, key: ListenerKey) -> Option<&mut Socket> {
        let key = self.by_key.get(&key).copied()?;
        self.sockets.get_mut(key)
    }

    /// Whether there is something to accept, and leave to.
    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty() && self.resume_at.is_none()
    }

    /// When to try again, if accepting has paused or a socket refuses.
    pub(super) fn resume_at(&self) -> Option<Moment> {
        self.resume_at.or(self.retry_at)
    }

    /// A socket's queue is empty: epoll says when it is not.
    fn waits_for_epoll(&mut self, key: Key) {
        if let Some(socket) = self.sockets.get_mut(key) {
            (socket.queued, socket.refuses) = (false, false);
        }
    }

    /// A socket refused a whole turn: it is tried again later, and the others are not held up.
    fn set_aside(&mut self, key: Key, error: Errno, now: Moment) {
        let Some(socket) = self.sockets.get_mut(key) else {
            return;
        };
        if !std::mem::replace(&mut socket.refuses, true) {
            let addr = socket.key.addr;
            tracing::error!(%addr, %error, "a socket gives no connections, it is tried again");
        }
        self.refusing.push(key);
        self.retry_at.get_or_insert(now.after(ACCEPT_RETRY));
    }

    /// Those that refused are ready again once their time has come.
    fn take_up_refusing(&mut self, now: Moment) {
        if self.retry_at.is_some_and(|it| it <= now) {
            self.retry_at = None;
            self.ready.extend(self.refusing.drain(..));
        }
    }
}

impl Worker {
    /// Accepts from sockets that are ready, each in its turn, from each a few. While accepting is
    /// paused it is tried now and then; it has resumed once there was enough for all that waited.
    pub(super) fn accept(&mut self) {
        let now = self.site.now;
        let paused = self.accepting.resume_at;
        if paused.is_some_and(|at| now < at && !self.site.descriptors.has_plenty()) {
            return;
        }
        self.accepting.take_up_refusing(now);
        let n_ready = self.accepting.ready.len();
        let n_in_turn = n_ready.min(SOCKETS_PER_TURN);
        for _ in 0..n_in_turn {
            let Some(key) = self.accepting.ready.pop_front() else {
                break;
            };
            match self.accept_some(key, ACCEPTS_PER_TURN) {
                Queue::Empty => self.accepting.waits_for_epoll(key),
                Queue::MayHaveMore => self.accepting.ready.push_back(key),
                Queue::Refused(error) => self.accepting.set_aside(key, error, now),
                Queue::NoDescriptors => {
                    self.accepting.ready.push_front(key);
                    self.accepting.n_held_up = self.accepting.ready.len();
                    self.accepting.resume_at = Some(now.after(ACCEPT_RETRY));
                    if paused.is_none() {
                        self.site.counts.accept_pauses.add(1);
                        self.site.order(Order::Pause);
                    }
                    return;
                }
            }
        }
        let n_held_up = self.accepting.n_held_up.min(n_ready);
        self.accepting.n_held_up = n_held_up.saturating_sub(n_in_turn);
        if self.accepting.n_held_up > 0 {
            self.accepting.resume_at = Some(now);
        } else if self.accepting.resume_at.take().is_some() {
            self.site.order(Order::Resume);
        }
    }

    /// Accepts at most `n` connections from one socket.
    pub(super) fn accept_some(&mut self, key: Key, n: usize) -> Queue {
        let mut refused = None;
        for nth in 0..n {
            let served = match self.accept_one(key) {
                Ok(served) => served,
                // It broke before it was accepted; the next may be whole.
                Err(Refusal::Broken(error)) => {
                    refused = Some(error).filter(|_| nth == 0 || refused.is_some());
                    continue;
                }
                Err(Refusal::Empty) => return Queue::Empty,
                Err(Refusal::NoDescriptors) => return Queue::NoDescriptors,
            };
            refused = None;
            let born = self.connections.insert(served);
            let begin = match nth {
                0..ACCEPTS_UNSEEN => Served::begin,
                _ => Served::begin_if_there,
            };
            self.serve(born, begin);
        }
        refused.map_or(Queue::MayHaveMore, Queue::Refused)
    }

    fn accept_one(&mut self, key: Key) -> Result<Served, Refusal> {
        let site = &mut self.site;
        let socket = self.accepting.sockets.get_mut(key).ok_or(Refusal::Empty)?;
        if !site.spare.is_had() || !site.descriptors.take(DESCRIPTORS_PER_CONNECTION) {
            // Being full is no shortage as long as nobody waits.
            return Err(match tcp::has_waiting(socket.socket.as_fd()) {
                Ok(false) => Refusal::Empty,
                Ok(true) | Err(_) => Refusal::NoDescriptors,
            });
        }
        let (client, addr) = tcp::accept(socket.socket.as_fd()).map_err(|error| {
            site.descriptors.give(DESCRIPTORS_PER_CONNECTION);
            Refusal::from(error)
        })?;
        site.counts.accepted.add(1);
        site.counts.open.add(1);
        let Duty {
            listener,
            ticket,
            tallies,
        } = &socket.duty;
        tallies.stream.opened();
        let ticket = ticket.fetch_add(1, Ordering::Relaxed);
        let machine = Connection::new(listener, addr, ticket, &site.avoid, site.now);
        Ok(Served::new(machine, client, Arc::clone(tallies)))
    }
}

/// Why there was no connection.
enum Refusal {
    Empty,
    Broken(Errno),
    NoDescriptors,
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        match error {
            Errno::AGAIN => Self::Empty,
            it if descriptors::are_lacking(it) => Self::NoDescriptors,
            other => Self::Broken(other),
        }
    }
}
