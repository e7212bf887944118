//! `eventfd(2)`: wakes a worker that waits for events.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

use super::Result;

/// Wakes one worker, from any thread.
#[derive(Debug)]
pub(crate) struct Wake(OwnedFd);

impl Wake {
    /// One that nobody has used yet.
    pub(crate) fn new() -> Result<Self> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Self)
    }

    /// Wakes the worker. Its epoll reports every write as a new edge, so nobody reads the counter;
    /// it is full after 2⁶⁴ writes.
    pub(crate) fn wake(&self) -> Result<()> {
        rustix::io::write(&self.0, &1_u64.to_ne_bytes()).map(|_| ())
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
