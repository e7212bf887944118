//! Objects from text without places, for as long as `manifest::read` gives none.
//!
//! In: sources. Out: objects whose findings stand at 0:0. Never: a check of the schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use portway_control::api::Kind;
use portway_control::origin::{ObjectKey, Origin, Source, Sourced};
use portway_control::snapshot::Objects;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// All objects of all sources that can be built; the first of a name counts.
pub(crate) fn read(sources: &[Source]) -> Objects {
    let mut objects = Objects::default();
    let documents = sources.iter().flat_map(|source| {
        let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple(&source.text);
        documents.unwrap_or_default()
    });
    for (order, given) in (0..).zip(documents) {
        match given["kind"].as_str() {
            Some("GatewayClass") => {
                put(
                    &mut objects.gateway_classes,
                    Kind::GatewayClass,
                    &given,
                    order,
                );
            }
            Some("Gateway") => put(&mut objects.gateways, Kind::Gateway, &given, order),
            Some("TCPRoute") => put(&mut objects.tcp_routes, Kind::TcpRoute, &given, order),
            Some("ReferenceGrant") => {
                put(
                    &mut objects.reference_grants,
                    Kind::ReferenceGrant,
                    &given,
                    order,
                );
            }
            Some("Namespace") => put(&mut objects.namespaces, Kind::Namespace, &given, order),
            Some("Service") => put(&mut objects.services, Kind::Service, &given, order),
            Some("EndpointSlice") => {
                put(
                    &mut objects.endpoint_slices,
                    Kind::EndpointSlice,
                    &given,
                    order,
                );
            }
            _ => {}
        }
    }
    objects
}

fn put<T: DeserializeOwned>(
    objects: &mut BTreeMap<ObjectKey, Arc<Sourced<T>>>,
    kind: Kind,
    given: &Value,
    order: u64,
) {
    let metadata = &given["metadata"];
    let (Some(name), Ok(object)) = (metadata["name"].as_str(), T::deserialize(given)) else {
        return;
    };
    let namespace = match kind.is_namespaced() {
        true => metadata["namespace"].as_str().unwrap_or("default"),
        false => "",
    };
    let key = ObjectKey {
        kind,
        namespace: namespace.into(),
        name: name.into(),
    };
    let origin = Origin {
        source: Some("case.yaml".into()),
        order,
        ..Origin::default()
    };
    let sourced = Sourced {
        object,
        key: key.clone(),
        origin,
        given: Arc::new(given.clone()),
    };
    objects.entry(key).or_insert_with(|| Arc::new(sourced));
}
