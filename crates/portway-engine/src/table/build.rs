//! The only way to a [`RoutingTable`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::{TableError, check, check_amended};
use super::{
    Listener, ListenerKey, ListenerSpec, Route, RouteSpec, RoutingTable, TableSpec, TableVersion,
    TargetSpec,
};
use crate::balance::Shares;

impl RoutingTable {
    /// Checks `spec` and builds the table. What is equal to `before` is shared with it.
    ///
    /// # Errors
    /// The first rule of [`TableError`] that `spec` breaks.
    pub fn build(
        version: TableVersion,
        spec: &TableSpec,
        before: Option<&Self>,
    ) -> Result<Self, TableError> {
        check(spec)?;
        let routes = plan_routes(&spec.routes, before);
        let listeners = plan_listeners(&spec.listeners, &routes, before)?;
        let table = Self {
            version,
            listeners,
            routes,
            drains: spec.drains.clone(),
            grants: spec.grants.clone(),
        };
        table.check_invariants();
        Ok(table)
    }

    /// The same table with other backends for some of its routes: it costs a pointer for each thing
    /// that stays. It is equal to what [`RoutingTable::build`] makes of the whole.
    ///
    /// # Errors
    /// The first rule of [`TableError`] that one of `routes` breaks.
    pub fn amended(&self, version: TableVersion, routes: &[RouteSpec]) -> Result<Self, TableError> {
        check_amended(&self.routes, routes)?;
        let specs: BTreeMap<&str, &RouteSpec> = routes.iter().map(|it| (&*it.name, it)).collect();
        let differing = self.routes.iter().filter_map(|old| {
            let spec = specs.get(&*old.name)?;
            (spec.backends != old.backends).then(|| (&*spec.name, plan_route(spec)))
        });
        let others: BTreeMap<&str, Arc<Route>> = differing.collect();
        let route = |old: &Arc<Route>| Arc::clone(others.get(&*old.name).unwrap_or(old));
        let listener = |old: &Arc<Listener>| {
            let other = old.route.as_ref().and_then(|it| others.get(&*it.name));
            other.map_or_else(
                || Arc::clone(old),
                |other| {
                    Arc::new(Listener {
                        name: Arc::clone(&old.name),
                        keys: old.keys.clone(),
                        route: Some(Arc::clone(other)),
                    })
                },
            )
        };
        let table = Self {
            version,
            listeners: self.listeners.iter().map(listener).collect(),
            routes: self.routes.iter().map(route).collect(),
            drains: self.drains.clone(),
            grants: self.grants.clone(),
        };
        table.check_invariants();
        Ok(table)
    }

    /// Every route a listener has is one of the table, and backends have weights and endpoints.
    fn check_invariants(&self) {
        let named = self.listeners.iter().filter_map(|it| it.route.as_ref());
        debug_assert!({
            let own: BTreeMap<_, _> = self.routes.iter().map(|it| (&it.name, it)).collect();
            named
                .map(|route| (route, own.get(&route.name)))
                .all(|(route, own)| own.is_some_and(|own| Arc::ptr_eq(own, route)))
        });
        debug_assert!(
            self.routes
                .iter()
                .flat_map(|route| &route.backends)
                .all(|it| it.target != TargetSpec::Endpoints(Vec::new()))
        );
    }
}

fn plan_routes(specs: &[RouteSpec], before: Option<&RoutingTable>) -> Vec<Arc<Route>> {
    let old = before.map_or(&[][..], |table| &table.routes);
    let old: BTreeMap<&str, _> = old.iter().map(|it| (&*it.name, it)).collect();
    let plan = |spec: &RouteSpec| match old.get(&*spec.name) {
        Some(route) if route.backends == spec.backends => Arc::clone(route),
        _ => plan_route(spec),
    };
    specs.iter().map(plan).collect()
}

fn plan_route(spec: &RouteSpec) -> Arc<Route> {
    Arc::new(Route {
        name: spec.name.clone(),
        backends: spec.backends.clone(),
        shares: Shares::new(spec.backends.iter().map(|it| it.weight)),
    })
}

fn plan_listeners(
    specs: &[ListenerSpec],
    routes: &[Arc<Route>],
    before: Option<&RoutingTable>,
) -> Result<Vec<Arc<Listener>>, TableError> {
    let old = before.map_or(&[][..], |table| &table.listeners);
    let old: BTreeMap<&str, _> = old.iter().map(|it| (&*it.name, it)).collect();
    let routes: BTreeMap<&str, _> = routes.iter().map(|it| (&*it.name, it)).collect();
    let plan = |spec: &ListenerSpec| {
        let listener = plan_listener(spec, &routes)?;
        Ok(match old.get(&*spec.name) {
            Some(old) if ***old == listener => Arc::clone(old),
            _ => Arc::new(listener),
        })
    };
    specs.iter().map(plan).collect()
}

fn plan_listener(
    spec: &ListenerSpec,
    routes: &BTreeMap<&str, &Arc<Route>>,
) -> Result<Listener, TableError> {
    let resolve = |name: &Arc<str>| match routes.get(&**name) {
        Some(route) => Ok(Arc::clone(route)),
        None => Err(TableError::NoSuchRoute {
            listener: spec.name.clone(),
            route: name.clone(),
        }),
    };
    let key = |addr: &_| ListenerKey {
        protocol: spec.protocol,
        addr: *addr,
    };
    Ok(Listener {
        name: spec.name.clone(),
        keys: spec.binds.iter().map(key).collect(),
        route: spec.route.as_ref().map(resolve).transpose()?,
    })
}
