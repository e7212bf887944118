//! What an epoll event is about, in 64 bits: generation, index, kind.

use crate::slab::Key;

/// Whom an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// The worker itself: there is something in its slot.
    Wake,
    /// A listening socket.
    Listener(Key),
    /// The client's socket of a connection.
    Client(Key),
    /// The endpoint's socket of a connection.
    Backend(Key),
}

impl Token {
    /// As the kernel keeps it. The index has 30 bits: a process has fewer descriptors.
    pub(crate) fn to_bits(self) -> u64 {
        let (kind, key) = match self {
            Self::Wake => return 0,
            Self::Listener(key) => (1, key),
            Self::Client(key) => (2, key),
            Self::Backend(key) => (3, key),
        };
        debug_assert!(key.index < 1 << 30);
        u64::from(key.generation) << 32 | u64::from(key.index) << 2 | kind
    }

    /// What [`Self::to_bits`] made.
    pub(crate) fn from_bits(bits: u64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the halves are taken apart"
        )]
        let (generation, low) = ((bits >> 32) as u32, bits as u32);
        let index = low >> 2;
        let key = Key { index, generation };
        match low & 3 {
            0 => Self::Wake,
            1 => Self::Listener(key),
            2 => Self::Client(key),
            _ => Self::Backend(key),
        }
    }
}

#[cfg(test)]
mod tests;
