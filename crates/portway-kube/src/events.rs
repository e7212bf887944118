//! Events: what changed, for people who look at an object.
//!
//! In: a status before and after a write. Out: [`Event`]s, fewer than the bounds in
//! [`crate::limits`]. Never: an Event for what stays; one for every route of a thousand that are fine.
//! Spec: core/v1 Event.

use std::time::Instant;

use portway_control::api::{GATEWAY_GROUP, Kind};
use portway_control::origin::ObjectKey;
use serde_json::{Value, json};

use crate::call::Place;
use crate::limits::{EVENTS_BURST, EVENTS_PER_SECOND};
use crate::status_writer::Write;

/// An Event to write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// The object it is about.
    pub(crate) key: ObjectKey,
    pub(crate) uid: String,
    /// `Normal` or `Warning`.
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// The conditions that a write changes, as Events.
pub(crate) fn of_write(write: &Write, controller_name: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut add = |before: &Value, after: &Value| {
        for condition in after["conditions"].as_array().into_iter().flatten() {
            let mut known = before["conditions"].as_array().into_iter().flatten();
            let known = known.find(|known| known["type"] == condition["type"]);
            let is_same = |known: &Value| {
                known["status"] == condition["status"] && known["reason"] == condition["reason"]
            };
            if !known.is_some_and(is_same) {
                let was_true = known.is_some_and(|known| known["status"] == "True");
                events.extend(event(write, condition, was_true));
            }
        }
    };
    add(&write.before, &write.after);
    let ours = |parent: &&Value| parent["controllerName"] == *controller_name;
    let after = write.after["parents"].as_array().into_iter().flatten();
    for parent in after.filter(ours) {
        let mut before = write.before["parents"].as_array().into_iter().flatten();
        let is_same = |before: &&Value| ours(before) && before["parentRef"] == parent["parentRef"];
        add(before.find(is_same).unwrap_or(&Value::Null), parent);
    }
    events
}

/// For routes only what is wrong: a thousand that are fine are no news. What is pending is no cause
/// to worry, unless it `was_true` before.
fn event(write: &Write, condition: &Value, was_true: bool) -> Option<Event> {
    let text = |field: &str| condition[field].as_str().unwrap_or_default();
    // Conflicted and the like are bad when they are true.
    let is_negative = matches!(
        text("type"),
        "Conflicted" | "OverlappingTLSConfig" | "PartiallyInvalid"
    );
    let is_fine = (text("status") == "True") != is_negative;
    let is_pending = matches!(text("reason"), "Pending" | "AddressNotAssigned") && !was_true;
    if is_fine && write.key.kind == Kind::TcpRoute {
        return None;
    }
    Some(Event {
        key: write.key.clone(),
        uid: write.uid.clone(),
        kind: if is_fine || is_pending {
            "Normal"
        } else {
            "Warning"
        },
        reason: text("reason").to_owned(),
        message: format!("{}={}: {}", text("type"), text("status"), text("message")),
    })
}

/// Lets a burst of Events through and then so many a second.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            tokens: f64::from(EVENTS_BURST),
            at: now,
        }
    }

    /// Whether one more may be written.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        let tokens = elapsed.mul_add(f64::from(EVENTS_PER_SECOND), self.tokens);
        self.tokens = tokens.min(f64::from(EVENTS_BURST));
        self.at = now;
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }
}

/// The Event as the API takes it, with the path to create it at. `serial` tells those of one
/// moment apart.
pub(crate) fn body(
    event: &Event,
    controller_name: &str,
    now: &str,
    serial: u64,
) -> (String, Value) {
    // Events about what lies in no namespace lie in `default`.
    let namespace = match &*event.key.namespace {
        "" => "default",
        namespace => namespace,
    };
    let place = Place {
        group: "",
        version: "v1",
        plural: "events",
        namespace: Some(namespace),
    };
    // The name of an Event is a DNS subdomain, as long as any other.
    let start: String = event.key.name.chars().take(200).collect();
    let body = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": format!("{}.{serial:016x}", start.trim_end_matches(['.', '-'])),
            "namespace": namespace,
        },
        "involvedObject": {
            "apiVersion": format!("{GATEWAY_GROUP}/v1"),
            "kind": event.key.kind.name(),
            "name": &*event.key.name,
            "namespace": &*event.key.namespace,
            "uid": event.uid,
        },
        "type": event.kind,
        "reason": event.reason,
        "message": event.message.chars().take(1024).collect::<String>(),
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": controller_name},
        "reportingComponent": controller_name,
        "reportingInstance": "",
    });
    (place.all(), body)
}

#[cfg(test)]
mod tests;
