//! How many descriptors are left for listening sockets, connections and pipes.
//!
//! In: what is opened and closed, over all workers. Out: whether more may be opened. Never: the
//! last descriptors of the process: the rest of this instance needs some too.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits::{DESCRIPTORS_RESERVED, RESUME_SHARE};
use crate::sys::Errno;

/// The descriptors that workers may still open, a counter that all share. It is touched once for
/// each connection, not for bytes.
#[derive(Debug)]
pub(crate) struct Descriptors {
    free: AtomicUsize,
    plenty: usize,
}

impl Descriptors {
    /// Of `limit` descriptors all but the reserve.
    pub(crate) fn new(limit: usize) -> Self {
        // An index in a token has 30 bits.
        let limit = limit.min(1 << 30);
        let free = limit - DESCRIPTORS_RESERVED.min(limit / 4);
        Self {
            free: AtomicUsize::new(free),
            plenty: free / RESUME_SHARE,
        }
    }

    /// Takes `n` if there are so many.
    pub(crate) fn take(&self, n: usize) -> bool {
        let less = |free: usize| free.checked_sub(n);
        let (ok, failed) = (Ordering::Relaxed, Ordering::Relaxed);
        self.free.fetch_update(ok, failed, less).is_ok()
    }

    /// Gives `n` back.
    pub(crate) fn give(&self, n: usize) {
        self.free.fetch_add(n, Ordering::Relaxed);
    }

    /// Whether enough are free to resume what was paused.
    pub(crate) fn has_plenty(&self) -> bool {
        self.free.load(Ordering::Relaxed) > self.plenty
    }
}

/// Whether the kernel says that it has no descriptor, or no memory for one, whatever was counted.
pub(crate) const fn are_lacking(error: Errno) -> bool {
    matches!(
        error,
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM
    )
}

#[cfg(test)]
mod tests;
