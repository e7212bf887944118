//! What the allocator holds beyond what is in use, `malloc_trim(3)`.

/// Gives free pages of the heap back to the kernel. Only glibc keeps them otherwise.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer, and touches nothing but free chunks, under the heap's locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_env = "gnu"))]
mod tests;
