//! The finalizer of GatewayClasses: a class stays for as long as a Gateway uses it.
//!
//! In: classes of ours, Gateways. Out: patches of `metadata.finalizers`. Never: a word about another's
//! finalizer. Spec: `GatewayClassFinalizerGatewaysExist` (`gatewayclass_types.go`, v1.7.0).

use portway_control::origin::ObjectKey;
use serde_json::{Value, json};

use crate::store::{Store, Stored};

/// The finalizer's name.
const FINALIZER: &str = "gateway-exists-finalizer.gateway.networking.k8s.io";

/// What the finalizers of a class have to become, if something else than they are.
pub(crate) fn patch(class: &ObjectKey, store: &Store) -> Option<(String, Value)> {
    let stored = store.stored(class)?;
    let mut gateways = store.objects().gateways.values();
    let is_used = gateways.any(|it| it.object.spec.gateway_class_name == *class.name);
    let wanted = finalizers(stored, is_used)?;
    let (group, version) = stored.api_version.split_once('/')?;
    let path = format!("/apis/{group}/{version}/gatewayclasses/{}", class.name);
    let patch = json!({"metadata": {
        "resourceVersion": stored.resource_version,
        "finalizers": wanted,
    }});
    Some((path, patch))
}

fn finalizers(stored: &Stored, is_used: bool) -> Option<Vec<String>> {
    let has = stored.finalizers.iter().any(|name| name == FINALIZER);
    let others = stored.finalizers.iter().filter(|name| *name != FINALIZER);
    let mut wanted: Vec<String> = others.cloned().collect();
    // The API server takes no new finalizer on what is being deleted.
    if has == is_used || (is_used && stored.is_ending) {
        return None;
    }
    if is_used {
        wanted.push(FINALIZER.to_owned());
    }
    Some(wanted)
}

#[cfg(test)]
mod tests;
