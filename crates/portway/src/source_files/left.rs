//! Ranks of files that are gone, while what they held may still count.
//!
//! In: files that go, and what becomes of their ranks. Out: the rank of one that comes back. Never:
//! one rank for two files; a file that is forgotten whose rank another has.

use std::collections::BTreeMap;

use portway_control::manifest::collect::Rank;

/// Which argument, then the path in bytes: the order of input.
pub(super) type Name = (usize, Vec<u8>);

/// Each file and its rank, by both.
#[derive(Debug, Default)]
pub(super) struct Left {
    ranks: BTreeMap<Name, Rank>,
    names: BTreeMap<Rank, Name>,
}

impl Left {
    /// A file is gone that had this rank.
    pub(super) fn insert(&mut self, name: Name, rank: Rank) {
        self.forget(rank);
        self.take(&name);
        self.names.insert(rank, name.clone());
        self.ranks.insert(name, rank);
    }

    /// The rank that a file had.
    pub(super) fn rank(&self, name: &Name) -> Option<Rank> {
        self.ranks.get(name).copied()
    }

    /// A file is there again.
    pub(super) fn take(&mut self, name: &Name) {
        if let Some(rank) = self.ranks.remove(name) {
            self.names.remove(&rank);
        }
    }

    /// Nothing of who had this rank counts any more, or another has it now.
    pub(super) fn forget(&mut self, rank: Rank) {
        if let Some(name) = self.names.remove(&rank) {
            self.ranks.remove(&name);
        }
    }

    pub(super) fn clear(&mut self) {
        self.ranks.clear();
        self.names.clear();
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.ranks.is_empty() && self.names.is_empty()
    }
}
