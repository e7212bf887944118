//! Moves the bytes of one connection both ways, until it would block or others want their turn.
//!
//! In: two [`Leg`]s, what epoll said about them, a worker's [`Tools`]. Out: [`Progress`]: how sides
//! ended, and whether to come again. Never: a decision about what an end means, a buffer kept while
//! nothing waits in it, an allocation per read.
//!
//! ```text
//!  read ─► written at once ─► read …         small messages: copied through the scratch buffer
//!    │          └ peer blocks: the rest is a spill (or stays in the pipe), reading stops
//!    └ a read filled the scratch: bulk, from now on spliced through a pipe
//! ```
//!
//! A direction reads only when nothing it read before is left, so its end can only be seen when
//! every byte before it has been written: no FIN overtakes data.

mod direction;
mod leg;
mod pipe;

pub(crate) use leg::Leg;

use std::sync::Arc;

use portway_engine::conn::End;
use portway_engine::record::Relayed;

use self::direction::{Direction, Turn};
use self::pipe::Pipes;
use crate::descriptors::Descriptors;
use crate::limits::{SCRATCH_BYTES, SPILL_BYTES_MAX, THRIFTY_READ_BYTES};

/// Both directions of one connection.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    to_backend: Direction,
    to_client: Direction,
}

/// What came of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// How the client's side ended, if it did in this turn.
    pub(crate) client: Option<End>,
    /// How the endpoint's side ended, if it did in this turn.
    pub(crate) backend: Option<End>,
    /// More could be moved at once: this turn ended for the sake of others.
    pub(crate) again: bool,
}

/// What a worker lends to each connection in turn.
#[derive(Debug)]
pub(crate) struct Tools {
    scratch: Box<[u8]>,
    pipes: Pipes,
    /// Bytes in all spills of this worker.
    spilled: usize,
}

impl Relay {
    /// Moves what can be moved now.
    pub(crate) fn run(
        &mut self,
        client: &mut Leg,
        backend: &mut Leg,
        tools: &mut Tools,
    ) -> Progress {
        let mut from_client = self.to_backend.run(client, backend, tools);
        let from_backend = self.to_client.run(backend, client, tools);
        if client.is_broken() && !from_client.is_end() {
            // It broke while we wrote to it; what it had sent before is still there to be read.
            from_client = self.to_backend.run(client, backend, tools);
        }
        Progress {
            client: verdict(from_client, client),
            backend: verdict(from_backend, backend),
            again: from_client == Turn::Again || from_backend == Turn::Again,
        }
    }

    /// Bytes that were written, each way.
    pub(crate) fn relayed(&self) -> Relayed {
        Relayed {
            to_backend: self.to_backend.written(),
            to_client: self.to_client.written(),
        }
    }

    /// Lets go of what it still holds: the connection is over.
    pub(crate) fn abandon(&mut self, tools: &mut Tools) {
        self.to_backend.abandon(tools);
        self.to_client.abandon(tools);
    }
}

/// How a side ended, seen from both directions. Reading finds most ends by itself. A side that is
/// not read any more, since it sent its FIN or since the other side blocks, tells by epoll alone
/// that it broke; but first everything is read that can be.
fn verdict(turn: Turn, leg: &mut Leg) -> Option<End> {
    match turn {
        Turn::Again => None,
        Turn::Idle | Turn::Blocked => leg.take_failure(),
        Turn::Ended(end) => leg.take_failure().or(Some(end)),
    }
}

impl Tools {
    /// A scratch buffer and room for pipes.
    pub(crate) fn new(descriptors: Arc<Descriptors>) -> Self {
        Self {
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            pipes: Pipes::new(descriptors),
            spilled: 0,
        }
    }

    /// How much to read at once: less when so many peers are stalled that their spills add up.
    fn read_bytes(&self) -> usize {
        if self.spilled < SPILL_BYTES_MAX {
            SCRATCH_BYTES
        } else {
            THRIFTY_READ_BYTES
        }
    }
}

#[cfg(test)]
mod tests;
