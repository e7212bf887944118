//! Whether an object is still as it was applied.
//!
//! In: what is stored, what is wanted. Out: yes or no. Never: what is to be done then.

use serde_json::Value;

use crate::watched::drop_nulls;

/// Whether an object has all that is wanted of it.
pub(super) fn is_as_wanted(stored: &Value, wanted: &Value) -> bool {
    holds(&stripped(stored), &stripped(wanted))
}

/// Whether `stored` has all that is in `wanted`; more is fine, since the API adds defaults.
fn holds(stored: &Value, wanted: &Value) -> bool {
    match (stored, wanted) {
        (Value::Object(stored), Value::Object(wanted)) => {
            let is_empty = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
            wanted.iter().all(|(name, wanted)| match stored.get(name) {
                Some(stored) if is_whole(name) => stored == wanted,
                Some(stored) => holds(stored, wanted),
                None => is_empty(wanted) || wanted.as_array().is_some_and(Vec::is_empty),
            })
        }
        (Value::Array(stored), Value::Array(wanted)) => {
            let mut pairs = stored.iter().zip(wanted);
            stored.len() == wanted.len() && pairs.all(|(stored, wanted)| holds(stored, wanted))
        }
        (stored, wanted) => stored == wanted,
    }
}

/// Maps that mean another thing with one key more. Spec: `mapType=atomic` (`core/v1/types.go`).
fn is_whole(name: &str) -> bool {
    matches!(name, "selector" | "nodeSelector")
}

/// An object without what the cluster counts in it, and without what items of a list lack.
pub(super) fn stripped(value: &Value) -> Value {
    let mut value = value.clone();
    drop_nulls(&mut value);
    if let Some(fields) = value.as_object_mut() {
        for field in ["apiVersion", "kind", "status"] {
            fields.shift_remove(field);
        }
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for field in ["managedFields", "resourceVersion", "generation"] {
            metadata.shift_remove(field);
        }
    }
    value
}
