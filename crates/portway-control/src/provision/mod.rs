//! A Gateway's proxies as objects of a cluster: ServiceAccount, ConfigMap, Deployment, Service, and
//! HorizontalPodAutoscaler and PodDisruptionBudget where they are asked for.
//!
//! In: a [`Fleet`], which `translate` gives, and the [`Install`], which says how this controller
//! was installed. Out: JSON values for server-side apply: only the fields that are ours. Never: a
//! read or write of a cluster. Spec: GEP-1762 (in-cluster Gateway deployments),
//! `GatewayInfrastructure` (`gateway_types.go`).

mod autoscaling;
mod deployment;
pub mod names;
mod service;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::{Gateway, GatewayConfigSpec};
use crate::origin::ObjectKey;

/// What a Gateway needs of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// The Gateway.
    pub gateway: ObjectKey,
    /// Its uid; what is provisioned is owned by it.
    pub uid: Option<String>,
    /// Its class.
    pub class: String,
    /// `spec.infrastructure.labels`.
    pub labels: BTreeMap<String, String>,
    /// `spec.infrastructure.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// Its parameters over those of its class.
    pub parameters: GatewayConfigSpec,
    /// Ports of its listeners, in order.
    pub ports: Vec<FleetPort>,
    /// The address it asks for.
    pub address: Option<String>,
}

/// A port of a Gateway and the one that its proxies listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FleetPort {
    /// Of the listener and the Service.
    pub port: u16,
    /// In the Pod.
    pub pod_port: u16,
}

/// How this controller was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Our name in `GatewayClass.spec.controllerName`.
    pub controller_name: Arc<str>,
    /// The namespace of the controller.
    pub namespace: String,
    /// The image that proxies run: the controller's own.
    pub image: String,
    /// `imagePullPolicy` of it.
    pub image_pull_policy: String,
    /// PEM of the authorities whose certificates the feed may show.
    pub authorities_pem: String,
}

/// Which kinds are provisioned, in the order in which they are applied: what a Pod needs comes
/// before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the API's own words")]
pub enum ProvisionKind {
    ServiceAccount,
    ConfigMap,
    Deployment,
    Service,
    PodDisruptionBudget,
    HorizontalPodAutoscaler,
}

impl ProvisionKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ServiceAccount,
        Self::ConfigMap,
        Self::Deployment,
        Self::Service,
        Self::PodDisruptionBudget,
        Self::HorizontalPodAutoscaler,
    ];

    /// API group (empty = core), version and plural, as a path of the API has them.
    pub const fn resource(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ServiceAccount => ("", "v1", "serviceaccounts"),
            Self::ConfigMap => ("", "v1", "configmaps"),
            Self::Deployment => ("apps", "v1", "deployments"),
            Self::Service => ("", "v1", "services"),
            Self::PodDisruptionBudget => ("policy", "v1", "poddisruptionbudgets"),
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2", "horizontalpodautoscalers"),
        }
    }

    /// The kind as manifests write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::ConfigMap => "ConfigMap",
            Self::Deployment => "Deployment",
            Self::Service => "Service",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
        }
    }
}

/// The objects of a fleet. Without a port there is no Service, so nothing but the proxies that live
/// on is left of it.
pub fn objects(fleet: &Fleet, install: &Install) -> BTreeMap<ProvisionKind, Value> {
    let mut objects = BTreeMap::new();
    let mut add = |kind, value: Option<Value>| value.map(|value| objects.insert(kind, value));
    let account = json!({"automountServiceAccountToken": false});
    let authorities = json!({"data": {names::CA_KEY: install.authorities_pem}});
    let whole = |kind, body| Some(object(fleet, install, kind, body));
    let kind = ProvisionKind::ServiceAccount;
    add(kind, whole(kind, account));
    let kind = ProvisionKind::ConfigMap;
    add(kind, whole(kind, authorities));
    let kind = ProvisionKind::Deployment;
    add(kind, whole(kind, deployment::body(fleet, install)));
    if fleet.ports.is_empty() {
        return objects;
    }
    let kind = ProvisionKind::Service;
    let mut service = object(fleet, install, kind, service::body(fleet));
    service::annotate(&mut service, fleet);
    add(kind, Some(service));
    let kind = ProvisionKind::PodDisruptionBudget;
    let budget = autoscaling::budget(fleet);
    add(kind, budget.and_then(|body| whole(kind, body)));
    let kind = ProvisionKind::HorizontalPodAutoscaler;
    let scaler = autoscaling::scaler(fleet);
    add(kind, scaler.and_then(|body| whole(kind, body)));
    objects
}

/// The port that a proxy listens on for a listener's port: the same, but the admin port is taken.
pub fn pod_port(port: u16, gateway: &Gateway) -> u16 {
    if port != names::ADMIN_PORT {
        return port;
    }
    let listeners = &gateway.spec.listeners;
    let is_free = |port: &u16| listeners.iter().all(|listener| listener.port != *port);
    // 64 listeners cannot take all of them.
    (names::ADMIN_PORT + 1..u16::MAX)
        .find(is_free)
        .unwrap_or(port)
}

/// Adds what every object has: kind, name, labels, owner.
fn object(fleet: &Fleet, install: &Install, kind: ProvisionKind, body: Value) -> Value {
    let (group, version, _) = kind.resource();
    let api_version = match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    };
    let owners = fleet.uid.iter().map(|uid| {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "name": &*fleet.gateway.name,
            "uid": uid,
            "controller": true,
            "blockOwnerDeletion": true,
        })
    });
    let mut object = json!({
        "apiVersion": api_version,
        "kind": kind.name(),
        "metadata": {
            "name": names::generated(fleet),
            "namespace": &*fleet.gateway.namespace,
            "labels": labels(fleet, install),
            "annotations": fleet.annotations,
            "ownerReferences": owners.collect::<Vec<Value>>(),
        },
    });
    if let (Value::Object(object), Value::Object(body)) = (&mut object, body) {
        object.extend(body);
    }
    object
}

/// Labels of every object: those asked for, then ours, which nobody may change.
fn labels(fleet: &Fleet, install: &Install) -> BTreeMap<String, String> {
    let mut labels = fleet.labels.clone();
    labels.extend(selector(fleet));
    let class = names::label_value(&fleet.class);
    labels.insert(names::CLASS_NAME_LABEL.to_owned(), class);
    labels.insert(
        names::MANAGED_BY_LABEL.to_owned(),
        names::MANAGED_BY.to_owned(),
    );
    let controller = names::label_value(&install.controller_name);
    labels.insert(names::CONTROLLER_LABEL.to_owned(), controller);
    let namespace = install.namespace.clone();
    labels.insert(names::INSTALL_LABEL.to_owned(), namespace);
    labels
}

/// What finds the Pods of a Gateway; it can never change on a living Deployment.
fn selector(fleet: &Fleet) -> BTreeMap<String, String> {
    let gateway = names::label_value(&fleet.gateway.name);
    BTreeMap::from([(names::GATEWAY_NAME_LABEL.to_owned(), gateway)])
}
