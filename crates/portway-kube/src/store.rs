//! What is known of the cluster: the objects that decisions need, statuses as they are stored, and
//! what is provisioned.
//!
//! In: what watches saw. Out: [`Objects`] for a snapshot, and what changed. Never: a call to the
//! API. An object of which nothing changed that a translation reads gives no new one: see
//! `keep_meaning` and `is_read`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use portway_control::api::{
    EndpointSlice, Gateway, GatewayClass, GatewayConfig, Kind, Namespace, ObjectMeta,
    ReferenceGrant, SERVICE_NAME_LABEL, Service, TcpRoute,
};
use portway_control::origin::{Given, ObjectKey, Origin, Sourced};
use portway_control::provision::{ProvisionKind, names};
use portway_control::snapshot::{Bundle, Objects};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::warn;

use crate::watched::{Watched, is_ending};

/// How annotations begin that a translation looks at: it reads `portway.dev/drain`, and says of others
/// that begin so, and are likely meant for it, that they do nothing. It never hears of the rest.
const ANNOTATION_START: &str = "portway";

/// A kind of `portway_control::api` and its place among the objects.
pub(crate) trait Watchable:
    DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static
{
    /// The kind.
    const KIND: Kind;
    /// Its objects.
    fn of(objects: &mut Objects) -> &mut BTreeMap<ObjectKey, Arc<Sourced<Self>>>;
    /// Its metadata.
    fn metadata(&mut self) -> &mut ObjectMeta;
}

/// What a watch saw.
#[derive(Debug)]
pub(crate) enum Seen<T> {
    /// It is there, maybe changed.
    Here(Watched<T>),
    /// It is gone.
    Gone(Watched<T>),
    /// These are all there are.
    All(Vec<Watched<T>>),
}

/// A status as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// The version of the kind that is served.
    pub(crate) api_version: String,
    /// For compare and swap.
    pub(crate) resource_version: String,
    /// `status`; null = none yet.
    pub(crate) status: Value,
    /// `metadata.finalizers`.
    pub(crate) finalizers: Vec<String>,
    /// For Events.
    pub(crate) uid: String,
    /// Whether it has a deletionTimestamp: it gets no more finalizers.
    pub(crate) is_ending: bool,
}

/// Where something provisioned is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FleetKey {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) kind: ProvisionKind,
}

/// A proxy that a Service knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    /// Name of its Pod.
    pub(crate) pod: String,
    /// Whether the Service sends connections to it.
    pub(crate) is_ready: bool,
}

/// The proxies of one EndpointSlice.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FleetSlice {
    service: String,
    ports: BTreeSet<u16>,
    endpoints: Vec<Endpoint>,
}

/// Whether it was known of a namespace that it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missed {
    Anew,
    Already,
}

/// What changed since it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Something a translation depends on.
    pub(crate) meaning: bool,
    /// Something provisioned: an address, a proxy, drift.
    pub(crate) fleets: bool,
    /// Statuses that are stored differently now.
    pub(crate) statuses: BTreeSet<ObjectKey>,
}

/// What is known of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Store {
    objects: Objects,
    stored: BTreeMap<ObjectKey, Stored>,
    fleet: BTreeMap<FleetKey, Arc<Value>>,
    slices: BTreeMap<(String, String), FleetSlice>,
    bundle: Bundle,
    /// Services that routes name, by namespace and name; `None` = routes changed since.
    named: Option<BTreeSet<(String, String)>>,
    /// Namespaces that are to be watched and are not there.
    missed: BTreeSet<String>,
    changes: Changes,
    /// Whether objects keep what they were read from; only people who ask need it.
    keeps_given: bool,
}

impl Store {
    /// A store whose objects keep what they were read from.
    pub(crate) fn keeping_given() -> Self {
        Self {
            keeps_given: true,
            ..Self::default()
        }
    }

    /// The objects.
    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Gives the objects away.
    pub(crate) fn into_objects(self) -> Objects {
        self.objects
    }

    /// The installed CRDs of Gateway API.
    pub(crate) fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// A status as it is stored.
    pub(crate) fn stored(&self, key: &ObjectKey) -> Option<&Stored> {
        self.stored.get(key)
    }

    /// The objects that have a status.
    pub(crate) fn all_stored(&self) -> impl Iterator<Item = &ObjectKey> {
        self.stored.keys()
    }

    /// What is provisioned, in order of place.
    pub(crate) fn fleet(&self) -> &BTreeMap<FleetKey, Arc<Value>> {
        &self.fleet
    }

    /// The proxies that a Service knows, with the ports of theirs that it sends connections to.
    pub(crate) fn endpoints<'s>(
        &'s self,
        namespace: &'s str,
        service: &'s str,
    ) -> impl Iterator<Item = (&'s Endpoint, &'s BTreeSet<u16>)> {
        self.slices
            .range((namespace.to_owned(), String::new())..)
            .take_while(move |((of, _), _)| of == namespace)
            .filter(move |(_, slice)| slice.service == service)
            .flat_map(|(_, slice)| slice.endpoints.iter().map(|it| (it, &slice.ports)))
    }

    /// What changed since this was last called.
    pub(crate) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Takes what the CRDs of Gateway API say of themselves.
    pub(crate) fn see_bundle(&mut self, bundle: Bundle) {
        self.changes.meaning |= self.bundle != bundle;
        self.bundle = bundle;
    }

    /// Takes that a namespace which is to be watched is not there; known until the namespace is seen.
    pub(crate) fn miss_namespace(&mut self, name: &str) -> Missed {
        if self.missed.insert(name.to_owned()) {
            Missed::Anew
        } else {
            Missed::Already
        }
    }

    /// Takes what a watch of `scope` saw: a namespace, or all.
    pub(crate) fn see<T: Watchable>(&mut self, scope: Option<&str>, seen: Seen<T>) {
        match seen {
            Seen::Here(object) => self.put(object),
            Seen::Gone(object) => self.remove::<T>(&key::<T>(&object)),
            Seen::All(all) => {
                let mut left: BTreeSet<ObjectKey> = T::of(&mut self.objects)
                    .keys()
                    .filter(|key| scope.is_none_or(|scope| scope == &*key.namespace))
                    .cloned()
                    .collect();
                for object in all {
                    left.remove(&key::<T>(&object));
                    self.put(object);
                }
                for key in left {
                    self.remove::<T>(&key);
                }
            }
        }
    }

    /// Takes what a watch of something provisioned saw.
    pub(crate) fn see_fleet(
        &mut self,
        kind: ProvisionKind,
        scope: Option<&str>,
        seen: Seen<Value>,
    ) {
        match seen {
            Seen::Here(object) => self.put_fleet(kind, &object),
            Seen::Gone(object) => self.remove_fleet(&fleet_key(kind, &object)),
            Seen::All(all) => {
                let mut left: BTreeSet<FleetKey> = self
                    .fleet
                    .keys()
                    .filter(|key| key.kind == kind)
                    .filter(|key| scope.is_none_or(|scope| scope == key.namespace))
                    .cloned()
                    .collect();
                for object in all {
                    left.remove(&fleet_key(kind, &object));
                    self.put_fleet(kind, &object);
                }
                for key in left {
                    self.remove_fleet(&key);
                }
            }
        }
    }

    fn put<T: Watchable>(&mut self, watched: Watched<T>) {
        let key = key::<T>(&watched);
        self.put_stored(&key, &watched.given);
        match T::KIND {
            Kind::Service if is_fleet(&watched.given) => {
                self.put_fleet(ProvisionKind::Service, &watched);
            }
            // It may have been, and lost its labels: then it is missing, and is applied again.
            Kind::Service => self.remove_fleet(&fleet_key(ProvisionKind::Service, &watched)),
            Kind::EndpointSlice => self.put_slice(&key, &watched.given),
            Kind::Namespace => _ = self.missed.remove(&*key.name),
            _ => {}
        }
        let object = match watched.object {
            Ok(mut object) => {
                keep_meaning(T::KIND, object.metadata());
                object
            }
            Err(error) => {
                warn!(object = %key, %error, "an object cannot be read, it counts as absent");
                return self.remove::<T>(&key);
            }
        };
        let keeps_given = self.keeps_given;
        let objects = T::of(&mut self.objects);
        let is_same = |before: &Arc<Sourced<T>>| before.object == object;
        if objects.get(&key).is_some_and(is_same) {
            return;
        }
        let given = if keeps_given {
            watched.given
        } else {
            Value::Null
        };
        let sourced = Sourced {
            object,
            key: key.clone(),
            origin: Origin::default(),
            given: Given::Json(Arc::new(given)),
        };
        let was_read = self.is_read(&key);
        T::of(&mut self.objects).insert(key.clone(), Arc::new(sourced));
        self.changes.meaning |= was_read | self.is_read(&key);
        self.forget_named(T::KIND);
    }

    fn remove<T: Watchable>(&mut self, key: &ObjectKey) {
        self.stored.remove(key);
        let place = (key.namespace.to_string(), key.name.to_string());
        match T::KIND {
            Kind::Service => self.remove_fleet(&FleetKey {
                namespace: place.0,
                name: place.1,
                kind: ProvisionKind::Service,
            }),
            Kind::EndpointSlice => self.changes.fleets |= self.slices.remove(&place).is_some(),
            _ => {}
        }
        let was_read = self.is_read(key);
        let removed = T::of(&mut self.objects).remove(key);
        self.changes.meaning |= removed.is_some() && was_read;
        self.forget_named(T::KIND);
    }

    /// Whether a translation depends on this object as it is here. Of a slice only where a route names
    /// its Service: a cluster has thousands of others, which change all the time.
    fn is_read(&mut self, key: &ObjectKey) -> bool {
        if key.kind != Kind::EndpointSlice {
            return true;
        }
        let Some(slice) = self.objects.endpoint_slices.get(key) else {
            return false;
        };
        let Some(service) = slice.object.metadata.labels.get(SERVICE_NAME_LABEL) else {
            return false;
        };
        let routes = &self.objects.tcp_routes;
        let named = self.named.get_or_insert_with(|| named_by(routes));
        named.contains(&(key.namespace.to_string(), service.clone()))
    }

    /// The next slice that changes has all routes looked at, once; a change of a route has not.
    fn forget_named(&mut self, changed: Kind) {
        if changed == Kind::TcpRoute {
            self.named = None;
        }
    }

    fn put_stored(&mut self, key: &ObjectKey, given: &Value) {
        if !matches!(
            key.kind,
            Kind::GatewayClass | Kind::Gateway | Kind::TcpRoute
        ) {
            return;
        }
        let metadata = &given["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
        let finalizers = metadata["finalizers"].as_array().into_iter().flatten();
        let stored = Stored {
            api_version: given["apiVersion"].as_str().unwrap_or_default().to_owned(),
            resource_version: text("resourceVersion"),
            status: given["status"].clone(),
            finalizers: finalizers
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            uid: text("uid"),
            is_ending: is_ending(given),
        };
        if self.stored.get(key) != Some(&stored) {
            self.changes.statuses.insert(key.clone());
            self.stored.insert(key.clone(), stored);
        }
    }

    fn put_slice(&mut self, key: &ObjectKey, given: &Value) {
        let place = (key.namespace.to_string(), key.name.to_string());
        if !is_fleet(given) {
            self.changes.fleets |= self.slices.remove(&place).is_some();
            return;
        }
        let service = &given["metadata"]["labels"][SERVICE_NAME_LABEL];
        let endpoints = given["endpoints"].as_array().into_iter().flatten();
        let endpoints = endpoints.filter_map(|endpoint| {
            let conditions = &endpoint["conditions"];
            Some(Endpoint {
                pod: endpoint["targetRef"]["name"].as_str()?.to_owned(),
                is_ready: conditions["ready"].as_bool().unwrap_or(true)
                    && !conditions["terminating"].as_bool().unwrap_or(false),
            })
        });
        let ports = given["ports"].as_array().into_iter().flatten();
        let ports = ports.filter_map(|port| u16::try_from(port["port"].as_u64()?).ok());
        let slice = FleetSlice {
            service: service.as_str().unwrap_or_default().to_owned(),
            ports: ports.collect(),
            endpoints: endpoints.collect(),
        };
        if self.slices.get(&place) != Some(&slice) {
            self.slices.insert(place, slice);
            self.changes.fleets = true;
        }
    }

    fn put_fleet<T>(&mut self, kind: ProvisionKind, watched: &Watched<T>) {
        let key = fleet_key(kind, watched);
        let is_same = |before: &Arc<Value>| **before == watched.given;
        if !self.fleet.get(&key).is_some_and(is_same) {
            self.fleet.insert(key, Arc::new(watched.given.clone()));
            self.changes.fleets = true;
        }
    }

    fn remove_fleet(&mut self, key: &FleetKey) {
        self.changes.fleets |= self.fleet.remove(key).is_some();
    }
}

/// The Services that routes name, whether they may and whether those are there.
fn named_by(routes: &BTreeMap<ObjectKey, Arc<Sourced<TcpRoute>>>) -> BTreeSet<(String, String)> {
    let references = routes.values().flat_map(|route| {
        let rules = route.object.spec.rules.iter();
        let references = rules.flat_map(|rule| &rule.backend_refs);
        references.map(|it| {
            (
                it.namespace.as_deref().unwrap_or(&route.key.namespace),
                &it.name,
            )
        })
    });
    let named = references.map(|(namespace, name)| (namespace.to_owned(), name.clone()));
    named.collect()
}

/// Leaves of the metadata what a translation reads: controllers and tools write much else there,
/// and without end, as `endpoints.kubernetes.io/last-change-trigger-time`.
fn keep_meaning(kind: Kind, metadata: &mut ObjectMeta) {
    let annotations = &mut metadata.annotations;
    annotations.retain(|name, _| name.starts_with(ANNOTATION_START));
    match kind {
        Kind::EndpointSlice => {
            metadata.labels.retain(|name, _| name == SERVICE_NAME_LABEL);
            metadata.annotations.clear();
        }
        Kind::Service => metadata.labels.clear(),
        // Listeners choose Namespaces by any label; of the others metadata changes seldom.
        _ => return,
    }
    // They have no status that names a generation, nor are they compared by age.
    metadata.generation = None;
    metadata.creation_timestamp = None;
    metadata.uid = None;
}

/// Whether an object carries the label of what we provision; slices have it from their Service.
fn is_fleet(given: &Value) -> bool {
    given["metadata"]["labels"][names::MANAGED_BY_LABEL] == names::MANAGED_BY
        || given["metadata"]["labels"]
            .get(names::CONTROLLER_LABEL)
            .is_some()
}

fn key<T: Watchable>(watched: &Watched<T>) -> ObjectKey {
    ObjectKey {
        kind: T::KIND,
        namespace: watched.namespace().into(),
        name: watched.name().into(),
    }
}

fn fleet_key<T>(kind: ProvisionKind, watched: &Watched<T>) -> FleetKey {
    FleetKey {
        namespace: watched.namespace().to_owned(),
        name: watched.name().to_owned(),
        kind,
    }
}

impl Watchable for GatewayClass {
    const KIND: Kind = Kind::GatewayClass;
    fn of(objects: &mut Objects) -> &mut BTreeMap<ObjectKey, Arc<Sourced<Self>>> {
        &mut objects.gateway_classes
    }
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Watchable for Gateway {
    const KIND: Kind = Kind::Gateway;
    fn of(objects: &mut Objects) -> &mut BTreeMap<ObjectKey, Arc<Sourced<Self>>> {
        &mut objects.gateways
    }
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Watchable for TcpRoute {
    const KIND: Kind = Kind::TcpRoute;
    fn of(objects: &mut Objects) -> &mut BTreeMap<ObjectKey, Arc<Sourced<Self>>> {
        &mut objects.tcp_routes
    }
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Watchable for ReferenceGrant {
    const KIND: Kind = Kind::ReferenceGrant;
    fn of(objects: &mut Objects) -> &mut BTreeMap<ObjectKey, Arc<Sourced<Self>>> {
        &mut objects.reference_grants
    }
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Watchable for Namespace {
    const KIND: Kind = Kind::Namespace;
    fn of(objects: &mut Objects) -> &mut BTreeMap<ObjectKey, Arc<Sourced<Self>>> {
        &mut objects.namespaces
    }
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Watchable for Service {
    const KIND: Kind = Kind::Service;
    fn of(objects: &mut Objects) -> &mut BTreeMap<ObjectKey, Arc<Sourced<Self>>> {
        &mut objects.services
    }
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Watchable for EndpointSlice {
    const KIND: Kind = Kind::EndpointSlice;
    fn of(objects: &mut Objects) -> &mut BTreeMap<ObjectKey, Arc<Sourced<Self>>> {
        &mut objects.endpoint_slices
    }
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Watchable for GatewayConfig {
    const KIND: Kind = Kind::GatewayConfig;
    fn of(objects: &mut Objects) -> &mut BTreeMap<ObjectKey, Arc<Sourced<Self>>> {
        &mut objects.gateway_configs
    }
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests;
