//! ReferenceGrant: who may refer into a namespace (`referencegrant_types.go`, v1.7.0).

use serde::{Deserialize, Serialize};

use super::ObjectMeta;

/// A ReferenceGrant; `v1` and `v1beta1`. It opens its own namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrant {
    /// Name, labels, age.
    pub metadata: ObjectMeta,
    /// What is granted.
    pub spec: ReferenceGrantSpec,
}

/// `ReferenceGrant.spec`: any `from` may refer to any `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrantSpec {
    /// Who may refer; 1 to 16.
    pub from: Vec<ReferenceGrantFrom>,
    /// To what; 1 to 16.
    pub to: Vec<ReferenceGrantTo>,
}

/// Who may refer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrantFrom {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
}

/// To what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrantTo {
    /// API group; empty = core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name; absent = every object of the kind.
    pub name: Option<String>,
}
