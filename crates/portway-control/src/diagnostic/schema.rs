//! PW01xx: schema bounds and CEL rules.

use super::Entry;

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[];
