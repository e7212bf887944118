//! One direction of a relay: from one leg to the other. The fast path of everything.

use std::os::fd::AsFd;

use portway_engine::conn::End;

use super::Tools;
use super::leg::{Leg, end_of};
use super::pipe::Pipe;
use crate::limits::{SCRATCH_BYTES, THIN_BYTES, THIN_READS_MAX, TURN_BYTES_MAX};
use crate::sys::{Errno, tcp};

/// One direction. At rest it holds no buffer.
#[derive(Debug, Default)]
pub(super) struct Direction {
    manner: Manner,
    held: Held,
    written: u64,
    /// Its end has been told, or nobody can take its bytes any more.
    over: bool,
}

/// How bytes are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Manner {
    /// Through the scratch buffer: best for what fits into it.
    #[default]
    Copy,
    /// Through a pipe: best for bulk. The last reads in a row were thin.
    Splice { n_thin: u8 },
}

/// Bytes that were read and not yet written.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    /// What the scratch buffer held when the peer blocked, from `start` on.
    Spill { bytes: Box<[u8]>, start: usize },
    /// A pipe that is not empty.
    Pipe(Pipe),
}

/// Why a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is nothing to read.
    Idle,
    /// There is no room to write.
    Blocked,
    /// There is more to do; others come first.
    Again,
    /// The side it reads from has ended, and everything before that is written.
    Ended(End),
}

/// What one read brought.
enum Read {
    /// So many bytes, which are written or held.
    Bytes(usize),
    /// Nothing for now.
    Dry,
    End(End),
}

/// What became of held bytes.
#[derive(PartialEq, Eq)]
enum Flush {
    /// Nothing is held any more.
    Done,
    Blocked,
    /// The side it writes to is broken.
    Broken,
}

impl Turn {
    pub(super) fn is_end(self) -> bool {
        matches!(self, Self::Ended(_))
    }
}

impl Direction {
    /// Reads and writes until one side blocks or the turn is used up.
    pub(super) fn run(&mut self, from: &mut Leg, to: &mut Leg, tools: &mut Tools) -> Turn {
        let mut left = TURN_BYTES_MAX;
        while !self.over {
            match self.flush(to, tools) {
                Flush::Done => {}
                Flush::Blocked => return Turn::Blocked,
                Flush::Broken => break,
            }
            if !from.is_readable() {
                return Turn::Idle;
            }
            if !to.is_writable() {
                return Turn::Blocked;
            }
            if left == 0 {
                return Turn::Again;
            }
            match self.read(from, to, tools) {
                Read::Bytes(n) => left = left.saturating_sub(n),
                Read::Dry => from.is_dry(),
                Read::End(end) => {
                    self.over = true;
                    return Turn::Ended(end);
                }
            }
        }
        Turn::Idle
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Lets go of what it holds; nobody will take it.
    pub(super) fn abandon(&mut self, tools: &mut Tools) {
        self.over = true;
        match std::mem::take(&mut self.held) {
            Held::Nothing => {}
            Held::Spill { bytes, .. } => tools.spilled -= bytes.len(),
            Held::Pipe(pipe) => tools.pipes.take_back(pipe),
        }
    }

    fn read(&mut self, from: &mut Leg, to: &mut Leg, tools: &mut Tools) -> Read {
        if let Manner::Splice { n_thin } = self.manner
            && from.can_be_spliced()
            && let Some(pipe) = tools.pipes.lend()
        {
            return self.splice(pipe, n_thin, from, tools);
        }
        self.copy(from, to, tools)
    }

    fn copy(&mut self, from: &mut Leg, to: &mut Leg, tools: &mut Tools) -> Read {
        let asked = tools.read_bytes();
        let Some(scratch) = tools.scratch.get_mut(..asked) else {
            return Read::Dry;
        };
        let n = match tcp::receive(from.as_fd(), scratch) {
            Ok(0) => return Read::End(End::Eof),
            Ok(n) => n,
            Err(Errno::AGAIN) => return Read::Dry,
            Err(error) => return Read::End(end_of(error)),
        };
        if n < asked {
            from.was_short();
        } else if n == SCRATCH_BYTES && self.manner == Manner::Copy {
            self.manner = Manner::Splice { n_thin: 0 };
        }
        let bytes = scratch.get(..n).unwrap_or_default();
        let sent = match tcp::send(to.as_fd(), bytes) {
            Ok(sent) => sent,
            Err(Errno::AGAIN) => 0,
            Err(error) => {
                self.broken(to, error, tools);
                return Read::Bytes(n);
            }
        };
        self.count(sent);
        match bytes.get(sent..) {
            Some(rest) if !rest.is_empty() => {
                to.is_full();
                tools.spilled += rest.len();
                let bytes = rest.into();
                self.held = Held::Spill { bytes, start: 0 };
            }
            _ => {}
        }
        Read::Bytes(n)
    }

    /// A pipe takes as many bytes as it has room for pieces, so a short read says nothing here:
    /// the source is read until it is dry.
    fn splice(&mut self, mut pipe: Pipe, n_thin: u8, from: &Leg, tools: &mut Tools) -> Read {
        let n = match pipe.fill(from.as_fd()) {
            Ok(n) if n > 0 => n,
            other => {
                tools.pipes.take_back(pipe);
                return match other {
                    Ok(_) => Read::End(End::Eof),
                    Err(Errno::AGAIN) => Read::Dry,
                    Err(error) => Read::End(end_of(error)),
                };
            }
        };
        self.held = Held::Pipe(pipe);
        self.manner = match n_thin + 1 {
            _ if n >= THIN_BYTES => Manner::Splice { n_thin: 0 },
            THIN_READS_MAX => Manner::Copy,
            n_thin => Manner::Splice { n_thin },
        };
        Read::Bytes(n)
    }

    /// Writes what is held.
    fn flush(&mut self, to: &mut Leg, tools: &mut Tools) -> Flush {
        while to.is_writable() {
            let wrote = match &mut self.held {
                Held::Nothing => return Flush::Done,
                Held::Pipe(pipe) => pipe.pour(to.as_fd()),
                Held::Spill { bytes, start } => {
                    let wrote = tcp::send(to.as_fd(), bytes.get(*start..).unwrap_or_default());
                    *start += wrote.unwrap_or(0);
                    wrote
                }
            };
            // Nothing written without an error would never end; the kernel knows no such answer.
            match wrote.and_then(|n| if n == 0 { Err(Errno::PIPE) } else { Ok(n) }) {
                Ok(n) => self.count(n),
                Err(Errno::AGAIN) => to.is_full(),
                Err(error) => {
                    self.broken(to, error, tools);
                    return Flush::Broken;
                }
            }
            self.let_go_of_the_empty(tools);
        }
        match self.held {
            Held::Nothing => Flush::Done,
            Held::Spill { .. } | Held::Pipe(_) => Flush::Blocked,
        }
    }

    fn let_go_of_the_empty(&mut self, tools: &mut Tools) {
        self.held = match std::mem::take(&mut self.held) {
            Held::Spill { bytes, start } if start == bytes.len() => {
                tools.spilled -= bytes.len();
                Held::Nothing
            }
            Held::Pipe(pipe) if pipe.is_empty() => {
                tools.pipes.take_back(pipe);
                Held::Nothing
            }
            still => still,
        };
    }

    fn broken(&mut self, to: &mut Leg, error: Errno, tools: &mut Tools) {
        to.break_off(error);
        self.abandon(tools);
    }

    fn count(&mut self, n: usize) {
        self.written += u64::try_from(n).unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
impl Direction {
    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self.held, Held::Nothing)
    }

    pub(super) fn splices(&self) -> bool {
        matches!(self.manner, Manner::Splice { .. })
    }
}
