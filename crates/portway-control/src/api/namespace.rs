//! Namespace: only its labels matter. Source: Kubernetes core/v1.

use serde::{Deserialize, Serialize};

use super::ObjectMeta;

/// A Namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Namespace {
    /// Name and labels.
    pub metadata: ObjectMeta,
}
