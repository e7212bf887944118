//! The Service in front of a Gateway's proxies.
//!
//! In: a [`Fleet`] with at least one port. Out: its `spec`. Never: the Service's own addresses,
//! which the cluster gives.

use serde_json::{Value, json};

use super::Fleet;

/// `spec` of the Service.
pub(super) fn body(fleet: &Fleet) -> Value {
    let wanted = &fleet.parameters.service;
    let kind = wanted.kind.as_deref().unwrap_or(LOAD_BALANCER);
    let ports = fleet.ports.iter().map(|port| {
        json!({
            "name": format!("tcp-{}", port.port),
            "port": port.port,
            "targetPort": port.pod_port,
            "protocol": "TCP",
        })
    });
    let mut spec = json!({
        "type": kind,
        "selector": super::selector(fleet),
        "ports": ports.collect::<Vec<Value>>(),
    });
    if let Some(policy) = &wanted.ip_family_policy {
        spec["ipFamilyPolicy"] = policy.as_str().into();
    }
    if let Some(policy) = wanted
        .external_traffic_policy
        .as_deref()
        .filter(|_| kind != CLUSTER_IP)
    {
        spec["externalTrafficPolicy"] = policy.into();
    }
    if kind == LOAD_BALANCER {
        if let Some(class) = &wanted.load_balancer_class {
            spec["loadBalancerClass"] = class.as_str().into();
        }
        if !wanted.load_balancer_source_ranges.is_empty() {
            spec["loadBalancerSourceRanges"] = json!(wanted.load_balancer_source_ranges);
        }
        if let Some(address) = &fleet.address {
            spec["loadBalancerIP"] = address.as_str().into();
        }
    }
    json!({"spec": spec})
}

/// Adds the annotations that the Service alone has.
pub(super) fn annotate(service: &mut Value, fleet: &Fleet) {
    let own = &fleet.parameters.service.annotations;
    if let Some(annotations) = service["metadata"]["annotations"].as_object_mut() {
        annotations.extend(own.iter().map(|(key, value)| (key.clone(), json!(value))));
    }
}

const LOAD_BALANCER: &str = "LoadBalancer";

const CLUSTER_IP: &str = "ClusterIP";
