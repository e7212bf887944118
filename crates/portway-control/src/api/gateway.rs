//! Gateway: listeners and who may attach to them (`gateway_types.go`, v1.7.0).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gateway_class::ParametersReference;
use super::{LabelSelector, ObjectMeta};

/// A Gateway; `v1` and `v1beta1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// Name, labels, age.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: GatewaySpec,
}

/// `Gateway.spec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewaySpec {
    /// Name of the class.
    pub gateway_class_name: String,
    /// 1 to 64 listeners.
    pub listeners: Vec<Listener>,
    /// Addresses to bind; none = any.
    #[serde(default)]
    pub addresses: Vec<GatewayAddress>,
    /// What the generated objects carry.
    pub infrastructure: Option<Infrastructure>,
}

/// `Gateway.spec.infrastructure`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Infrastructure {
    /// Labels of generated objects.
    pub labels: BTreeMap<String, String>,
    /// Annotations of generated objects.
    pub annotations: BTreeMap<String, String>,
    /// Parameters of this Gateway; over those of the class.
    pub parameters_ref: Option<ParametersReference>,
}

/// One entry of `Gateway.spec.addresses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayAddress {
    /// `IPAddress`, `Hostname` or a domain-prefixed type.
    #[serde(rename = "type", default = "ip_address")]
    pub kind: String,
    /// The address; empty = any of that type.
    #[serde(default)]
    pub value: String,
}

/// One declared listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    /// Unique in its Gateway; `sectionName` of a parentRef.
    pub name: String,
    /// Hostname; never for TCP and UDP.
    pub hostname: Option<String>,
    /// 1 to 65535.
    pub port: u16,
    /// `TCP`, `UDP`, `TLS`, `HTTP`, `HTTPS` or domain-prefixed.
    pub protocol: String,
    /// TLS settings.
    pub tls: Option<GatewayTlsConfig>,
    /// Who may attach.
    #[serde(default)]
    pub allowed_routes: AllowedRoutes,
}

/// `listeners[].tls`: only what listener validity needs today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayTlsConfig {
    /// `Terminate` or `Passthrough`.
    #[serde(default = "terminate")]
    pub mode: String,
}

/// `listeners[].allowedRoutes`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AllowedRoutes {
    /// From which namespaces.
    pub namespaces: RouteNamespaces,
    /// Which kinds; none = those of the protocol.
    pub kinds: Vec<RouteGroupKind>,
}

/// `allowedRoutes.namespaces`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteNamespaces {
    /// Which namespaces.
    pub from: From,
    /// For `Selector`: labels of the namespaces; none selects nothing.
    pub selector: Option<LabelSelector>,
}

/// `allowedRoutes.namespaces.from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum From {
    /// Every namespace.
    All,
    /// Those that the selector matches.
    Selector,
    /// The Gateway's own.
    #[default]
    Same,
}

/// A route kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteGroupKind {
    /// API group.
    #[serde(default = "gateway_group")]
    pub group: String,
    /// Kind.
    pub kind: String,
}

fn ip_address() -> String {
    "IPAddress".into()
}

fn terminate() -> String {
    "Terminate".into()
}

fn gateway_group() -> String {
    super::GATEWAY_GROUP.into()
}
