//! Events: what changed, for people who look at an object.
//!
//! In: a status before and after a write, and what was refused. Out: [`Event`]s, fewer than the bounds in
//! [`crate::limits`]. Never: an Event for what stays; one for every route of a thousand that are fine,
//! or for every listener of what their Gateway says.
//! Spec: core/v1 Event.

use std::time::Instant;

use portway_control::api::{GATEWAY_GROUP, Kind};
use portway_control::origin::ObjectKey;
use serde_json::{Value, json};

use crate::call::Place;
use crate::limits::{EVENTS_BURST, EVENTS_PER_SECOND, LISTENER_EVENTS_MAX, LISTENERS_NAMED_MAX};
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

/// The reason of an Event for what was refused: the condition's has to be one of the API's, which is
/// `Pending` for whoever waits, too.
const NOT_PROVISIONED: &str = "NotProvisioned";

/// The conditions that a write changes, as Events. `refused` is why a Gateway's objects were, if so.
pub(crate) fn of_write(write: &Write, controller_name: &str, refused: Option<&str>) -> Vec<Event> {
    let events = |before: &Value, after: &Value| -> Vec<Event> {
        let changed = changed(before, after, refused).into_iter();
        let events = changed.filter_map(|(condition, was)| event(write, condition, was));
        events.collect()
    };
    let mut all = events(&write.before, &write.after);
    let ours = |parent: &&Value| parent["controllerName"] == *controller_name;
    for parent in items(&write.after, "parents").filter(ours) {
        let is_same = |before: &&Value| ours(before) && before["parentRef"] == parent["parentRef"];
        let before = items(&write.before, "parents").find(is_same);
        all.extend(events(before.unwrap_or(&Value::Null), parent));
    }
    all.extend(of_listeners(write));
    all
}

/// Whether a condition was true before; if not, whether time alone may make it true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Was {
    True,
    NotTrue,
    Refused,
}

/// The conditions of `after` that say something else than before. Whoever waited and is refused now
/// says so in the message only.
fn changed<'a>(before: &Value, after: &'a Value, refused: Option<&str>) -> Vec<(&'a Value, Was)> {
    let changed = items(after, "conditions").filter_map(|condition| {
        let known = items(before, "conditions").find(|it| it["type"] == condition["type"]);
        let is_refused = refused.is_some() && condition["message"].as_str() == refused;
        let is_same = |known: &Value| {
            let is_told = !is_refused || known["message"] == condition["message"];
            let is_so = known["status"] == condition["status"];
            is_so && known["reason"] == condition["reason"] && is_told
        };
        let was = match known {
            Some(known) if is_same(known) => return None,
            _ if is_refused => Was::Refused,
            Some(known) if known["status"] == "True" => Was::True,
            _ => Was::NotTrue,
        };
        Some((condition, was))
    });
    changed.collect()
}

/// For routes only what is wrong: a thousand that are fine are no news.
fn event(write: &Write, condition: &Value, was: Was) -> Option<Event> {
    if is_fine(condition) && write.key.kind == Kind::TcpRoute {
        return None;
    }
    Some(Event {
        key: write.key.clone(),
        uid: write.uid.clone(),
        kind: if is_fine(condition) || is_pending(condition, was) {
            "Normal"
        } else {
            "Warning"
        },
        reason: match was {
            Was::Refused => NOT_PROVISIONED.to_owned(),
            Was::True | Was::NotTrue => text(condition, "reason").to_owned(),
        },
        message: words(condition),
    })
}

/// What is wrong with listeners, and only that. What many share is one Event that names them; what the
/// Gateway or another condition of the listener says in the same words is no news.
fn of_listeners(write: &Write) -> Vec<Event> {
    let mut told: Vec<(&Value, Vec<&str>)> = Vec::new();
    for listener in items(&write.after, "listeners") {
        let is_it = |before: &&Value| before["name"] == listener["name"];
        let before = items(&write.before, "listeners").find(is_it);
        for (condition, was) in changed(before.unwrap_or(&Value::Null), listener, None) {
            let earlier = items(listener, "conditions").take_while(|it| *it != condition);
            let mut said = items(&write.after, "conditions").chain(earlier);
            let is_said = said.any(|it| !is_fine(it) && it["message"] == condition["message"]);
            if is_fine(condition) || is_pending(condition, was) || is_said {
                continue;
            }
            let name = text(listener, "name");
            let is_same =
                |it: &Value| words(it) == words(condition) && it["reason"] == condition["reason"];
            match told.iter_mut().find(|(it, _)| is_same(it)) {
                Some((_, names)) => names.push(name),
                None => told.push((condition, vec![name])),
            }
        }
    }
    let told = told.into_iter().take(LISTENER_EVENTS_MAX);
    let events = told.map(|(condition, names)| Event {
        key: write.key.clone(),
        uid: write.uid.clone(),
        kind: "Warning",
        reason: text(condition, "reason").to_owned(),
        message: format!("{}: {}", named(&names), words(condition)),
    });
    events.collect()
}

/// Listeners by their names, as many as one reads.
fn named(names: &[&str]) -> String {
    let shown = names.iter().take(LISTENERS_NAMED_MAX);
    let shown: Vec<String> = shown.map(|name| format!("`{name}`")).collect();
    let plural = if names.len() == 1 { "" } else { "s" };
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("listener{plural} {}{more}", shown.join(", "))
}

fn words(condition: &Value) -> String {
    let [kind, status, message] = ["type", "status", "message"].map(|it| text(condition, it));
    format!("{kind}={status}: {message}")
}

/// Conflicted and the like are bad when they are true.
fn is_fine(condition: &Value) -> bool {
    let is_negative = matches!(
        text(condition, "type"),
        "Conflicted" | "OverlappingTLSConfig" | "PartiallyInvalid"
    );
    (text(condition, "status") == "True") != is_negative
}

/// What is pending is no cause to worry, unless it was true before or was refused.
fn is_pending(condition: &Value, was: Was) -> bool {
    let is_pending = matches!(text(condition, "reason"), "Pending" | "AddressNotAssigned");
    is_pending && was == Was::NotTrue
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn items<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
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
