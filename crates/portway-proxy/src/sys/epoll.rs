//! `epoll(7)`, edge-triggered: a socket is added once and never changed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};

use super::{Errno, Result};
use crate::limits::EVENTS_PER_BATCH;

/// What the kernel says about a socket.
pub(crate) use rustix::event::epoll::EventFlags as Flags;

/// The set of sockets of one worker.
#[derive(Debug)]
pub(crate) struct Epoll(OwnedFd);

/// The events of one wait: a token and what happened.
pub(crate) struct Batch(Vec<epoll::Event>);

impl Epoll {
    /// An empty set (`epoll_create1(2)`).
    pub(crate) fn new() -> Result<Self> {
        epoll::create(epoll::CreateFlags::CLOEXEC).map(Self)
    }

    /// Adds a socket for all it may tell (`epoll_ctl(2)`). It leaves the set when it is closed.
    pub(crate) fn add(&self, socket: BorrowedFd<'_>, token: u64) -> Result<()> {
        let all = Flags::IN | Flags::PRI | Flags::OUT | Flags::RDHUP | Flags::ET;
        epoll::add(&self.0, socket, epoll::EventData::new_u64(token), all)
    }

    /// Waits for events, at most `wait` (`epoll_wait(2)`); a signal ends the wait early.
    pub(crate) fn wait(&self, batch: &mut Batch, wait: Option<Duration>) -> Result<()> {
        batch.0.clear();
        let wait = wait.and_then(|it| Timespec::try_from(it).ok());
        let room = rustix::buffer::spare_capacity(&mut batch.0);
        match epoll::wait(self.0.as_fd(), room, wait.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Batch {
    /// Room for [`EVENTS_PER_BATCH`] events.
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(EVENTS_PER_BATCH))
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Token and flags of one event.
    pub(crate) fn event(&self, index: usize) -> Option<(u64, Flags)> {
        let event = self.0.get(index)?;
        Some((event.data.u64(), event.flags))
    }
}
