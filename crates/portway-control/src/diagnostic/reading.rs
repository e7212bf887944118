//! PW00xx: text, documents, bounds of the reader.

use super::Entry;

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[];
