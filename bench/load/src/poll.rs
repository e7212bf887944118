//! `epoll(7)`, as jobs and the backend need it: one set a thread.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::limits::EVENTS;

/// What happened to a socket.
pub(crate) type Flags = epoll::EventFlags;

/// A set of sockets, each with a number.
#[derive(Debug)]
pub(crate) struct Poll {
    epoll: OwnedFd,
}

/// What one wait brought.
pub(crate) type Events = Vec<epoll::Event>;

impl Poll {
    /// An empty set.
    pub(crate) fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("create an epoll")?;
        Ok(Self { epoll })
    }

    /// Adds a socket.
    pub(crate) fn add(&self, socket: impl AsFd, number: u64, flags: Flags) -> Result<()> {
        epoll::add(
            &self.epoll,
            socket,
            epoll::EventData::new_u64(number),
            flags,
        )
        .context("add a socket to an epoll")
    }

    /// Waits for something else at a socket.
    pub(crate) fn change(&self, socket: impl AsFd, number: u64, flags: Flags) -> Result<()> {
        epoll::modify(
            &self.epoll,
            socket,
            epoll::EventData::new_u64(number),
            flags,
        )
        .context("change a socket in an epoll")
    }

    /// Waits for events, at most so long.
    pub(crate) fn wait(&self, events: &mut Events, wait: Duration) -> Result<()> {
        events.clear();
        events.reserve(EVENTS);
        let wait = Timespec::try_from(wait).ok();
        match epoll::wait(&self.epoll, spare_capacity(events), wait.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("wait for events"),
        }
    }
}
