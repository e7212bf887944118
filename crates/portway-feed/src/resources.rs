//! A table as resources: each listener, each route and the drains of each under the name that
//! stays, and the grants as one.
//!
//! In: a [`TableSpec`]. Out: the same in one form, whatever order it came in: listeners and routes
//! by name, endpoints ascending, backends as given since their order decides whose turn it is.
//! Never: two forms of one table; both sides compare.

use std::collections::BTreeMap;
use std::sync::Arc;

use portway_engine::table::{DrainSpec, GrantSpec, ListenerSpec, RouteSpec, TableSpec, TargetSpec};

/// Listeners, routes and drains by name, and grants. What two states have in common they can share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resources {
    pub(crate) listeners: BTreeMap<Arc<str>, Arc<ListenerSpec>>,
    pub(crate) routes: BTreeMap<Arc<str>, Arc<RouteSpec>>,
    /// By route; never an empty list.
    pub(crate) drains: BTreeMap<Arc<str>, Arc<Vec<DrainSpec>>>,
    /// `None`: not known.
    pub(crate) grants: Option<Arc<[GrantSpec]>>,
}

impl Resources {
    /// The resources of `spec`; what is equal in `before` is shared with it.
    pub fn of(spec: &TableSpec, before: &Self) -> Self {
        let listeners = spec.listeners.iter().map(|listener| {
            let shared = shared(before.listeners.get(&listener.name), listener);
            let listener = shared.unwrap_or_else(|| Arc::new(listener.clone()));
            (Arc::clone(&listener.name), listener)
        });
        let routes = spec.routes.iter().map(|route| {
            let shared = shared(before.routes.get(&route.name), route);
            let route = shared.unwrap_or_else(|| Arc::new(sorted(route.clone())));
            (Arc::clone(&route.name), route)
        });
        let of_route = spec.drains.chunk_by(|one, next| one.route == next.route);
        let drains = of_route.filter_map(|of_route| {
            let name = &of_route.first()?.route;
            let shared = before.drains.get(name).filter(|it| ***it == *of_route);
            let drains = shared.map_or_else(|| Arc::new(of_route.to_vec()), Arc::clone);
            Some((Arc::clone(name), drains))
        });
        Self {
            listeners: listeners.collect(),
            routes: routes.collect(),
            drains: drains.collect(),
            grants: spec.grants.as_ref().map(|grants| {
                let same = before.grants.as_ref().filter(|it| *it == grants);
                Arc::clone(same.unwrap_or(grants))
            }),
        }
    }

    /// What a table can be built from.
    pub fn to_spec(&self) -> TableSpec {
        TableSpec {
            listeners: self.listeners.values().map(|it| (**it).clone()).collect(),
            routes: self.routes.values().map(|it| (**it).clone()).collect(),
            drains: self
                .drains
                .values()
                .flat_map(|it| it.iter().cloned())
                .collect(),
            grants: self.grants.clone(),
        }
    }
}

fn shared<T: PartialEq>(before: Option<&Arc<T>>, now: &T) -> Option<Arc<T>> {
    before.filter(|it| ***it == *now).map(Arc::clone)
}

fn sorted(mut route: RouteSpec) -> RouteSpec {
    for backend in &mut route.backends {
        if let TargetSpec::Endpoints(endpoints) = &mut backend.target {
            endpoints.sort_unstable();
        }
    }
    route
}
