//! The tables of a host, one after the other: what stays is not decided again.
//!
//! In: snapshots, each of which follows the one before. Out: what is different of the table, which
//! is the [`Translation::host_table`](super::Translation) of that snapshot. Never: a second set of
//! rules. EndpointSlices differ most often, and all that hangs on them is the backends that they
//! feed: where nothing else differs only these are resolved, by the steps that resolve all.
//! Whatever else differs is decided as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portway_engine::limits::{ENDPOINTS_MAX, ENDPOINTS_PER_BACKEND_MAX};
use portway_engine::table::{RejectReason, RouteSpec, TableSpec, TargetSpec};

use super::index::{Index, service_of};
use super::own::OwnSockets;
use super::plan::RoutePlan;
use super::report::Report;
use super::{Decided, backend, decide, endpoint, table};
use crate::api::{EndpointSlice, Kind};
use crate::origin::{ObjectKey, Sourced};
use crate::snapshot::{Facts, Objects, Snapshot, Target};

/// What is different from the table before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Nothing.
    None,
    /// The backends of these routes, which were there before.
    Routes(Vec<RouteSpec>),
    /// Anything, or it is the first: this is the table.
    Whole(TableSpec),
}

/// Tables of a host in succession.
#[derive(Debug, Default)]
pub struct Succession {
    last: Option<Last>,
}

/// The last table, and what it hangs on.
#[derive(Debug)]
struct Last {
    objects: Objects,
    facts: Facts,
    spec: TableSpec,
    own: OwnSockets,
    users: BTreeMap<Port, Vec<User>>,
    lacks_room: bool,
}

/// A port of a Service.
type Port = (ObjectKey, u16);

/// A backend that a port feeds: indices of its route in the table, and in that route.
type User = (usize, usize);

impl Succession {
    /// What `snapshot` makes different of the table. It must be for a host, and the same one.
    pub fn follow(&mut self, snapshot: &Snapshot) -> Difference {
        debug_assert_eq!(snapshot.target, Target::Standalone);
        let routes = self.last.as_mut().and_then(|last| last.amend(snapshot));
        match routes {
            Some(routes) if routes.is_empty() => Difference::None,
            Some(routes) => Difference::Routes(routes),
            None => {
                let next = Last::of(snapshot);
                let before = self.last.replace(next).map(|last| last.spec);
                match &self.last {
                    Some(last) if before.as_ref() != Some(&last.spec) => {
                        Difference::Whole(last.spec.clone())
                    }
                    _ => Difference::None,
                }
            }
        }
    }
}

impl Last {
    /// Decides everything.
    fn of(snapshot: &Snapshot) -> Self {
        let index = Index::of(snapshot);
        let decided = decide(&index, &mut Report::default());
        let Decided {
            gateways,
            routes,
            backends,
            ..
        } = &decided;
        let spec = table::one(&index, gateways, routes, backends);
        Self {
            objects: snapshot.objects.clone(),
            facts: snapshot.facts.clone(),
            users: users(&spec, routes),
            spec,
            own: decided.own,
            lacks_room: decided.lacks_room,
        }
    }

    /// The routes that are different, if nothing else can be.
    fn amend(&mut self, snapshot: &Snapshot) -> Option<Vec<RouteSpec>> {
        if self.lacks_room
            || !is_same_world(&self.facts, &snapshot.facts)
            || !is_same_but_slices(&self.objects, &snapshot.objects)
        {
            return None;
        }
        let fed = self.fed(snapshot)?;
        let mut differing = BTreeSet::new();
        for ((route, backend), target) in fed {
            let backend = self.spec.routes.get_mut(route)?.backends.get_mut(backend)?;
            if backend.target != target {
                backend.target = target;
                differing.insert(route);
            }
        }
        // Each snapshot is compared with the one before, so that pointers tell most of it.
        self.objects.catch_up(&snapshot.objects);
        let routes = differing.iter().filter_map(|at| self.spec.routes.get(*at));
        Some(routes.cloned().collect())
    }

    /// What the slices that differ give to the backends they feed; `None` where there is no room
    /// for it.
    fn fed(&self, snapshot: &Snapshot) -> Option<Vec<(User, TargetSpec)>> {
        let (old, new) = (
            &self.objects.endpoint_slices,
            &snapshot.objects.endpoint_slices,
        );
        let differing = differing(old, new);
        let services: BTreeSet<_> = differing.into_iter().filter_map(service_of).collect();
        let index = Index::of_slices(snapshot, &services);
        let mut n_endpoints: usize = self.spec.routes.iter().map(n_endpoints).sum();
        let mut fed = Vec::new();
        for (namespace, name) in services {
            let key = ObjectKey {
                kind: Kind::Service,
                namespace: namespace.into(),
                name: name.into(),
            };
            let last = (key.clone(), u16::MAX);
            for ((_, number), users) in self.users.range((key.clone(), 0)..=last) {
                let service = snapshot.objects.services.get(&key)?;
                let port = backend::tcp_port(service, *number)?;
                let mut report = Report::default();
                let found = endpoint::find(&index, &self.own, service, port, &mut report);
                if found.usable.len() > ENDPOINTS_PER_BACKEND_MAX {
                    return None;
                }
                for user in users {
                    n_endpoints += found.usable.len();
                    n_endpoints -= self.target(*user)?.endpoints().len();
                    fed.push((*user, found.target()));
                }
            }
        }
        (n_endpoints <= ENDPOINTS_MAX).then_some(fed)
    }

    fn target(&self, (route, backend): User) -> Option<&TargetSpec> {
        let backends = &self.spec.routes.get(route)?.backends;
        Some(&backends.get(backend)?.target)
    }
}

fn n_endpoints(route: &RouteSpec) -> usize {
    let backends = route.backends.iter();
    backends.map(|it| it.target.endpoints().len()).sum()
}

/// The backends of a table that hang on slices, by what feeds them.
fn users(spec: &TableSpec, routes: &[RoutePlan<'_>]) -> BTreeMap<Port, Vec<User>> {
    let plans: BTreeMap<&str, _> = routes.iter().map(|plan| (&*plan.name, plan)).collect();
    let mut users: BTreeMap<Port, Vec<User>> = BTreeMap::new();
    for (at, route) in spec.routes.iter().enumerate() {
        let Some(plan) = plans.get(&*route.name) else {
            continue;
        };
        let rule = plan.source.object.spec.rules.first();
        let references = rule.iter().flat_map(|rule| &rule.backend_refs);
        for (own, (backend, reference)) in route.backends.iter().zip(references).enumerate() {
            let (true, Some(port)) = (is_fed(&backend.target), reference.port) else {
                continue;
            };
            let namespace = reference.namespace.as_deref();
            let key = ObjectKey {
                kind: Kind::Service,
                namespace: namespace.unwrap_or(&plan.source.key.namespace).into(),
                name: reference.name.as_str().into(),
            };
            users.entry((key, port)).or_default().push((at, own));
        }
    }
    users
}

/// Whether a backend got as far as to its slices: it is a Service that may be used.
fn is_fed(target: &TargetSpec) -> bool {
    match target {
        TargetSpec::Endpoints(_)
        | TargetSpec::Reject(RejectReason::NoEndpoint | RejectReason::Loop) => true,
        TargetSpec::Reject(
            RejectReason::NoRoute
            | RejectReason::NoWeight
            | RejectReason::InvalidBackend
            | RejectReason::NotPermitted,
        ) => false,
    }
}

/// Whether two worlds make the same table of the same objects. What the data plane has done makes
/// no difference to it.
fn is_same_world(one: &Facts, other: &Facts) -> bool {
    one.host_addresses == other.host_addresses && one.resolved == other.resolved
}

/// Objects of one kind.
type Map<T> = BTreeMap<ObjectKey, Arc<Sourced<T>>>;

fn is_same_but_slices(one: &Objects, other: &Objects) -> bool {
    is_same(&one.gateway_classes, &other.gateway_classes)
        && is_same(&one.gateways, &other.gateways)
        && is_same(&one.tcp_routes, &other.tcp_routes)
        && is_same(&one.reference_grants, &other.reference_grants)
        && is_same(&one.namespaces, &other.namespaces)
        && is_same(&one.services, &other.services)
        && is_same(&one.gateway_configs, &other.gateway_configs)
}

/// Whether both mean the same. Where they are written may differ, but not their order.
fn is_same<T: PartialEq>(one: &Map<T>, other: &Map<T>) -> bool {
    let mut pairs = one.values().zip(other.values());
    one.len() == other.len()
        && pairs.all(|(one, other)| {
            let is_equal = || {
                one.key == other.key
                    && one.origin.order == other.origin.order
                    && one.object == other.object
            };
            Arc::ptr_eq(one, other) || is_equal()
        })
}

/// The slices that are not the same value in both, of both.
fn differing<'o>(
    old: &'o Map<EndpointSlice>,
    new: &'o Map<EndpointSlice>,
) -> Vec<&'o Sourced<EndpointSlice>> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut differing: Vec<&Sourced<EndpointSlice>> = Vec::new();
    loop {
        match (old.peek(), new.peek()) {
            (None, None) => return differing,
            (Some((_, one)), Some((_, other))) if Arc::ptr_eq(one, other) => {
                old.next();
                new.next();
            }
            (Some((one, _)), Some((other, _))) if one == other => {
                differing.extend(
                    old.next()
                        .into_iter()
                        .chain(new.next())
                        .map(|(_, it)| &**it),
                );
            }
            (Some((one, _)), other) if other.is_none_or(|(other, _)| one < other) => {
                differing.extend(old.next().map(|(_, it)| &**it));
            }
            _ => differing.extend(new.next().map(|(_, it)| &**it)),
        }
    }
}
