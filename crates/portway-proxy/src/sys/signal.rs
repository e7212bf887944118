//! `SIGPIPE`, which `splice(2)` raises where `send(2)` can be told not to.

use std::{mem, ptr};

/// Blocks `SIGPIPE` for the calling thread: a peer that went away is an `EPIPE` to us, whatever the
/// rest of the program has made of the signal.
pub(crate) fn block_broken_pipe() {
    // SAFETY: `sigset_t` is plain memory for which all zeros is a value, and `sigemptyset` sets it.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: `set` is ours, and valid for writes during the call.
    unsafe { libc::sigemptyset(&raw mut set) };
    // SAFETY: as above; the signal number is one of libc's own.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGPIPE) };
    // SAFETY: `set` is initialized and only read; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
}
