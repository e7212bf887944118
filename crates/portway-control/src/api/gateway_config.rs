//! GatewayConfig: how the proxies of a Gateway run in a cluster. A kind of ours,
//! `portway.dev/v1alpha1`; its CRD is in `deploy/helm/portway/crds`.
//!
//! A GatewayClass names one for all its Gateways, a Gateway may name its own; a field that the
//! Gateway's has wins over the class's. What Kubernetes defines (`resources`, `tolerations`,
//! `affinity`, …) is passed on as it is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ObjectMeta;

/// The API group of the kinds that are ours.
pub const PORTWAY_GROUP: &str = "portway.dev";

/// A GatewayConfig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayConfig {
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// What is wanted; absent = nothing but defaults.
    #[serde(default)]
    pub spec: GatewayConfigSpec,
}

/// `GatewayConfig.spec`: every field may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct GatewayConfigSpec {
    /// Proxies that run; not used with `autoscaling`.
    pub replicas: Option<u32>,
    /// Scales proxies by the CPU they use.
    pub autoscaling: Option<Autoscaling>,
    /// How many proxies a voluntary disruption leaves.
    pub pod_disruption_budget: Option<DisruptionBudget>,
    /// The Service in front of the proxies.
    pub service: ServiceConfig,
    /// What the container asks for and may use: core/v1 ResourceRequirements.
    pub resources: Option<Value>,
    /// Labels of nodes that proxies may run on.
    pub node_selector: BTreeMap<String, String>,
    /// core/v1 Toleration entries.
    pub tolerations: Vec<Value>,
    /// core/v1 Affinity.
    pub affinity: Option<Value>,
    /// Name of a PriorityClass.
    pub priority_class_name: Option<String>,
    /// core/v1 LocalObjectReference entries.
    pub image_pull_secrets: Vec<Value>,
    /// Seconds from the withdrawal of an endpoint to SIGTERM.
    pub pre_stop_sleep_seconds: Option<u32>,
    /// Seconds that open connections may take to finish after SIGTERM.
    pub drain_timeout_seconds: Option<u32>,
}

/// `GatewayConfig.spec.autoscaling`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Autoscaling {
    /// Fewest proxies; absent = 1.
    pub min_replicas: Option<u32>,
    /// Most proxies.
    pub max_replicas: u32,
    /// CPU to aim at, in percent of what the container requests; absent = 80.
    #[serde(rename = "targetCPUUtilizationPercentage")]
    pub target_cpu_utilization_percentage: Option<u32>,
}

/// `GatewayConfig.spec.podDisruptionBudget`: one of both, a number or a percentage.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DisruptionBudget {
    /// Proxies that must stay.
    pub min_available: Option<Value>,
    /// Proxies that may be gone.
    pub max_unavailable: Option<Value>,
}

/// `GatewayConfig.spec.service`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ServiceConfig {
    /// `LoadBalancer` when absent, `NodePort` or `ClusterIP`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Annotations of the Service alone.
    pub annotations: BTreeMap<String, String>,
    /// Which load balancer; only for `LoadBalancer`.
    pub load_balancer_class: Option<String>,
    /// Networks that may connect, by the load balancer; only for `LoadBalancer`.
    pub load_balancer_source_ranges: Vec<String>,
    /// `SingleStack`, `PreferDualStack` or `RequireDualStack`.
    pub ip_family_policy: Option<String>,
    /// `Cluster` when absent; `Local` shows proxies the clients' addresses.
    pub external_traffic_policy: Option<String>,
}

impl GatewayConfigSpec {
    /// These fields, and those of `base` where one is absent here.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            replicas: self.replicas.or(base.replicas),
            autoscaling: self.autoscaling.or(base.autoscaling),
            pod_disruption_budget: self.pod_disruption_budget.or(base.pod_disruption_budget),
            service: self.service.over(base.service),
            resources: self.resources.or(base.resources),
            node_selector: map_over(self.node_selector, base.node_selector),
            tolerations: list_over(self.tolerations, base.tolerations),
            affinity: self.affinity.or(base.affinity),
            priority_class_name: self.priority_class_name.or(base.priority_class_name),
            image_pull_secrets: list_over(self.image_pull_secrets, base.image_pull_secrets),
            pre_stop_sleep_seconds: self.pre_stop_sleep_seconds.or(base.pre_stop_sleep_seconds),
            drain_timeout_seconds: self.drain_timeout_seconds.or(base.drain_timeout_seconds),
        }
    }
}

impl ServiceConfig {
    fn over(self, base: Self) -> Self {
        let ranges = (
            self.load_balancer_source_ranges,
            base.load_balancer_source_ranges,
        );
        Self {
            kind: self.kind.or(base.kind),
            annotations: map_over(self.annotations, base.annotations),
            load_balancer_class: self.load_balancer_class.or(base.load_balancer_class),
            load_balancer_source_ranges: list_over(ranges.0, ranges.1),
            ip_family_policy: self.ip_family_policy.or(base.ip_family_policy),
            external_traffic_policy: self
                .external_traffic_policy
                .or(base.external_traffic_policy),
        }
    }
}

type Map = BTreeMap<String, String>;

fn map_over(own: Map, base: Map) -> Map {
    if own.is_empty() { base } else { own }
}

fn list_over<T>(own: Vec<T>, base: Vec<T>) -> Vec<T> {
    if own.is_empty() { base } else { own }
}
