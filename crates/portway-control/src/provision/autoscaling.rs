//! How many proxies run, and how many a disruption leaves.
//!
//! In: a [`Fleet`]. Out: `spec` of a HorizontalPodAutoscaler and a PodDisruptionBudget. Never: one
//! that was not asked for.

use serde_json::{Value, json};

use super::{Fleet, names};

/// CPU to aim at, in percent of the request: room for the time until a new proxy is ready.
const TARGET_CPU: u32 = 80;

/// `spec` of the HorizontalPodAutoscaler.
pub(super) fn scaler(fleet: &Fleet) -> Option<Value> {
    let wanted = fleet.parameters.autoscaling.as_ref()?;
    let target = wanted
        .target_cpu_utilization_percentage
        .unwrap_or(TARGET_CPU);
    Some(json!({"spec": {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": names::generated(fleet),
        },
        "minReplicas": wanted.min_replicas.unwrap_or(1),
        "maxReplicas": wanted.max_replicas,
        "metrics": [{"type": "Resource", "resource": {
            "name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": target},
        }}],
    }}))
}

/// `spec` of the PodDisruptionBudget.
pub(super) fn budget(fleet: &Fleet) -> Option<Value> {
    let wanted = fleet.parameters.pod_disruption_budget.as_ref()?;
    let mut spec = json!({"selector": {"matchLabels": super::selector(fleet)}});
    match (&wanted.min_available, &wanted.max_unavailable) {
        (Some(min), _) => spec["minAvailable"] = min.clone(),
        (None, Some(max)) => spec["maxUnavailable"] = max.clone(),
        (None, None) => spec["maxUnavailable"] = 1.into(),
    }
    Some(json!({"spec": spec}))
}
