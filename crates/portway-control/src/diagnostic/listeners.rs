//! PW03xx listeners and Gateways, PW04xx attachment.

use super::Entry;

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[];
