//! Fleets: what a Gateway needs of a cluster.
//!
//! In: plans with their sockets. Out: a [`Fleet`] for every Gateway that is not refused; one that
//! is refused keeps what it has. Never: an object of the cluster; those are [`crate::provision`]'s.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::parameters;
use super::plan::GatewayPlan;
use crate::origin::ObjectKey;
use crate::provision::{Fleet, FleetPort};

/// The fleet of each Gateway, by its key.
pub(super) fn one_each(
    index: &Index<'_>,
    gateways: &[GatewayPlan<'_>],
) -> BTreeMap<ObjectKey, Fleet> {
    let accepted = gateways.iter().filter(|gateway| gateway.refusal.is_none());
    let fleets = accepted.map(|gateway| (gateway.source.key.clone(), of(index, gateway)));
    fleets.collect()
}

fn of(index: &Index<'_>, gateway: &GatewayPlan<'_>) -> Fleet {
    let object = &gateway.source.object;
    let infrastructure = object.spec.infrastructure.clone().unwrap_or_default();
    let bound = gateway.listeners.iter();
    let bound = bound.filter_map(|listener| {
        let pod_port = listener.binds.first()?.port();
        Some(FleetPort {
            port: listener.spec.port,
            pod_port,
        })
    });
    // Listeners may share a port once hostnames tell them apart; a Service names it once.
    let ports: BTreeSet<FleetPort> = bound.collect();
    let mut asked = object.spec.addresses.iter().map(|asked| &asked.value);
    Fleet {
        gateway: gateway.source.key.clone(),
        uid: object.metadata.uid.clone(),
        class: object.spec.gateway_class_name.clone(),
        labels: infrastructure.labels,
        annotations: infrastructure.annotations,
        parameters: parameters::of_gateway(index, gateway.source),
        ports: ports.into_iter().collect(),
        address: asked.find(|value| !value.is_empty()).cloned(),
    }
}
