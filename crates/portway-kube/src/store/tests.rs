//! What counts as a change, and of what.

use portway_control::api::{EndpointSlice, Namespace, SERVICE_NAME_LABEL, Service, TcpRoute};
use portway_control::provision::names;
use serde_json::{Value, json};

use super::{Missed, Seen, Store, Watchable};

/// A store without changes that has seen `object`, and a route that names its Service.
fn store_with<T: Watchable>(object: &Value) -> Store {
    let mut store = Store::default();
    see::<TcpRoute>(&mut store, &route("shop", &json!({"name": "web"})));
    see::<T>(&mut store, object);
    store.take_changes();
    store
}

fn see<T: Watchable>(store: &mut Store, object: &Value) {
    let watched = serde_json::from_value(object.clone()).unwrap();
    store.see::<T>(None, Seen::Here(watched));
}

fn service(metadata: &Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": {"ports": [{"port": 80}]}});
    object["metadata"]["name"] = json!("web");
    object["metadata"]["namespace"] = json!("shop");
    object
}

fn slice(metadata: &Value) -> Value {
    let mut object = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": metadata, "addressType": "IPv4", "ports": [{"port": 80}],
        "endpoints": [{"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "web-1"}}]});
    object["metadata"]["name"] = json!("web-x");
    object["metadata"]["namespace"] = json!("shop");
    object["metadata"]["labels"][SERVICE_NAME_LABEL] = json!("web");
    object
}

/// A route with one backendRef.
fn route(namespace: &str, backend_ref: &Value) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "TCPRoute",
        "metadata": {"name": "r", "namespace": namespace},
        "spec": {"rules": [{"backendRefs": [backend_ref]}]}})
}

fn namespace(metadata: &Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
    object["metadata"]["name"] = json!("shop");
    object
}

fn ours() -> Value {
    json!({"labels": {names::MANAGED_BY_LABEL: names::MANAGED_BY}})
}

/// What lost our labels is not ours any more, so that it is missed and applied again.
#[test]
fn a_service_that_loses_its_labels_is_missed() {
    let mut store = store_with::<Service>(&service(&ours()));
    assert_eq!(store.fleet().len(), 1);
    see::<Service>(&mut store, &service(&json!({})));
    assert_eq!(store.fleet().len(), 0);
    assert!(store.take_changes().fleets);
    see::<Service>(&mut store, &service(&json!({})));
    assert!(!store.take_changes().fleets, "others are no concern");
}

#[test]
fn a_slice_that_loses_its_labels_has_no_proxies() {
    let mut store = store_with::<EndpointSlice>(&slice(&ours()));
    let ports = store.endpoints("shop", "web").map(|it| it.1.clone());
    assert_eq!(ports.collect::<Vec<_>>(), [[80].into()]);
    see::<EndpointSlice>(&mut store, &slice(&json!({})));
    assert_eq!(store.endpoints("shop", "web").count(), 0);
    assert!(store.take_changes().fleets);
}

/// Each of its watches hears of it, again and again.
#[test]
fn a_namespace_is_missed_once_until_it_is_seen() {
    let mut store = Store::default();
    let missed = |store: &mut Store| [(); 2].map(|()| store.miss_namespace("shop"));
    let once = [Missed::Anew, Missed::Already];
    assert_eq!(missed(&mut store), once);
    see::<Namespace>(&mut store, &namespace(&json!({})));
    assert_eq!(missed(&mut store), once);
}

/// Whether an object with `after` for metadata is a change to one with `before`.
fn is_meaning<T: Watchable>(object: fn(&Value) -> Value, before: &Value, after: &Value) -> bool {
    let mut store = store_with::<T>(&object(before));
    see::<T>(&mut store, &object(after));
    store.take_changes().meaning
}

#[test]
fn metadata_that_nobody_reads_changes_nothing() {
    let trigger = "endpoints.kubernetes.io/last-change-trigger-time";
    let noise = json!({"annotations": {trigger: "2026-01-01T00:00:00Z", "a": "b"},
        "labels": {"team": "a"}, "generation": 2, "resourceVersion": "2"});
    assert!(!is_meaning::<Service>(service, &json!({}), &noise));
    assert!(!is_meaning::<EndpointSlice>(slice, &json!({}), &noise));
    let noise = json!({"annotations": {"a": "b"}, "resourceVersion": "2"});
    assert!(!is_meaning::<Namespace>(namespace, &json!({}), &noise));
}

#[test]
fn metadata_that_is_read_changes_the_meaning() {
    let drain = json!({"annotations": {"portway.dev/drain": "now"}});
    assert!(is_meaning::<Service>(service, &json!({}), &drain));
    let typing = json!({"annotations": {"portway.io/drain": "now"}});
    assert!(is_meaning::<Service>(service, &json!({}), &typing));
    let labels = json!({"labels": {"team": "a"}});
    assert!(is_meaning::<Namespace>(namespace, &json!({}), &labels));
    let mut store = store_with::<EndpointSlice>(&slice(&json!({})));
    let mut moved = slice(&json!({}));
    moved["metadata"]["labels"][SERVICE_NAME_LABEL] = json!("other");
    see::<EndpointSlice>(&mut store, &moved);
    assert!(store.take_changes().meaning);
}

/// The slice `web-x` of a Service, with an endpoint at this address.
fn slice_of(service: &str, address: &str) -> Value {
    let mut slice = slice(&json!({}));
    slice["metadata"]["labels"][SERVICE_NAME_LABEL] = json!(service);
    slice["endpoints"][0]["addresses"] = json!([address]);
    slice
}

/// A cluster has thousands of them that change all the time, and each meaning is a translation.
#[test]
fn slices_of_services_that_no_route_names_mean_nothing() {
    let mut store = Store::default();
    let is_meant = |store: &mut Store, service: &str, address: &str| {
        see::<EndpointSlice>(store, &slice_of(service, address));
        store.take_changes().meaning
    };
    assert!(!is_meant(&mut store, "web", "10.0.0.1"));
    // A route that comes later sees what is there.
    see::<TcpRoute>(&mut store, &route("shop", &json!({"name": "web"})));
    assert!(store.take_changes().meaning);
    assert_eq!(store.objects().endpoint_slices.len(), 1);
    assert!(is_meant(&mut store, "web", "10.0.0.2"));
    assert!(!is_meant(&mut store, "web", "10.0.0.2"), "nothing changed");
    // What it loses is news as well as what it gets.
    assert!(is_meant(&mut store, "other", "10.0.0.2"));
    assert!(!is_meant(&mut store, "other", "10.0.0.3"));
    assert!(is_meant(&mut store, "web", "10.0.0.3"));
    // The same name elsewhere is another Service.
    see::<TcpRoute>(
        &mut store,
        &route("shop", &json!({"name": "web", "namespace": "own"})),
    );
    assert!(store.take_changes().meaning);
    assert!(!is_meant(&mut store, "web", "10.0.0.4"));
    see::<TcpRoute>(
        &mut store,
        &route("own", &json!({"name": "web", "namespace": "shop"})),
    );
    assert!(store.take_changes().meaning);
    assert!(is_meant(&mut store, "web", "10.0.0.5"));
    store.see::<TcpRoute>(None, Seen::All(Vec::new()));
    assert!(store.take_changes().meaning);
    assert!(!is_meant(&mut store, "web", "10.0.0.6"));
}

#[test]
fn the_end_of_a_slice_means_something_where_a_route_names_its_service() {
    let is_meant = |service: &str| {
        let mut store = store_with::<EndpointSlice>(&slice_of(service, "10.0.0.1"));
        store.see::<EndpointSlice>(None, Seen::All(Vec::new()));
        store.take_changes().meaning
    };
    assert!(is_meant("web"));
    assert!(!is_meant("other"));
}
