//! One side's socket, and what is known about it without asking the kernel.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use portway_engine::conn::End;

use crate::sys::epoll::Flags;
use crate::sys::{Errno, tcp};

/// One side of a connection. Epoll tells each change once, so it is remembered here until a call
/// says the opposite.
#[derive(Debug)]
pub(crate) struct Leg {
    socket: OwnedFd,
    /// There may be something to read.
    readable: bool,
    /// There may be room to write.
    writable: bool,
    /// Nothing more will come after what is there: a short read does not mean that nothing is left
    /// to learn, only the end itself does.
    last_words: bool,
    /// It has sent urgent data once. A read stops at such a mark though more is there, and splicing
    /// does not get past it.
    urgent: bool,
    /// The kernel holds an error for us (`SO_ERROR`) that no call has returned yet.
    error_waits: bool,
    /// A write failed: whatever reading says, this is how the side ended.
    failure: Option<End>,
}

impl Leg {
    /// A socket that may be written to; epoll will say when it can be read.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            readable: false,
            writable: true,
            last_words: false,
            urgent: false,
            error_waits: false,
            failure: None,
        }
    }

    /// Remembers what epoll said.
    pub(crate) fn note(&mut self, flags: Flags) {
        let over = Flags::RDHUP | Flags::HUP | Flags::ERR;
        self.last_words |= flags.intersects(over);
        self.urgent |= flags.contains(Flags::PRI);
        self.readable |= flags.intersects(Flags::IN | Flags::PRI | over);
        self.writable |= flags.intersects(Flags::OUT | Flags::ERR);
        self.error_waits |= flags.contains(Flags::ERR);
    }

    /// Whether a read may bring something.
    pub(super) fn is_readable(&self) -> bool {
        self.readable
    }

    /// A read said that nothing is there: epoll will tell when something is.
    pub(super) fn is_dry(&mut self) {
        self.readable = false;
    }

    /// A read brought less than asked for. Then nothing is left, unless the end is or the read
    /// stopped at a mark.
    pub(super) fn was_short(&mut self) {
        self.readable = self.last_words || self.urgent;
    }

    /// Whether its bytes can be spliced.
    pub(super) fn can_be_spliced(&self) -> bool {
        !self.urgent
    }

    /// Whether a write may find room.
    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }

    /// A write found no room: epoll will tell when there is some.
    pub(super) fn is_full(&mut self) {
        self.writable = false;
    }

    /// A call other than a read has learnt that this side is broken. What it sent before can still
    /// be read, then comes `error`.
    pub(crate) fn break_off(&mut self, error: Errno) {
        self.failure = Some(end_of(error));
        self.error_waits = false;
        self.readable = true;
        self.last_words = true;
    }

    /// Whether a write failed and nobody has been told.
    pub(super) fn is_broken(&self) -> bool {
        self.failure.is_some()
    }

    /// How this side broke, if it did, by a failed write or by the error that the kernel holds.
    pub(crate) fn take_failure(&mut self) -> Option<End> {
        if let Some(end) = self.failure.take() {
            return Some(end);
        }
        if !std::mem::take(&mut self.error_waits) {
            return None;
        }
        tcp::take_error(self.as_fd()).map(end_of)
    }
}

impl AsFd for Leg {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What an error says about the side it came from.
pub(super) fn end_of(error: Errno) -> End {
    match error {
        Errno::CONNRESET | Errno::PIPE => End::Reset,
        Errno::TIMEDOUT => End::Timeout,
        other => End::Other(other.raw_os_error()),
    }
}
