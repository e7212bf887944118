//! PW05xx: this host and the rules of standalone.

use super::Entry;

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[];
