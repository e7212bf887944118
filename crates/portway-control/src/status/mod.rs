//! Desired statuses as values, and how they merge with stored ones.
//!
//! Field names and order are those of the API, so they serialize to what `kubectl get -o yaml`
//! shows under `status`. Spec: spec.md 1.1, `gateway_types.go`, `shared_types.go` (v1.7.0).

mod merge;
pub mod reason;
#[cfg(test)]
mod tests;

pub use merge::merge;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::{GatewayAddress, ParentReference, RouteGroupKind};
use crate::origin::ObjectKey;

/// One condition, `metav1.Condition`. `last_transition_time` is filled by whoever writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Accepted`, `Programmed`, …; ours are under `portway.dev/`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// `True`, `False` or `Unknown`.
    pub status: ConditionStatus,
    /// Generation of the object this was decided for.
    pub observed_generation: i64,
    /// RFC 3339; empty until it is written.
    pub last_transition_time: String,
    /// One word.
    pub reason: Cow<'static, str>,
    /// For people.
    pub message: Cow<'static, str>,
}

impl Condition {
    /// A condition that is not yet written anywhere.
    pub fn new(
        kind: &'static str,
        status: ConditionStatus,
        reason: &'static str,
        message: impl Into<Cow<'static, str>>,
        generation: i64,
    ) -> Self {
        Self {
            kind: kind.into(),
            status,
            observed_generation: generation,
            last_transition_time: String::new(),
            reason: reason.into(),
            message: message.into(),
        }
    }
}

/// `metav1.ConditionStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the API's own words")]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}

/// `GatewayClass.status`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayClassStatus {
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Sorted names of what is supported and true.
    pub supported_features: Vec<SupportedFeature>,
}

/// One supported feature.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SupportedFeature {
    /// As `pkg/features` names it.
    pub name: String,
}

/// `Gateway.status`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayStatus {
    /// Addresses in use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<GatewayAddress>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// One entry a listener.
    pub listeners: Vec<ListenerStatus>,
}

/// `Gateway.status.listeners[]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListenerStatus {
    /// Routes that are Accepted here, whether they win or not.
    pub attached_routes: i32,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// The listener's name.
    pub name: String,
    /// Kinds that may attach.
    pub supported_kinds: Vec<RouteGroupKind>,
}

/// `TCPRoute.status`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteStatus {
    /// One entry a parentRef of ours.
    pub parents: Vec<RouteParentStatus>,
}

/// `status.parents[]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteParentStatus {
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Ours.
    pub controller_name: String,
    /// As the spec has it, with the CRD's defaults.
    pub parent_ref: ParentReference,
}

/// The status of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each variant is the kind it is named after")]
pub enum Status {
    GatewayClass(GatewayClassStatus),
    Gateway(GatewayStatus),
    Route(RouteStatus),
}

/// Statuses by object.
pub type Statuses = BTreeMap<ObjectKey, Status>;
