//! What is written to statuses, and what is left alone.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::e2e::manifest::{gateway, route};
use crate::e2e::place::{Place, condition, is_true_of};

/// A condition that somebody else wrote.
fn foreign() -> Value {
    json!({
        "type": "example.com/Blessed",
        "status": "True",
        "reason": "Because",
        "message": "by another controller",
        "observedGeneration": 1,
        "lastTransitionTime": "2020-02-02T02:02:02Z",
    })
}

/// Conditions of others on a Gateway, a listener and a route, and another controller's entry on the
/// route, are the same bytes after our own writes.
pub(in crate::e2e) fn foreign_conditions_survive(place: &Place<'_>) -> Result<()> {
    place.apply(&(gateway("gw", &[("foo", 8080)]) + &route("r", "gw", "foo", "foo")))?;
    place.programmed("gw")?;
    route_is_accepted(place, "r")?;
    add(place, "gateway/gw", "/status/conditions/-", &foreign())?;
    add(
        place,
        "gateway/gw",
        "/status/listeners/0/conditions/-",
        &foreign(),
    )?;
    add(
        place,
        "tcproute/r",
        "/status/parents/0/conditions/-",
        &foreign(),
    )?;
    let entry = json!({
        "controllerName": "example.com/another",
        "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"},
        "conditions": [foreign()],
    });
    add(place, "tcproute/r", "/status/parents/-", &entry)?;

    place.patch(
        "gateway/gw",
        r#"{"spec":{"listeners":[{"name":"foo","protocol":"TCP","port":8081}]}}"#,
    )?;
    place.patch("tcproute/r", r#"{"metadata":{"labels":{"a":"b"}},"spec":{"rules":[{"backendRefs":[{"name":"my-bar-service","port":6000}]}]}}"#)?;
    let address = place.programmed("gw")?;
    route_is_accepted(place, "r")?;
    place.answers(SocketAddr::new(address, 8081), "bar")?;

    let gateway = place.get("gateway/gw")?;
    let route = place.get("tcproute/r")?;
    let has = |list: Option<&Value>, what: &Value| {
        list.and_then(Value::as_array)
            .is_some_and(|all| all.contains(what))
    };
    ensure!(
        has(gateway.pointer("/status/conditions"), &foreign()),
        "the Gateway's is gone"
    );
    let of_listener = gateway.pointer("/status/listeners/0/conditions");
    ensure!(
        has(of_listener, &foreign()),
        "the listener's is gone: {gateway}"
    );
    ensure!(
        has(route.pointer("/status/parents"), &entry),
        "the entry is gone: {route}"
    );
    let parents = route.pointer("/status/parents").and_then(Value::as_array);
    let ours = parents.into_iter().flatten().find(|it| **it != entry);
    ensure!(
        ours.is_some_and(|it| has(it.get("conditions"), &foreign())),
        "ours lost it: {route}"
    );
    Ok(())
}

fn add(place: &Place<'_>, object: &str, path: &str, value: &Value) -> Result<()> {
    let patch = json!([{"op": "add", "path": path, "value": value}]).to_string();
    let arguments = [
        "patch",
        object,
        "--subresource=status",
        "--type=json",
        "--patch",
        &patch,
    ];
    place.run(&arguments).map(drop)
}

/// Waits until a route's present generation is accepted by a parent.
pub(super) fn route_is_accepted(place: &Place<'_>, route: &str) -> Result<()> {
    let object = format!("tcproute/{route}");
    place.until("accepted route", || {
        let route = place.get(&object)?;
        let parents = route.pointer("/status/parents").and_then(Value::as_array);
        let accepted = parents.into_iter().flatten().any(|parent| {
            let of_parent = json!({"status": parent});
            condition(&of_parent, "Accepted").is_some_and(|it| is_true_of(it, &route))
        });
        Ok(accepted.then_some(()))
    })
}

/// A Gateway whose name is as long as a name may be is served like any other.
pub(in crate::e2e) fn longest_name(place: &Place<'_>) -> Result<()> {
    let label = "a23456789.b23456789.c23456789.d23456789.e23456789.f2345678.";
    let name: String = label.repeat(5).chars().take(252).chain(['z']).collect();
    ensure!(name.len() == 253, "a name of {} characters", name.len());
    place.apply(&(gateway(&name, &[("foo", 8080)]) + &route("r", &name, "foo", "foo")))?;
    let address = place.programmed(&name)?;
    place.answers(SocketAddr::new(address, 8080), "foo")?;
    Ok(())
}
