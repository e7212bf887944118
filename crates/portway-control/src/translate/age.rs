//! Who is older: what decides between two that want the same.
//!
//! In: an object. Out: an [`Age`]; the smaller is the older. Never: a clock.
//! Spec: `AllowedRoutes` (`gateway_types.go`): creation time, then `namespace/name`. Objects in
//! files mostly carry no time: those that do are older, the others stand in order of input.

use crate::api::ObjectMeta;
use crate::origin::Sourced;

/// How old an object is among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age<'a> {
    undated: bool,
    created: &'a str,
    order: u64,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Age<'a> {
    /// The age of an object whose metadata is `meta`.
    pub(super) fn of<T>(source: &'a Sourced<T>, meta: &'a ObjectMeta) -> Self {
        let created = meta.creation_timestamp.as_deref();
        Self {
            undated: created.is_none(),
            created: created.unwrap_or_default(),
            order: created.map_or(source.origin.order, |_| 0),
            namespace: &source.key.namespace,
            name: &source.key.name,
        }
    }

    /// Whether only the order of input says which of the two is older.
    pub(super) fn by_input_order(self, other: Self) -> bool {
        self.undated && other.undated && self.order != other.order
    }

    /// Why an older one comes before `younger`, in words.
    pub(super) fn why_older(self, younger: Self) -> &'static str {
        if self.undated != younger.undated {
            "(only it has a creationTimestamp)"
        } else if self.created != younger.created {
            "(by creationTimestamp)"
        } else if self.order != younger.order {
            "(by the order of input)"
        } else {
            "(of the same age, by name)"
        }
    }
}
