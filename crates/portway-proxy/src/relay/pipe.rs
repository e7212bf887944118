//! Pipes for `splice(2)`: a few per worker, lent to a direction while they hold its bytes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use crate::descriptors::Descriptors;
use crate::limits::{PIPE_BYTES, PIPE_REFUSAL_READS, PIPES_PER_WORKER_MAX};
use crate::sys;

/// Descriptors of one pipe.
const ENDS: usize = 2;

/// A pipe, and how many bytes it holds.
#[derive(Debug)]
pub(super) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    held: usize,
}

/// The pipes of one worker.
#[derive(Debug)]
pub(super) struct Pipes {
    at_rest: Vec<Pipe>,
    n_open: usize,
    /// Reads to copy before the kernel is asked for a pipe again.
    refused: u32,
    descriptors: Arc<Descriptors>,
}

impl Pipes {
    /// None yet.
    pub(super) fn new(descriptors: Arc<Descriptors>) -> Self {
        Self {
            at_rest: Vec::new(),
            n_open: 0,
            refused: 0,
            descriptors,
        }
    }

    /// Lends an empty pipe; `None` when there can be no more, and then bytes are copied.
    pub(super) fn lend(&mut self) -> Option<Pipe> {
        self.at_rest.pop().or_else(|| self.open())
    }

    /// Takes a pipe back. One that still holds bytes is of no use to others and is closed.
    pub(super) fn take_back(&mut self, pipe: Pipe) {
        if pipe.held == 0 {
            self.at_rest.push(pipe);
        } else {
            drop(pipe);
            self.n_open -= 1;
            self.descriptors.give(ENDS);
        }
    }

    fn open(&mut self) -> Option<Pipe> {
        if self.refused > 0 {
            self.refused -= 1;
            return None;
        }
        if self.n_open >= PIPES_PER_WORKER_MAX || !self.descriptors.take(ENDS) {
            return None;
        }
        let Ok((read, write)) = sys::pipe::open(PIPE_BYTES) else {
            self.descriptors.give(ENDS);
            self.refused = PIPE_REFUSAL_READS;
            return None;
        };
        self.n_open += 1;
        let held = 0;
        Some(Pipe { read, write, held })
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        self.descriptors.give(self.n_open * ENDS);
    }
}

impl Pipe {
    /// Whether everything that came in has gone out.
    pub(super) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Moves what a socket has to read into the pipe; 0 is its end.
    pub(super) fn fill(&mut self, from: BorrowedFd<'_>) -> sys::Result<usize> {
        let n = sys::pipe::transfer(from, self.write.as_fd(), PIPE_BYTES)?;
        self.held += n;
        Ok(n)
    }

    /// Moves what fits into a socket.
    pub(super) fn pour(&mut self, to: BorrowedFd<'_>) -> sys::Result<usize> {
        let n = sys::pipe::transfer(self.read.as_fd(), to, self.held)?;
        self.held -= n.min(self.held);
        Ok(n)
    }
}
