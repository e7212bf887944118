//! One verified transfer, as either side sees it: what it sends, what it must get, whose FIN first.
//!
//! In: a header, a socket that does not block. Out: whether every byte and both ends came as they
//! should. Never: a transfer called good because nobody looked.

use std::net::{Shutdown, TcpStream};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::limits::TRANSFER_CHUNK;
use crate::pattern;
use crate::protocol::{Header, Order};

/// Which side this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Backend,
}

/// How a transfer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Goes,
    Good,
    /// What was wrong.
    Bad(String),
}

/// One side of one transfer.
#[derive(Debug)]
pub(crate) struct Exchange {
    header: Header,
    side: Side,
    sent: u64,
    got: u64,
    finished: bool,
    heard_end: bool,
}

/// A buffer that exchanges of one thread share.
pub(crate) type Scratch = Vec<u8>;

/// A buffer.
pub(crate) fn scratch() -> Scratch {
    vec![0; TRANSFER_CHUNK]
}

impl Exchange {
    /// Begins after the header.
    pub(crate) const fn new(header: Header, side: Side) -> Self {
        Self {
            header,
            side,
            sent: 0,
            got: 0,
            finished: false,
            heard_end: false,
        }
    }

    /// Sends and receives what can be, without waiting.
    pub(crate) fn go_on(&mut self, stream: &TcpStream, scratch: &mut Scratch) -> State {
        match self
            .receive(stream, scratch)
            .and_then(|()| self.send(stream, scratch))
        {
            Err(what) => State::Bad(what),
            Ok(()) if self.heard_end && self.finished => State::Good,
            Ok(()) => State::Goes,
        }
    }

    /// Whether it has something to send now.
    pub(crate) fn wants_to_send(&self) -> bool {
        let waits = match (self.header.order, self.side) {
            (Order::AtOnce, _)
            | (Order::ClientFirst, Side::Client)
            | (Order::BackendFirst, Side::Backend) => false,
            (Order::ClientFirst, Side::Backend) | (Order::BackendFirst, Side::Client) => {
                !self.heard_end
            }
        };
        !waits && !self.finished
    }

    /// Whether the other side has not ended yet.
    pub(crate) fn wants_to_hear(&self) -> bool {
        !self.heard_end
    }

    fn send(&mut self, stream: &TcpStream, scratch: &mut Scratch) -> Result<(), String> {
        let (seed, length, _, _) = self.ways();
        while self.wants_to_send() {
            let left = usize::try_from(length - self.sent).unwrap_or(usize::MAX);
            if left == 0 {
                let shut = stream.shutdown(Shutdown::Write);
                shut.map_err(|error| format!("FIN after {length} bytes: {error}"))?;
                self.finished = true;
                return Ok(());
            }
            let n = left.min(scratch.len());
            let chunk = scratch.get_mut(..n).unwrap_or_default();
            pattern::fill(seed, self.sent, chunk);
            match rustix::net::send(stream, chunk, SendFlags::NOSIGNAL) {
                Ok(n) => self.sent += n as u64,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(format!("sent {} of {length}: {error}", self.sent)),
            }
        }
        Ok(())
    }

    fn receive(&mut self, stream: &TcpStream, scratch: &mut Scratch) -> Result<(), String> {
        let (_, _, seed, length) = self.ways();
        while !self.heard_end {
            let n = match rustix::net::recv(stream, &mut scratch[..], RecvFlags::empty()) {
                Ok((_, n)) => n,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(format!("got {} of {length}: {error}", self.got)),
            };
            let bytes = scratch.get(..n).unwrap_or_default();
            if let Some(at) = pattern::first_wrong(seed, self.got, bytes) {
                return Err(format!("byte {at} of {length} is wrong"));
            }
            self.got += n as u64;
            if n == 0 && self.got != length {
                return Err(format!("ended after {} of {length}", self.got));
            }
            if self.got > length {
                return Err(format!("got more than {length}"));
            }
            self.heard_end = n == 0;
        }
        Ok(())
    }

    /// Seed and length of what it sends, then of what it gets.
    fn ways(&self) -> (u64, u64, u64, u64) {
        let Header { seed, up, down, .. } = self.header;
        let (up, down) = (u64::from(up), u64::from(down));
        match self.side {
            Side::Client => (seed, up, !seed, down),
            Side::Backend => (!seed, down, seed, up),
        }
    }
}

#[cfg(test)]
mod tests;
