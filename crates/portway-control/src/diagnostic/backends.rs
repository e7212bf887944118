//! PW02xx: references, grants, Services, endpoints.

use super::Entry;

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[];
