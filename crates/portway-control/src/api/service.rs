//! Service: a name and ports for endpoints. Source: Kubernetes core/v1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ObjectMeta;

/// A Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Name and labels.
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: ServiceSpec,
}

/// `Service.spec`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// `ClusterIP` (also when absent), `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `None` = headless.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<String>,
    /// Labels of the Pods behind it; none = slices are written by hand.
    pub selector: BTreeMap<String, String>,
    /// Families in order of preference: `IPv4`, `IPv6`.
    pub ip_families: Vec<String>,
    /// Ports.
    pub ports: Vec<ServicePort>,
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Name; slices are matched by it, absent = empty.
    #[serde(default)]
    pub name: String,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(default = "super::endpoint_slice::tcp")]
    pub protocol: String,
    /// The number a backendRef names.
    pub port: u16,
    /// Application protocol.
    pub app_protocol: Option<String>,
}
