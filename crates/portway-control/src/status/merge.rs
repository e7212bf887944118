//! How a status of ours goes into a stored one.
//!
//! In: the stored status as it is, the desired one, the time. Out: what to write, or nothing.
//! Never: a change of conditions and entries of others: they stay in place, byte for byte. Spec:
//! the notes for implementors at `GatewayStatus.Conditions` (`gateway_types.go`) and
//! `RouteStatus.Parents` (`shared_types.go`, v1.7.0).

use serde::Serialize;
use serde_json::{Map, Value};

use super::reason::kind;
use super::{Condition, GatewayStatus, ListenerStatus, RouteParentStatus, RouteStatus, Status};
use crate::api::ParentReference;
use crate::limits::STATUS_PARENTS_MAX;

/// The types of conditions that are ours to set and to remove, by what they stand on.
mod own {
    use super::kind::{
        ACCEPTED, ACTIVE, CONFLICTED, OVERLAPPING_TLS_CONFIG, PARTIALLY_INVALID, PROGRAMMED,
        RESOLVED_REFS, SUPPORTED_VERSION,
    };

    pub(super) const CLASS: &[&str] = &[ACCEPTED, SUPPORTED_VERSION];
    pub(super) const GATEWAY: &[&str] = &[ACCEPTED, PROGRAMMED];
    pub(super) const LISTENER: &[&str] = &[
        ACCEPTED,
        CONFLICTED,
        OVERLAPPING_TLS_CONFIG,
        PROGRAMMED,
        RESOLVED_REFS,
    ];
    pub(super) const PARENT: &[&str] = &[ACCEPTED, ACTIVE, PARTIALLY_INVALID, RESOLVED_REFS];
}

/// Merges `desired` into `stored` and gives what to write; `None` if that is what is stored.
///
/// `controller` is our controller's name: of a route's parents only its entries are ours. `now` is
/// RFC 3339; a `lastTransitionTime` becomes it only where a condition's status changes. Nothing is
/// written either where `stored` was decided for a newer generation than `desired`.
pub fn merge(stored: &Value, desired: &Status, controller: &str, now: &str) -> Option<Value> {
    let stored = stored.as_object().cloned().unwrap_or_default();
    let mut merged = stored.clone();
    let merge = Merge { controller, now };
    match desired {
        Status::GatewayClass(desired) => {
            let conditions = merge.conditions(&merged, &desired.conditions, own::CLASS)?;
            merged.insert("conditions".into(), conditions);
            let features = value(&desired.supported_features);
            merged.insert("supportedFeatures".into(), features);
        }
        Status::Gateway(desired) => merge.gateway(&mut merged, desired)?,
        Status::Route(desired) => merge.route(&mut merged, desired)?,
    }
    (merged != stored).then_some(Value::Object(merged))
}

struct Merge<'a> {
    controller: &'a str,
    now: &'a str,
}

impl Merge<'_> {
    fn gateway(&self, merged: &mut Map<String, Value>, desired: &GatewayStatus) -> Option<()> {
        let conditions = self.conditions(merged, &desired.conditions, own::GATEWAY)?;
        if desired.addresses.is_empty() {
            merged.shift_remove("addresses");
        } else {
            merged.insert("addresses".into(), value(&desired.addresses));
        }
        merged.insert("conditions".into(), conditions);
        let stored = items(merged, "listeners").to_vec();
        let listeners: Option<Vec<Value>> = desired
            .listeners
            .iter()
            .map(|listener| self.listener(&stored, listener))
            .collect();
        merged.insert("listeners".into(), Value::Array(listeners?));
        Some(())
    }

    fn listener(&self, stored: &[Value], desired: &ListenerStatus) -> Option<Value> {
        let is_same = |entry: &&Value| entry["name"] == *desired.name;
        let stored = stored.iter().find(is_same).and_then(Value::as_object);
        let mut merged = stored.cloned().unwrap_or_default();
        let conditions = self.conditions(&merged, &desired.conditions, own::LISTENER)?;
        merged.insert("attachedRoutes".into(), desired.attached_routes.into());
        merged.insert("conditions".into(), conditions);
        merged.insert("name".into(), value(&desired.name));
        let kinds = value(&desired.supported_kinds);
        merged.insert("supportedKinds".into(), kinds);
        Some(Value::Object(merged))
    }

    /// Entries of others and those that stay keep their places; ours that are no longer desired go.
    fn route(&self, merged: &mut Map<String, Value>, desired: &RouteStatus) -> Option<()> {
        let mut left: Vec<&RouteParentStatus> = desired.parents.iter().collect();
        let mut parents = Vec::new();
        for entry in items(merged, "parents") {
            if entry["controllerName"] != *self.controller {
                parents.push(entry.clone());
                continue;
            }
            let reference: Option<ParentReference> =
                serde_json::from_value(entry["parentRef"].clone()).ok();
            let at = left
                .iter()
                .position(|d| Some(&d.parent_ref) == reference.as_ref());
            if let Some(at) = at {
                parents.push(self.parent(entry.as_object(), left.remove(at))?);
            }
        }
        for desired in left {
            if parents.len() < STATUS_PARENTS_MAX {
                parents.push(self.parent(None, desired)?);
            }
        }
        if !parents.is_empty() || merged.contains_key("parents") {
            merged.insert("parents".into(), Value::Array(parents));
        }
        Some(())
    }

    fn parent(
        &self,
        stored: Option<&Map<String, Value>>,
        desired: &RouteParentStatus,
    ) -> Option<Value> {
        let mut merged = stored.cloned().unwrap_or_default();
        let conditions = self.conditions(&merged, &desired.conditions, own::PARENT)?;
        merged.insert("conditions".into(), conditions);
        let reference = value(&desired.parent_ref);
        let controller = value(&desired.controller_name);
        merged.entry("controllerName").or_insert(controller);
        merged.entry("parentRef").or_insert(reference);
        Some(Value::Object(merged))
    }

    /// The conditions of `stored` with ours brought up to date; `None` if ours were decided for a
    /// newer generation than we know.
    fn conditions(
        &self,
        stored: &Map<String, Value>,
        desired: &[Condition],
        own: &[&str],
    ) -> Option<Value> {
        let mut left: Vec<&Condition> = desired.iter().collect();
        let known = desired.iter().map(|of| of.observed_generation).max();
        let mut merged = Vec::new();
        for condition in items(stored, "conditions") {
            let kind = condition["type"].as_str().unwrap_or_default();
            if !own.contains(&kind) {
                merged.push(condition.clone());
                continue;
            }
            if condition["observedGeneration"].as_i64() > known {
                return None;
            }
            if let Some(at) = left.iter().position(|desired| desired.kind == kind) {
                merged.push(self.condition(Some(condition), left.remove(at)));
            }
        }
        let added = left.iter().map(|desired| self.condition(None, desired));
        merged.extend(added);
        Some(Value::Array(merged))
    }

    fn condition(&self, stored: Option<&Value>, desired: &Condition) -> Value {
        let since = stored
            .filter(|stored| stored["status"] == value(&desired.status))
            .and_then(|stored| stored["lastTransitionTime"].as_str())
            .filter(|since| !since.is_empty());
        let merged = value(&Condition {
            last_transition_time: since.unwrap_or(self.now).to_owned(),
            ..desired.clone()
        });
        match stored {
            // The same in whatever order its fields were stored.
            Some(stored) if *stored == merged => stored.clone(),
            _ => merged,
        }
    }
}

fn items<'v>(of: &'v Map<String, Value>, field: &str) -> &'v [Value] {
    let items = of.get(field).and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}

/// Our own types are strings, numbers, lists and maps with string keys, which all are JSON.
fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}
