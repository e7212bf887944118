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
    let tables = gateways.iter().map(|gateway| {
        let table = one(index, std::slice::from_ref(gateway), routes, backends);
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
    table.drains = drain::specs(index, gateways, routes, backends, &winners);
    table
}
