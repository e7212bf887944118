//! Statuses as the API has them.
//!
//! In: a desired status and what is stored. Out: the value that would be stored. Never: a clock.

use portway_control::snapshot::CONTROLLER_NAME;
use portway_control::status::{Status, merge};
use serde_json::Value;

/// The time of conditions that nobody has written yet: the one the CRDs' own defaults carry.
const NEVER_WRITTEN: &str = "1970-01-01T00:00:00Z";

/// What would be stored, given what is; conditions that are new or changed have no true time.
pub(crate) fn value(status: &Status, stored: &Value) -> Value {
    let merged = merge(stored, status, CONTROLLER_NAME, NEVER_WRITTEN);
    merged.unwrap_or_else(|| stored.clone())
}
