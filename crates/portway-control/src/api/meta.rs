//! What every object has: names, labels, age. Source: Kubernetes meta/v1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The fields of `metadata` that decisions need.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// Name, unique per kind and namespace.
    pub name: String,
    /// Namespace as written; absent means `default` for namespaced kinds.
    pub namespace: Option<String>,
    /// Labels, matched by selectors.
    pub labels: BTreeMap<String, String>,
    /// Annotations; ours live under `portway.dev`.
    pub annotations: BTreeMap<String, String>,
    /// RFC 3339 in UTC, so text order is time order; files mostly have none.
    pub creation_timestamp: Option<String>,
    /// Counted up by the API server with each change of the spec; absent = 1.
    pub generation: Option<i64>,
    /// Set by the API server.
    pub uid: Option<String>,
    /// Set by the API server.
    pub resource_version: Option<String>,
}

impl ObjectMeta {
    /// The namespace the object lives in.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    /// The generation a status must name.
    pub fn generation(&self) -> i64 {
        self.generation.unwrap_or(1)
    }
}

/// Chooses objects by their labels; both parts must match, an empty one matches all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels that must be there with these values.
    pub match_labels: BTreeMap<String, String>,
    /// Requirements that must all hold.
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One requirement on a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelectorRequirement {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// Values for `In` and `NotIn`.
    #[serde(default)]
    pub values: Vec<String>,
}
