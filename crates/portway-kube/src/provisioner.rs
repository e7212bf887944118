//! Which objects are applied and deleted, and when.
//!
//! In: the fleets that translate wants, what the cluster has, the time. Out: [`Job`]s, one a Gateway at
//! a time. Never: a call to the API, a word about what an object holds, which is
//! `portway_control::provision`'s; an object of a Gateway that is refused, or that waits for what it
//! owns to be gone; one of somebody else.
//!
//! What is applied once is applied again when it is wanted differently, when the cluster shows that a
//! field of ours changed or that it is gone, and every [`RESYNC`] for kinds that are not watched. What
//! is being deleted stays for as long as a finalizer holds it, a load balancer's for a minute: it is
//! left alone, serves nobody, and is made anew when it is gone.

mod drift;
mod handover;
mod ownership;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use portway_control::origin::ObjectKey;
use portway_control::provision::{Fleet, FleetPort, Install, ProvisionKind, names, objects};
use serde_json::Value;

use self::drift::{is_as_wanted, stripped};
use self::handover::must_serve_on;
use self::ownership::{has_controller_of, owner, uid};
use crate::call::Place;
use crate::limits::{FLEETS_IN_FLIGHT_MAX, RESYNC};
use crate::retry::Retries;
use crate::store::{FleetKey, Store};
use crate::watched::is_ending;

/// A watch may show for so long what was before our own write.
const WATCH_LAG: Duration = Duration::from_secs(2);

/// An object to apply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Apply {
    pub(crate) key: FleetKey,
    pub(crate) object: Value,
    /// Whether nothing says that one of this name is ours: if there is one, it is somebody else's, but
    /// for the one we made.
    pub(crate) is_new: bool,
    /// The uid of the one we made.
    pub(crate) made: Option<String>,
}

impl Apply {
    /// Whether an object of its name is ours: the one that we made, or one that its Gateway controls.
    pub(crate) fn is_over(&self, stored: &Value) -> bool {
        let is_made = uid(stored).is_some_and(|uid| self.made.as_deref() == Some(uid));
        is_made || has_controller_of(stored, &self.object)
    }
}

/// What is done for one Gateway, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    /// The Gateway.
    pub(crate) gateway: ObjectKey,
    /// Which of our wishes for it this is part of; `None` = nothing is wanted for it.
    pub(crate) wish: Option<u64>,
    /// Whether nothing of that is left out, for it is being deleted.
    pub(crate) is_whole: bool,
    /// Objects to apply.
    pub(crate) apply: Vec<Apply>,
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
    /// Its number among all wishes.
    wish: u64,
    asked: Asked,
}

/// Whether the API has been asked for what a Gateway needs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Others come first.
    NotYet,
    /// It has not answered since.
    Since(Instant),
    /// It has all of that, or refused it.
    Answered,
}

/// Which objects are applied and deleted, and when.
#[derive(Debug)]
pub(crate) struct Provisioner {
    install: Install,
    wanted: BTreeMap<ObjectKey, Wanted>,
    /// Gateways of ours that are refused, with the name of their objects: what they have stays as it
    /// is, and its proxies may go on as they are.
    refused: BTreeMap<ObjectKey, String>,
    applied: BTreeMap<FleetKey, Applied>,
    in_flight: BTreeSet<ObjectKey>,
    retries: Retries,
    problems: BTreeMap<ObjectKey, String>,
    n_wishes: u64,
    must_look: bool,
    resync_at: Option<Instant>,
}

impl Provisioner {
    /// Wants nothing yet.
    pub(crate) fn new(install: Install) -> Self {
        Self {
            install,
            wanted: BTreeMap::new(),
            refused: BTreeMap::new(),
            applied: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            retries: Retries::default(),
            problems: BTreeMap::new(),
            n_wishes: 0,
            must_look: true,
            resync_at: None,
        }
    }

    /// Takes other authorities: every fleet's ConfigMap changes.
    pub(crate) fn take_authorities(&mut self, pem: String) {
        if self.install.authorities_pem != pem {
            self.install.authorities_pem = pem;
            let wanted = std::mem::take(&mut self.wanted);
            let wanted = wanted.into_iter().map(|(key, it)| {
                let objects = self.objects(&it.fleet);
                (key, Wanted { objects, ..it })
            });
            self.wanted = wanted.collect();
            self.must_look = true;
        }
    }

    /// Takes the fleets that are wanted. `ours` are all Gateways of ours with their classes, refused
    /// ones too.
    pub(crate) fn want<'k>(
        &mut self,
        fleets: &BTreeMap<ObjectKey, Fleet>,
        ours: impl Iterator<Item = (&'k ObjectKey, &'k str)>,
        store: &Store,
    ) {
        let before = std::mem::take(&mut self.wanted);
        for (key, fleet) in fleets {
            let wanted = match before.get(key) {
                Some(wanted) if wanted.fleet == *fleet => wanted.clone(),
                _ => {
                    self.must_look = true;
                    // What was refused is wanted otherwise now.
                    self.retries.forget(key);
                    self.problems.remove(key);
                    let objects = self.objects(fleet);
                    let asked = match self.is_there(key, &objects, store) {
                        true => Asked::Answered,
                        false => Asked::NotYet,
                    };
                    self.n_wishes += 1;
                    Wanted {
                        fleet: fleet.clone(),
                        objects,
                        wish: self.n_wishes,
                        asked,
                    }
                }
            };
            self.wanted.insert(key.clone(), wanted);
        }
        let refused = ours.filter(|(key, _)| !fleets.contains_key(*key));
        let named =
            refused.map(|(key, class)| (key.clone(), names::generated_name(&key.name, class)));
        self.refused = named.collect();
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

    /// Whether the API has been asked for what a Gateway needs now.
    pub(crate) fn asked(&self, gateway: &ObjectKey) -> Asked {
        let wanted = self.wanted.get(gateway);
        wanted.map_or(Asked::Answered, |it| it.asked)
    }

    /// The Gateways that may have proxies, with the name of their objects.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&ObjectKey, String)> {
        let wanted = self.wanted.iter();
        let wanted = wanted.map(|(key, wanted)| (key, names::generated(&wanted.fleet)));
        wanted.chain(self.refused.iter().map(|(key, name)| (key, name.clone())))
    }

    /// The ports that a Gateway's listeners need of its Service; none while it is refused.
    pub(crate) fn ports(&self, gateway: &ObjectKey) -> &[FleetPort] {
        let wanted = self.wanted.get(gateway);
        wanted.map_or(&[], |it| it.fleet.ports.as_slice())
    }

    /// Whether a Gateway is refused: its proxies, if it has any, stay as they are.
    pub(crate) fn is_refused(&self, gateway: &ObjectKey) -> bool {
        self.refused.contains_key(gateway)
    }

    /// The Gateways by namespace and ServiceAccount of their proxies: those of today's names, and those
    /// that live on by another until the next ones serve.
    pub(crate) fn accounts(&self, store: &Store) -> BTreeMap<(String, String), ObjectKey> {
        let named = self.named();
        let named = named.map(|(key, name)| ((key.namespace.to_string(), name), key.clone()));
        let controller = names::label_value(&self.install.controller_name);
        let living = store.fleet().iter().filter_map(|(key, value)| {
            let gateway = owner(key, value, &controller)?;
            let is_account = key.kind == ProvisionKind::ServiceAccount;
            let is_there = store.objects().gateways.contains_key(&gateway);
            let account = (key.namespace.clone(), key.name.clone());
            (is_account && is_there).then_some((account, gateway))
        });
        living.chain(named).collect()
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
        self.forget_the_unwanted(&gateways);
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
                wish: self.wish(&gateway),
                is_whole: self.is_whole(&gateway, store),
                apply: self.applies(&gateway, store, now),
                delete: deletes.remove(&gateway).unwrap_or_default(),
                gateway,
            };
            let has_work = !job.apply.is_empty() || !job.delete.is_empty();
            self.note(&job.gateway, |asked| match asked {
                _ if !has_work && job.is_whole => Asked::Answered,
                Asked::NotYet => Asked::Since(now),
                asked => asked,
            });
            if has_work {
                self.in_flight.insert(job.gateway.clone());
                jobs.push(job);
            } else {
                self.retries.forget(&job.gateway);
                // What was refused is not wanted any more; facts have to hear of it.
                self.must_look |= self.problems.remove(&job.gateway).is_some();
            }
        }
        jobs
    }

    /// Takes what became of a job; true if the facts of its Gateway changed.
    pub(crate) fn done(&mut self, job: &Job, outcome: JobOutcome, now: Instant) -> bool {
        self.in_flight.remove(&job.gateway);
        // A watch did not show yet that it goes: to be made anew.
        let is_lost = outcome.applied.iter().any(|(_, answer)| is_ending(answer));
        for (key, answer) in outcome.applied {
            let wanted = job.apply.iter().find(|it| it.key == key);
            if is_ending(&answer) {
                self.applied.remove(&key);
            } else if let Some(wanted) = wanted {
                let applied = Applied {
                    wanted: wanted.object.clone(),
                    answer: stripped(&answer),
                    at: now,
                };
                self.applied.insert(key, applied);
            }
        }
        self.must_look = true;
        if !self.is_wanted_still(job) {
            // What became of it says nothing of what is wanted now.
            self.retries.forget(&job.gateway);
            return false;
        }
        if job.is_whole && !is_lost {
            self.note(&job.gateway, |_| Asked::Answered);
        }
        let problem_before = self.problems.remove(&job.gateway);
        match outcome.refused {
            None => {
                if is_lost {
                    self.retries.failed(&job.gateway, now);
                } else {
                    self.retries.forget(&job.gateway);
                }
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

    /// Notes how far the wish of a Gateway is; facts have to hear of it.
    fn note(&mut self, gateway: &ObjectKey, of: impl Fn(Asked) -> Asked) {
        if let Some(wanted) = self.wanted.get_mut(gateway) {
            let asked = of(wanted.asked);
            self.must_look |= wanted.asked != asked;
            wanted.asked = asked;
        }
    }

    fn wish(&self, gateway: &ObjectKey) -> Option<u64> {
        self.wanted.get(gateway).map(|it| it.wish)
    }

    /// Whether none of a Gateway's objects is being deleted: then it is made anew later.
    fn is_whole(&self, gateway: &ObjectKey, store: &Store) -> bool {
        let wanted = self.wanted.get(gateway);
        let mut keys = wanted.into_iter().flat_map(|it| it.objects.keys());
        keys.all(|key| !store.fleet().get(key).is_some_and(|it| is_ending(it)))
    }

    /// Whether a job was made for what is wanted now. Part of an older wish says nothing of it.
    fn is_wanted_still(&self, job: &Job) -> bool {
        let wanted = self.wanted.get(&job.gateway);
        let is_wanted = |it: &Apply| {
            wanted.is_some_and(|wanted| wanted.objects.get(&it.key) == Some(&it.object))
        };
        self.wish(&job.gateway) == job.wish && job.apply.iter().all(is_wanted)
    }

    /// Whether all that a watch shows of a Gateway's objects is as it is wanted, and nobody is about to
    /// change it: whoever led before made it so.
    fn is_there(
        &self,
        gateway: &ObjectKey,
        objects: &BTreeMap<FleetKey, Value>,
        store: &Store,
    ) -> bool {
        let is_there = |(key, wanted): (&FleetKey, &Value)| {
            let stored = store.fleet().get(key).filter(|it| !is_ending(it));
            !is_watched(key.kind) || stored.is_some_and(|it| is_as_wanted(it, wanted))
        };
        !self.in_flight.contains(gateway)
            && !objects.keys().any(|key| self.applied.contains_key(key))
            && objects.iter().all(is_there)
    }

    /// Forgets everything: another leads now. Jobs that are still out belong to none of the next wishes.
    pub(crate) fn stop(&mut self) {
        *self = Self {
            n_wishes: self.n_wishes,
            ..Self::new(self.install.clone())
        };
    }

    /// Forgets what failed with Gateways for which there is nothing to do any more.
    fn forget_the_unwanted(&mut self, gateways: &BTreeSet<ObjectKey>) {
        self.retries.keep(|key| gateways.contains(key));
        let n_problems = self.problems.len();
        self.problems.retain(|key, _| gateways.contains(key));
        self.must_look |= self.problems.len() != n_problems;
        let wanted = self.wanted.values().flat_map(|it| it.objects.keys());
        let wanted: BTreeSet<&FleetKey> = wanted.collect();
        self.applied.retain(|key, _| wanted.contains(key));
    }

    fn objects(&self, fleet: &Fleet) -> BTreeMap<FleetKey, Value> {
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
        objects.collect()
    }

    fn applies(&mut self, gateway: &ObjectKey, store: &Store, now: Instant) -> Vec<Apply> {
        let Some(wanted) = self.wanted.get(gateway) else {
            return Vec::new();
        };
        if waits_for_its_own(gateway, store) {
            return Vec::new();
        }
        // Nothing to listen on: proxies that live go on with what they have, but none is started.
        let is_living = |key: &FleetKey| store.fleet().contains_key(key);
        let deployment = wanted.objects.keys();
        let mut deployment = deployment.filter(|key| key.kind == ProvisionKind::Deployment);
        if wanted.fleet.ports.is_empty() && !deployment.any(is_living) {
            return Vec::new();
        }
        let mut objects: Vec<(&FleetKey, &Value)> = Vec::new();
        for (key, value) in &wanted.objects {
            // What is written into it goes with it.
            if store.fleet().get(key).is_some_and(|it| is_ending(it)) {
                continue;
            }
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
        // What no watch shows may be gone like the others: Pods would not start without it.
        if !objects.is_empty() {
            let unseen = wanted
                .objects
                .iter()
                .filter(|(key, _)| !is_watched(key.kind));
            let unseen: Vec<_> = unseen.filter(|it| !objects.contains(it)).collect();
            objects.extend(unseen);
        }
        objects.sort_by_key(|(key, _)| key.kind);
        let objects = objects.into_iter().map(|(key, object)| Apply {
            is_new: self.is_new(key, gateway, wanted, store),
            made: self.made(key).map(str::to_owned),
            key: key.clone(),
            object: object.clone(),
        });
        objects.collect()
    }

    /// Whether nothing shows that an object of a Gateway is ours.
    fn is_new(&self, key: &FleetKey, gateway: &ObjectKey, wanted: &Wanted, store: &Store) -> bool {
        let controller = names::label_value(&self.install.controller_name);
        let is_seen = |key: &FleetKey| {
            let stored = store.fleet().get(key);
            stored.is_some_and(|it| {
                uid(it).is_some_and(|uid| self.made(key) == Some(uid))
                    || owner(key, it, &controller).as_ref() == Some(gateway)
            })
        };
        if is_watched(key.kind) {
            return !is_seen(key);
        }
        // No watch shows ConfigMaps: one is ours if what is made after it is there. What is not
        // shown here is asked for before it is taken.
        let mut later = wanted.objects.keys().filter(|it| it.kind > key.kind);
        !self.applied.contains_key(key) && !later.any(is_seen)
    }

    /// The uid of an object that we applied.
    fn made(&self, key: &FleetKey) -> Option<&str> {
        self.applied.get(key).and_then(|it| uid(&it.answer))
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
                Some(wanted) => {
                    wanted.objects.contains_key(key) || must_serve_on(key, wanted, store)
                }
                None => self.is_refused(&gateway) || !has_class(&gateway, store),
            };
            let is_there = store.objects().gateways.contains_key(&gateway);
            if is_wanted || !is_there || is_ending(value) {
                continue;
            }
            let delete = (key.clone(), uid(value).unwrap_or_default().to_owned());
            deletes.entry(gateway).or_default().push(delete);
        }
        deletes
    }
}

/// Whether a Gateway is being deleted and waits for what it owns: to be gone, or to be nobody's. Whom
/// another finalizer holds serves meanwhile, as ever. Spec: `metav1.FinalizerDeleteDependents` and
/// `metav1.FinalizerOrphanDependents`.
fn waits_for_its_own(gateway: &ObjectKey, store: &Store) -> bool {
    store.stored(gateway).is_some_and(|it| {
        let mut finalizers = it.finalizers.iter();
        it.is_ending && finalizers.any(|it| it == "foregroundDeletion" || it == "orphan")
    })
}

/// Whether the class that a Gateway names is there, ours or not. Where it is not nobody serves the
/// Gateway, and what lives lives on: the name may be mistyped, or the API server about to begin and not
/// know all kinds yet.
fn has_class(gateway: &ObjectKey, store: &Store) -> bool {
    let objects = store.objects();
    let named = objects.gateways.get(gateway);
    let mut classes = objects.gateway_classes.keys();
    named.is_some_and(|it| classes.any(|class| *class.name == it.object.spec.gateway_class_name))
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
    !is_as_wanted(stored, &applied.wanted) && stripped(stored) != applied.answer
}

/// Where an object is.
pub(crate) fn place(key: &FleetKey) -> Place<'_> {
    let (group, version, plural) = key.kind.resource();
    Place {
        group,
        version,
        plural,
        namespace: Some(&key.namespace),
    }
}

#[cfg(test)]
mod tests;
