//! Which statuses are written, and when.
//!
//! In: statuses as they shall be, as they are stored, what the data plane acknowledged, the time. Out:
//! [`Write`]s. Never: a write of what is stored already, a write over another's (each names the
//! resource version it is made from), a call to the API.
//!
//! A status that a new table makes true waits for the proxies that serve to acknowledge that table, at
//! most [`ACKNOWLEDGE_MAX`]; then facts say who is missing. A Gateway's status that differs in nothing
//! but the numbers of routes waits until these rest ([`COUNTS_QUIET`], [`COUNTS_INTERVAL`]), and a route's
//! that differs in nothing but words waits for [`WORDS_WAIT`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use portway_control::api::Kind;
use portway_control::origin::ObjectKey;
use portway_control::status::{ConditionStatus, RouteStatus, Status, Statuses, merge};
use serde_json::{Map, Value, json};

use crate::call::Place;
use crate::limits::{
    ACKNOWLEDGE_MAX, COUNTS_INTERVAL, COUNTS_QUIET, STATUS_WRITES_MAX, WORDS_WAIT,
};
use crate::retry::Retries;
use crate::store::{Store, Stored};

/// A table that must be acknowledged: the Gateway's, and which one.
pub(crate) type Gate = (ObjectKey, u64);

/// What is known of Gateways and their tables.
#[derive(Clone, Copy)]
pub(crate) struct Gates<'g> {
    /// Whether the proxies that serve have a table.
    pub(crate) is_acknowledged: &'g dyn Fn(&Gate) -> bool,
    /// Whether a Gateway is waited for however long that takes.
    pub(crate) is_held: &'g dyn Fn(&ObjectKey) -> bool,
}

/// A status to write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Write {
    /// Of which object.
    pub(crate) key: ObjectKey,
    /// Where.
    pub(crate) path: String,
    /// What changes, and from which version.
    pub(crate) patch: Value,
    /// The status before.
    pub(crate) before: Value,
    /// The status after.
    pub(crate) after: Value,
    /// The object's, for Events.
    pub(crate) uid: String,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// It is stored; this is what the API answered.
    Written(Value),
    /// Somebody else wrote in between.
    Conflict,
    /// The object is gone.
    Gone,
    /// Not now.
    Failed,
}

/// A status that may have to be written.
#[derive(Debug, Clone)]
struct Wait {
    /// Since when something has been different, whatever else became so later.
    since: Instant,
    /// When it became different for the last time.
    changed: Instant,
    /// It is written then, acknowledged or not.
    gates_until: Instant,
    gates: Vec<Gate>,
    not_before: Instant,
}

impl Wait {
    /// For nothing but a time.
    fn until(not_before: Instant, now: Instant) -> Self {
        Self {
            since: now,
            changed: now,
            gates_until: now,
            gates: Vec::new(),
            not_before,
        }
    }
}

/// Which statuses are written, and when.
#[derive(Debug)]
pub(crate) struct StatusWriter {
    controller_name: Arc<str>,
    desired: Statuses,
    waits: BTreeMap<ObjectKey, Wait>,
    in_flight: BTreeSet<ObjectKey>,
    /// What our own writes gave, for as long as no watch has shown it.
    own: BTreeMap<ObjectKey, Stored>,
    /// When a Gateway was last written.
    written: BTreeMap<ObjectKey, Instant>,
    retries: Retries,
}

impl StatusWriter {
    /// Wants nothing yet. Entries of `controller_name` are its own.
    pub(crate) fn new(controller_name: Arc<str>) -> Self {
        Self {
            controller_name,
            desired: Statuses::new(),
            waits: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            own: BTreeMap::new(),
            written: BTreeMap::new(),
            retries: Retries::default(),
        }
    }

    /// Takes statuses as they shall be. `gates` are the newest tables of the Gateways whose proxies
    /// serve; they are waited for until `gates_until`.
    pub(crate) fn want(
        &mut self,
        desired: Statuses,
        gates: &BTreeMap<ObjectKey, u64>,
        now: Instant,
        gates_until: Instant,
    ) {
        let before = std::mem::replace(&mut self.desired, desired);
        let mut changed = Vec::new();
        for (key, status) in &self.desired {
            if before.get(key) != Some(status) {
                changed.push((key.clone(), gates_of(key, status, gates)));
            }
        }
        // Of a route that is no longer ours our entries go; other kinds keep what was said last.
        for key in before.into_keys() {
            match key.kind {
                _ if self.desired.contains_key(&key) => {}
                Kind::TcpRoute => changed.push((key, Vec::new())),
                _ => self.forget(&key),
            }
        }
        for (key, gates) in changed {
            let before = self.waits.get(&key);
            let until = gates_until.max(now + ACKNOWLEDGE_MAX);
            // That something is missing has been waited for already.
            let waited = before.filter(|wait| !wait.gates.is_empty() && !self.is_programmed(&key));
            let wait = Wait {
                since: before.map_or(now, |wait| wait.since),
                changed: now,
                gates_until: waited.map_or(until, |wait| wait.gates_until),
                gates,
                not_before: now,
            };
            self.waits.insert(key, wait);
        }
    }

    /// Looks at objects whose stored status changed.
    pub(crate) fn look_at(&mut self, keys: impl IntoIterator<Item = ObjectKey>, now: Instant) {
        for key in keys {
            if self.desired.contains_key(&key) || key.kind == Kind::TcpRoute {
                self.waits
                    .entry(key)
                    .or_insert_with(|| Wait::until(now, now));
            }
        }
    }

    /// Whether something waits, for time or an acknowledgement.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waits.is_empty()
    }

    /// What is to be written now. `now_text` is the time in RFC 3339.
    pub(crate) fn due(
        &mut self,
        store: &Store,
        gates: Gates<'_>,
        now: Instant,
        now_text: &str,
    ) -> Vec<Write> {
        let mut writes = Vec::new();
        let keys: Vec<ObjectKey> = self.waits.keys().cloned().collect();
        for key in keys {
            if self.in_flight.len() >= STATUS_WRITES_MAX {
                break;
            }
            let Some(wait) = self.waits.get(&key) else {
                continue;
            };
            let is_open = || wait.gates.iter().all(gates.is_acknowledged);
            let is_held = || wait.gates.iter().any(|gate| (gates.is_held)(&gate.0));
            if self.in_flight.contains(&key)
                || now < wait.not_before
                || !self.retries.may_try(&key, now)
                || (!is_open() && (now < wait.gates_until || is_held()))
            {
                continue;
            }
            let write = self.write(&key, store, now_text);
            if let Some(write) = &write {
                let later = match key.kind {
                    Kind::Gateway => self.counts_again(&key, write, now),
                    Kind::TcpRoute => self.words_later(&key, write, now),
                    _ => None,
                };
                if let (Some(later), Some(wait)) = (later, self.waits.get_mut(&key)) {
                    wait.not_before = later;
                    continue;
                }
                self.in_flight.insert(key.clone());
            }
            self.waits.remove(&key);
            writes.extend(write);
        }
        writes
    }

    /// Takes what became of a write.
    pub(crate) fn done(&mut self, write: &Write, outcome: Outcome, now: Instant) {
        let key = &write.key;
        self.in_flight.remove(key);
        match outcome {
            Outcome::Written(answer) => {
                self.retries.forget(key);
                if key.kind == Kind::Gateway {
                    self.written.insert(key.clone(), now);
                }
                let version = answer["metadata"]["resourceVersion"].as_str();
                let own = Stored {
                    api_version: String::new(),
                    resource_version: version.unwrap_or_default().to_owned(),
                    status: answer["status"].clone(),
                    finalizers: Vec::new(),
                    uid: write.uid.clone(),
                    is_ending: false,
                };
                self.own.insert(key.clone(), own);
            }
            Outcome::Gone => self.forget(key),
            Outcome::Conflict | Outcome::Failed => {
                self.own.remove(key);
                let not_before = self.retries.failed(key, now);
                let wait = || Wait::until(not_before, now);
                self.waits.entry(key.clone()).or_insert_with(wait);
            }
        }
    }

    /// Forgets what is in flight and what was wanted: another leads now.
    pub(crate) fn stop(&mut self) {
        *self = Self::new(Arc::clone(&self.controller_name));
    }

    /// An object is gone, and with it what is known of its writes.
    fn forget(&mut self, key: &ObjectKey) {
        self.own.remove(key);
        self.written.remove(key);
        self.retries.forget(key);
    }

    /// Whether what is wanted of a Gateway says that it serves; others have no say in that.
    fn is_programmed(&self, key: &ObjectKey) -> bool {
        let Some(Status::Gateway(status)) = self.desired.get(key) else {
            return true;
        };
        let mut conditions = status.conditions.iter();
        let programmed = conditions.find(|it| it.kind == "Programmed");
        programmed.is_none_or(|it| it.status == ConditionStatus::True)
    }

    fn write(&mut self, key: &ObjectKey, store: &Store, now_text: &str) -> Option<Write> {
        let Some(seen) = store.stored(key) else {
            self.forget(key);
            return None;
        };
        let own = self.own.get(key);
        let own = own.filter(|own| is_newer(&own.resource_version, &seen.resource_version));
        if own.is_none() {
            self.own.remove(key);
        }
        let stored = self.own.get(key).unwrap_or(seen);
        let none = Status::Route(RouteStatus::default());
        let desired = self.desired.get(key).unwrap_or(&none);
        let after = merge(&stored.status, desired, &self.controller_name, now_text)?;
        let patch = json!({
            "metadata": {"resourceVersion": stored.resource_version},
            "status": difference(&stored.status, &after),
        });
        Some(Write {
            key: key.clone(),
            path: path(key, seen),
            patch,
            before: stored.status.clone(),
            after,
            uid: seen.uid.clone(),
        })
    }

    /// When a Gateway may be written whose numbers of routes alone changed, if not now.
    fn counts_again(&self, key: &ObjectKey, write: &Write, now: Instant) -> Option<Instant> {
        let latest = *self.written.get(key)? + COUNTS_INTERVAL;
        let again = latest.min(self.waits.get(key)?.changed + COUNTS_QUIET);
        let without = |status: &Value| {
            let mut status = status.clone();
            let listeners = status["listeners"].as_array_mut();
            for listener in listeners.into_iter().flatten() {
                listener["attachedRoutes"] = Value::Null;
            }
            status
        };
        (now < again && without(&write.before) == without(&write.after)).then_some(again)
    }

    /// When a route may be written whose conditions say the same in other words, if not now.
    ///
    /// The words of a route that gets no connections name the one that does. Of a thousand routes of a
    /// listener that go one by one, each would otherwise have all the others written again.
    fn words_later(&self, key: &ObjectKey, write: &Write, now: Instant) -> Option<Instant> {
        let later = self.waits.get(key)?.since + WORDS_WAIT;
        let without = |status: &Value| {
            let mut status = status.clone();
            let parents = status["parents"].as_array_mut().into_iter().flatten();
            let conditions = parents.filter_map(|parent| parent["conditions"].as_array_mut());
            for condition in conditions.flatten() {
                condition["message"] = Value::Null;
            }
            status
        };
        (now < later && without(&write.before) == without(&write.after)).then_some(later)
    }
}

/// The newest tables that must be acknowledged before a status may be told.
fn gates_of(key: &ObjectKey, status: &Status, gates: &BTreeMap<ObjectKey, u64>) -> Vec<Gate> {
    let find = |key: &ObjectKey| gates.get_key_value(key).map(|(key, at)| (key.clone(), *at));
    match status {
        Status::GatewayClass(_) => Vec::new(),
        Status::Gateway(_) => find(key).into_iter().collect(),
        Status::Route(status) => {
            let parents = status.parents.iter().map(|parent| &parent.parent_ref);
            let parents = parents.filter_map(|parent| {
                let namespace = parent.namespace.as_deref().unwrap_or(&key.namespace);
                find(&ObjectKey {
                    kind: Kind::Gateway,
                    namespace: namespace.into(),
                    name: parent.name.as_str().into(),
                })
            });
            parents.collect()
        }
    }
}

/// The fields of `after` that differ from `before`; null for those that go.
fn difference(before: &Value, after: &Value) -> Value {
    let empty = Map::new();
    let before = before.as_object().unwrap_or(&empty);
    let after = after.as_object().unwrap_or(&empty);
    let changed = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()));
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let gone = gone.map(|name| (name.clone(), Value::Null));
    Value::Object(changed.chain(gone).collect())
}

/// Resource versions of one kind grow and may be compared (KEP-5504); what is no number counts as
/// old, so that the watch is believed.
fn is_newer(version: &str, than: &str) -> bool {
    match (version.parse::<u128>(), than.parse::<u128>()) {
        (Ok(version), Ok(than)) => version > than,
        _ => false,
    }
}

fn path(key: &ObjectKey, stored: &Stored) -> String {
    let (group, version) = stored.api_version.split_once('/').unwrap_or_default();
    let plural = match key.kind {
        Kind::GatewayClass => "gatewayclasses",
        Kind::Gateway => "gateways",
        _ => "tcproutes",
    };
    let namespace = Some(&*key.namespace).filter(|namespace| !namespace.is_empty());
    let place = Place {
        group,
        version,
        plural,
        namespace,
    };
    format!("{}/status", place.one(&key.name))
}

#[cfg(test)]
mod tests;
