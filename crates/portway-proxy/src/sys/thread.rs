//! The kernel's number of a thread, `gettid(2)`.

/// The number of the calling thread, under which `/proc/self/task` tells of it.
pub(crate) fn id() -> u64 {
    rustix::thread::gettid()
        .as_raw_nonzero()
        .get()
        .unsigned_abs()
        .into()
}
