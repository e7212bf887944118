//! Tables from what is decided.
//!
//! In: plans and backends. Out: a [`TableSpec`] that names only routes it holds. Never: a route
//! that gets no connections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portway_engine::table::{ListenerSpec, Protocol, RouteSpec, TableSpec};

use super::backend::Backends;
use super::drain;
use super::index::Index;
use super::plan::{GatewayPlan, RoutePlan};
use crate::origin::ObjectKey;

/// The table of each Gateway, by its key.
pub(super) fn one_each(
    index: &Index<'_>,
    gateways: &[GatewayPlan<'_>],
    routes: &[RoutePlan<'_>],
    backends: &[Backends],
) -> BTreeMap<ObjectKey, TableSpec> {
    let mut of_gateway = vec![Vec::new(); gateways.len()];
    for (at, route) in routes.iter().enumerate() {
        for gateway in parents(route) {
            of_gateway[gateway].push(at);
        }
    }
    let grants = index.grants.specs();
    let tables = gateways.iter().zip(of_gateway).map(|(gateway, own)| {
        let plans = (std::slice::from_ref(gateway), routes);
        let mut table = of(index, plans, &own, backends);
        table.grants.clone_from(&grants);
        (gateway.source.key.clone(), table)
    });
    tables.collect()
}

/// One table for all Gateways.
pub(super) fn one(
    index: &Index<'_>,
    gateways: &[GatewayPlan<'_>],
    routes: &[RoutePlan<'_>],
    backends: &[Backends],
) -> TableSpec {
    let all: Vec<usize> = (0..routes.len()).collect();
    let mut table = of(index, (gateways, routes), &all, backends);
    table.grants = index.grants.specs();
    table
}

/// The Gateways that a route names.
fn parents(route: &RoutePlan<'_>) -> BTreeSet<usize> {
    route.parents.iter().map(|it| it.gateway).collect()
}

/// The table of these Gateways, of which `own` are the routes, but for grants.
fn of(
    index: &Index<'_>,
    (gateways, routes): (&[GatewayPlan<'_>], &[RoutePlan<'_>]),
    own: &[usize],
    backends: &[Backends],
) -> TableSpec {
    let mut winners = BTreeSet::new();
    let mut table = TableSpec::default();
    let listeners = gateways.iter().flat_map(|gateway| &gateway.listeners);
    for listener in listeners.filter(|listener| !listener.binds.is_empty()) {
        let winner = listener
            .winner
            .filter(|at| !backends[*at].specs().is_empty());
        winners.extend(winner);
        table.listeners.push(ListenerSpec {
            name: Arc::clone(&listener.name),
            protocol: Protocol::Tcp,
            binds: listener.binds.clone(),
            route: winner.map(|at| Arc::clone(&routes[at].name)),
        });
    }
    for at in winners.iter().copied() {
        table.routes.push(RouteSpec {
            name: Arc::clone(&routes[at].name),
            backends: backends[at].specs().to_vec(),
        });
    }
    table.drains = drain::specs(index, routes, own, backends, &winners);
    table
}
