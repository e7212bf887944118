//! Which objects are applied and deleted, and when.
//!
//! In: the fleets that translate wants, what the cluster has, the time. Out: [`Job`]s, one a Gateway at
//! a time. Never: a call to the API, a word about what an object holds, which is
//! `portway_control::provision`'s; an object of a Gateway that is refused; one of another controller.
//!
//! What is applied once is applied again when it is wanted differently, when the cluster shows that a
//! field of ours changed or that it is gone, and every [`RESYNC`] for kinds that are not watched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use portway_control::api::Kind;
use portway_control::origin::ObjectKey;
use portway_control::provision::{Fleet, Install, ProvisionKind, names, objects};
use serde_json::Value;

use crate::call::Place;
use crate::limits::{FLEETS_IN_FLIGHT_MAX, RESYNC};
use crate::retry::Retries;
use crate::store::{FleetKey, Store};
use crate::watched::drop_nulls;

/// A watch may show for so long what was before our own write.
const WATCH_LAG: Duration = Duration::from_secs(2);

/// What is done for one Gateway, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    /// The Gateway.
    pub(crate) gateway: ObjectKey,
    /// Objects to apply.
    pub(crate) apply: Vec<(FleetKey, Value)>,
    /// Objects to delete, by uid.
    pub(crate) delete: Vec<(FleetKey, String)>,
}

/// What became of a job.
#[derive(Debug)]
pub(crate) struct JobOutcome {
    /// What the API answered to each object that was applied.
    pub(crate) applied: Vec<(FleetKey, Value)>,
    /// Why it ended early, in words for a condition.
    pub(crate) refused: Option<String>,
}

/// What one object was when it was applied last.
#[derive(Debug, Clone)]
struct Applied {
    wanted: Value,
    answer: Value,
    at: Instant,
}

/// What a Gateway needs.
#[derive(Debug, Clone)]
struct Wanted {
    fleet: Fleet,
    objects: BTreeMap<FleetKey, Value>,
}

/// Which objects are applied and deleted, and when.
#[derive(Debug)]
pub(crate) struct Provisioner {
    install: Install,
    wanted: BTreeMap<ObjectKey, Wanted>,
    /// Gateways of ours that are refused: what they have stays as it is.
    refused: BTreeSet<ObjectKey>,
    applied: BTreeMap<FleetKey, Applied>,
    in_flight: BTreeSet<ObjectKey>,
    retries: Retries,
    problems: BTreeMap<ObjectKey, String>,
    must_look: bool,
    resync_at: Option<Instant>,
}

impl Provisioner {
    /// Wants nothing yet.
    pub(crate) fn new(install: Install) -> Self {
        Self {
            install,
            wanted: BTreeMap::new(),
            refused: BTreeSet::new(),
            applied: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            retries: Retries::default(),
            problems: BTreeMap::new(),
            must_look: true,
            resync_at: None,
        }
    }

    /// Takes other authorities: every fleet's ConfigMap changes.
    pub(crate) fn take_authorities(&mut self, pem: String) {
        if self.install.authorities_pem != pem {
            self.install.authorities_pem = pem;
            self.wanted.clear();
            self.must_look = true;
        }
    }

    /// Takes the fleets that are wanted. `ours` are all Gateways of ours, refused ones too.
    pub(crate) fn want<'k>(
        &mut self,
        fleets: &BTreeMap<ObjectKey, Fleet>,
        ours: impl Iterator<Item = &'k ObjectKey>,
    ) {
        let before = std::mem::take(&mut self.wanted);
        for (key, fleet) in fleets {
            let wanted = match before.get(key) {
                Some(wanted) if wanted.fleet == *fleet => wanted.clone(),
                _ => {
                    self.must_look = true;
                    self.wanted(fleet)
                }
            };
            self.wanted.insert(key.clone(), wanted);
        }
        let refused = ours.filter(|key| !fleets.contains_key(*key));
        self.refused = refused.cloned().collect();
        self.must_look |= before.len() != self.wanted.len();
    }

    /// Looks at what the cluster has.
    pub(crate) fn look(&mut self) {
        self.must_look = true;
    }

    /// Whether there is something to look at later.
    pub(crate) fn is_waiting(&self) -> bool {
        self.must_look || self.retries.is_waiting()
    }

    /// Why a Gateway's objects were refused, in words.
    pub(crate) fn problem(&self, gateway: &ObjectKey) -> Option<&str> {
        self.problems.get(gateway).map(String::as_str)
    }

    /// The name of a Gateway's objects, if it has a fleet.
    pub(crate) fn generated_name(&self, gateway: &ObjectKey) -> Option<String> {
        let wanted = self.wanted.get(gateway)?;
        Some(names::generated(&wanted.fleet))
    }

    /// The Gateways by namespace and ServiceAccount of their proxies.
    pub(crate) fn accounts(&self) -> BTreeMap<(String, String), ObjectKey> {
        let accounts = self.wanted.iter().map(|(key, wanted)| {
            let account = names::generated(&wanted.fleet);
            ((key.namespace.to_string(), account), key.clone())
        });
        accounts.collect()
    }

    /// What is to be done now.
    pub(crate) fn due(&mut self, store: &Store, now: Instant) -> Vec<Job> {
        if self.resync_at.is_none_or(|at| at <= now) {
            self.resync_at = Some(now + RESYNC);
            self.applied.retain(|key, _| is_watched(key.kind));
            self.must_look = true;
        }
        if !self.must_look && !self.retries.is_due(now) {
            return Vec::new();
        }
        self.must_look = false;
        let mut deletes = self.deletes(store);
        let gateways: BTreeSet<ObjectKey> =
            self.wanted.keys().chain(deletes.keys()).cloned().collect();
        let mut jobs = Vec::new();
        for gateway in gateways {
            if self.in_flight.contains(&gateway) || self.in_flight.len() >= FLEETS_IN_FLIGHT_MAX {
                self.must_look = true;
                continue;
            }
            if !self.retries.may_try(&gateway, now) {
                continue;
            }
            let job = Job {
                apply: self.applies(&gateway, store, now),
                delete: deletes.remove(&gateway).unwrap_or_default(),
                gateway,
            };
            if !job.apply.is_empty() || !job.delete.is_empty() {
                self.in_flight.insert(job.gateway.clone());
                jobs.push(job);
            } else {
                self.retries.forget(&job.gateway);
            }
        }
        jobs
    }

    /// Takes what became of a job; true if the facts of its Gateway changed.
    pub(crate) fn done(&mut self, job: &Job, outcome: JobOutcome, now: Instant) -> bool {
        self.in_flight.remove(&job.gateway);
        for (key, answer) in outcome.applied {
            let wanted = job.apply.iter().find(|(of, _)| *of == key);
            if let Some((_, wanted)) = wanted {
                let applied = Applied {
                    wanted: wanted.clone(),
                    answer: stripped(&answer),
                    at: now,
                };
                self.applied.insert(key, applied);
            }
        }
        self.must_look = true;
        let problem_before = self.problems.remove(&job.gateway);
        match outcome.refused {
            None => {
                self.retries.forget(&job.gateway);
                problem_before.is_some()
            }
            Some(why) => {
                self.retries.failed(&job.gateway, now);
                let is_new = problem_before.as_ref() != Some(&why);
                self.problems.insert(job.gateway.clone(), why);
                is_new
            }
        }
    }

    /// Forgets everything: another leads now.
    pub(crate) fn stop(&mut self) {
        *self = Self::new(self.install.clone());
    }

    fn wanted(&self, fleet: &Fleet) -> Wanted {
        let name = names::generated(fleet);
        let objects = objects(fleet, &self.install)
            .into_iter()
            .map(|(kind, value)| {
                let key = FleetKey {
                    namespace: fleet.gateway.namespace.to_string(),
                    name: name.clone(),
                    kind,
                };
                (key, value)
            });
        Wanted {
            fleet: fleet.clone(),
            objects: objects.collect(),
        }
    }

    fn applies(
        &mut self,
        gateway: &ObjectKey,
        store: &Store,
        now: Instant,
    ) -> Vec<(FleetKey, Value)> {
        let Some(wanted) = self.wanted.get(gateway) else {
            return Vec::new();
        };
        // Nothing to listen on: proxies that live go on with what they have, but none is started.
        let is_living = |key: &FleetKey| store.fleet().contains_key(key);
        let deployment = wanted.objects.keys();
        let mut deployment = deployment.filter(|key| key.kind == ProvisionKind::Deployment);
        if wanted.fleet.ports.is_empty() && !deployment.any(is_living) {
            return Vec::new();
        }
        let mut objects: Vec<(&FleetKey, &Value)> = Vec::new();
        for (key, value) in &wanted.objects {
            let Some(applied) = self.applied.get(key) else {
                objects.push((key, value));
                continue;
            };
            if applied.wanted != *value {
                objects.push((key, value));
            } else if is_watched(key.kind) && has_drifted(store, key, applied) {
                if now < applied.at + WATCH_LAG {
                    self.must_look = true;
                } else {
                    objects.push((key, value));
                }
            }
        }
        objects.sort_by_key(|(key, _)| key.kind);
        let objects = objects.into_iter();
        objects
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// What the cluster has of ours that nobody wants. What belongs to a Gateway that is gone goes
    /// with it, by its owner reference.
    fn deletes(&self, store: &Store) -> BTreeMap<ObjectKey, Vec<(FleetKey, String)>> {
        let controller = names::label_value(&self.install.controller_name);
        let mut deletes: BTreeMap<ObjectKey, Vec<(FleetKey, String)>> = BTreeMap::new();
        for (key, value) in store.fleet() {
            let Some(gateway) = owner(key, value, &controller) else {
                continue;
            };
            let is_wanted = match self.wanted.get(&gateway) {
                Some(wanted) => wanted.objects.contains_key(key),
                None => self.refused.contains(&gateway),
            };
            let is_there = store.objects().gateways.contains_key(&gateway);
            let is_going = !value["metadata"]["deletionTimestamp"].is_null();
            if is_wanted || !is_there || is_going {
                continue;
            }
            let uid = value["metadata"]["uid"].as_str().unwrap_or_default();
            let delete = (key.clone(), uid.to_owned());
            deletes.entry(gateway).or_default().push(delete);
        }
        deletes
    }
}

/// The Gateway that owns an object of ours.
fn owner(key: &FleetKey, value: &Value, controller: &str) -> Option<ObjectKey> {
    let metadata = &value["metadata"];
    if metadata["labels"][names::CONTROLLER_LABEL] != *controller {
        return None;
    }
    let mut owners = metadata["ownerReferences"].as_array()?.iter();
    let owner = owners.find(|owner| owner["kind"] == Kind::Gateway.name())?;
    Some(ObjectKey {
        kind: Kind::Gateway,
        namespace: key.namespace.as_str().into(),
        name: owner["name"].as_str()?.into(),
    })
}

/// ConfigMaps are not: watching them all would let a controller read every ConfigMap there is.
const fn is_watched(kind: ProvisionKind) -> bool {
    !matches!(kind, ProvisionKind::ConfigMap)
}

/// Whether it is gone, or a field of ours in it is not what we applied and not what the API made of
/// that either.
fn has_drifted(store: &Store, key: &FleetKey, applied: &Applied) -> bool {
    let Some(stored) = store.fleet().get(key).map(Arc::as_ref) else {
        return true;
    };
    let (stored, wanted) = (stripped(stored), stripped(&applied.wanted));
    !holds(&stored, &wanted) && stored != applied.answer
}

/// Whether `stored` has all that is in `wanted`; more is fine, since the API adds defaults.
fn holds(stored: &Value, wanted: &Value) -> bool {
    match (stored, wanted) {
        (Value::Object(stored), Value::Object(wanted)) => {
            let is_empty = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
            wanted.iter().all(|(name, wanted)| match stored.get(name) {
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

/// An object without what the cluster counts in it, and without what items of a list lack.
fn stripped(value: &Value) -> Value {
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

/// The path of an object.
pub(crate) fn path(key: &FleetKey) -> String {
    let (group, version, plural) = key.kind.resource();
    let place = Place {
        group,
        version,
        plural,
        namespace: Some(&key.namespace),
    };
    place.one(&key.name)
}

#[cfg(test)]
mod tests;
