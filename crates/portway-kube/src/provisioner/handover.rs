//! What a Gateway has while it moves to another class.
//!
//! In: one of its objects, what it needs there, what the cluster has. Out: whether that object stays.
//! Never: an end to what serves before all of what follows it does.

use std::sync::Arc;

use portway_control::provision::{ProvisionKind, names};
use serde_json::Value;

use super::Wanted;
use crate::store::{FleetKey, Store};
use crate::watched::is_ending;

/// Whether an object serves on though its Gateway moved to another class, so that all of it gets
/// another name: until all proxies are available there, at an address. With nothing to listen on none
/// are started there.
pub(super) fn must_serve_on(key: &FleetKey, wanted: &Wanted, store: &Store) -> bool {
    let name = names::generated(&wanted.fleet);
    if key.name == name {
        return false;
    }
    let next = |kind| {
        let next = FleetKey {
            kind,
            namespace: key.namespace.clone(),
            name: name.clone(),
        };
        store.fleet().get(&next).filter(|it| !is_ending(it))
    };
    let count = |of: &Value, what: &str| of[what].as_u64().unwrap_or_default();
    let is_available = |next: &Arc<Value>| {
        let n_available = count(&next["status"], "availableReplicas");
        n_available >= count(&next["spec"], "replicas")
    };
    let is_reached = |next: &Arc<Value>| {
        let addresses = next["status"]["loadBalancer"]["ingress"].as_array();
        next["spec"]["type"] != "LoadBalancer" || addresses.is_some_and(|it| !it.is_empty())
    };
    !next(ProvisionKind::Deployment).is_some_and(is_available)
        || !next(ProvisionKind::Service).is_some_and(is_reached)
}
