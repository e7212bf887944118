//! TCPRoute: which streams go where (`tcproute_types.go`, `shared_types.go`, v1.7.0).

use serde::{Deserialize, Serialize};

use super::ObjectMeta;

/// A TCPRoute; `v1` and `v1alpha2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TcpRoute {
    /// Name, labels, age.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: TcpRouteSpec,
}

/// `TCPRoute.spec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TcpRouteSpec {
    /// What to attach to; up to 32.
    #[serde(default)]
    pub parent_refs: Vec<ParentReference>,
    /// Exactly one in `v1`, up to 16 in `v1alpha2` (the first is used).
    pub rules: Vec<TcpRouteRule>,
}

/// One reference to a parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentReference {
    /// API group.
    #[serde(default = "gateway_group")]
    pub group: String,
    /// Kind.
    #[serde(default = "gateway_kind")]
    pub kind: String,
    /// Namespace; absent = the route's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Name of one listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
    /// Port of listeners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TcpRouteRule {
    /// For people.
    pub name: Option<String>,
    /// 1 to 16 weighted targets.
    pub backend_refs: Vec<BackendRef>,
}

/// One weighted target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendRef {
    /// API group; empty = core.
    #[serde(default)]
    pub group: String,
    /// Kind.
    #[serde(default = "service_kind")]
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; absent = the route's own.
    pub namespace: Option<String>,
    /// Service port number (not the target port); required for a Service.
    pub port: Option<u16>,
    /// Share of the connections; 0 to 1,000,000.
    #[serde(default = "weight_one")]
    pub weight: u32,
}

fn gateway_group() -> String {
    super::GATEWAY_GROUP.into()
}

fn gateway_kind() -> String {
    "Gateway".into()
}

fn service_kind() -> String {
    "Service".into()
}

const fn weight_one() -> u32 {
    1
}
