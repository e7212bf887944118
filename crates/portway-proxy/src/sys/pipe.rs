//! `pipe(2)` and `splice(2)`: bytes that never come into our memory.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::Result;

/// A pipe that can hold `bytes`: its read end and its write end.
pub(crate) fn open(bytes: usize) -> Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    fcntl_setpipe_size(&write, bytes)?;
    Ok((read, write))
}

/// Moves up to `bytes` from one descriptor to the other, one of which is a pipe. 0 is the end.
pub(crate) fn transfer(from: BorrowedFd<'_>, to: BorrowedFd<'_>, bytes: usize) -> Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    splice(from, None, to, None, bytes, flags)
}
