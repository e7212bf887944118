//! GatewayClass: which controller owns the Gateways of a class (`gatewayclass_types.go`, v1.7.0).

use serde::{Deserialize, Serialize};

use super::ObjectMeta;

/// A class of Gateways; `v1` and `v1beta1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayClass {
    /// Name, labels, age.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: GatewayClassSpec,
}

/// `GatewayClass.spec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayClassSpec {
    /// Domain-prefixed name of the controller that owns the class.
    pub controller_name: String,
    /// Parameters for all Gateways of the class.
    pub parameters_ref: Option<ParametersReference>,
    /// For people.
    pub description: Option<String>,
}

/// A reference to an object with parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParametersReference {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; none for cluster-scoped kinds, never set on a Gateway's own reference.
    pub namespace: Option<String>,
}
