//! Statuses as they are stored in a cluster: what `status --kube` shows, and
//! `explain --kube` adds of a Gateway.
//!
//! In: [`Objects`] of a cluster, whose controller is asked about, whether it leads. Out: a JSON value with the names of
//! `/api/v1/status`. Never: a judgement of our own about what the statuses should be.

use std::collections::BTreeSet;

use portway_control::api::Gateway;
use portway_control::origin::{ObjectKey, Sourced};
use portway_control::snapshot::Objects;
use portway_control::status::reason::kind;
use portway_control::translate::explain::{Explanation, Step, Verdict};
use portway_kube::Lead;
use serde_json::{Value, json};

/// Gateways of the classes of `controller`, with their listeners and routes; and Gateways whose class
/// is not there, which are nobody's and may have been ours.
pub(crate) fn of(objects: &Objects, controller: &str, lead: Lead) -> Value {
    let classes = objects.gateway_classes.values();
    let classes = classes.filter(|it| it.object.spec.controller_name == controller);
    let classes: BTreeSet<&str> = classes.map(|it| &*it.key.name).collect();
    let mut ours = BTreeSet::new();
    let mut gateways = Vec::new();
    for (key, it) in &objects.gateways {
        let class = it.object.spec.gateway_class_name.as_str();
        if classes.contains(class) {
            ours.insert((&*key.namespace, &*key.name));
            gateways.push(gateway(key, class, &it.given.json()));
        }
    }
    let known = objects.gateway_classes.values().map(|it| &*it.key.name);
    let known: BTreeSet<&str> = known.collect();
    let classless = objects.gateways.iter().filter_map(|(key, it)| {
        let class = it.object.spec.gateway_class_name.as_str();
        let named = json!({"namespace": key.namespace, "name": key.name, "class": class});
        Some(named).filter(|_| !known.contains(class))
    });
    let routes = objects.tcp_routes.iter();
    let routes = routes.map(|(key, it)| route(key, &it.given.json(), controller, &ours));
    let routes = routes.filter(|it| it["parents"] != json!([]));
    json!({
        "controllerName": controller,
        "lead": said_of(lead),
        "classes": classes,
        "gateways": gateways,
        "classless": classless.collect::<Vec<_>>(),
        "routes": routes.collect::<Vec<_>>(),
    })
}

fn said_of(lead: Lead) -> Value {
    match lead {
        Lead::Unknown => Value::Null,
        Lead::Held => json!({"isHeld": true}),
        Lead::Nobody { renewed } => json!({
            "isHeld": false,
            "renewedSecondsAgo": renewed.map(|it| it.as_secs()),
        }),
    }
}

fn gateway(key: &ObjectKey, class: &str, object: &Value) -> Value {
    let (spec, status) = (&object["spec"], &object["status"]);
    let generation = &object["metadata"]["generation"];
    let stored = list(&status["listeners"]);
    let listeners = list(&spec["listeners"]).iter().map(|declared| {
        let stored = stored.iter().find(|it| it["name"] == declared["name"]);
        let stored = stored.unwrap_or(&Value::Null);
        let condition = |kind| condition(stored, kind, generation);
        json!({
            "name": declared["name"],
            "protocol": declared["protocol"],
            "port": declared["port"],
            "attachedRoutes": stored["attachedRoutes"],
            "accepted": condition(kind::ACCEPTED),
            "resolvedRefs": condition(kind::RESOLVED_REFS),
            "programmed": condition(kind::PROGRAMMED),
        })
    });
    let addresses = list(&status["addresses"]).iter();
    json!({
        "namespace": key.namespace,
        "name": key.name,
        "class": class,
        "addresses": addresses.map(|it| it["value"].clone()).collect::<Vec<_>>(),
        "listeners": listeners.collect::<Vec<_>>(),
        "accepted": condition(status, kind::ACCEPTED, generation),
        "programmed": condition(status, kind::PROGRAMMED, generation),
    })
}

/// Adds to what is explained of a Gateway what stands in its status, if a cluster has it: whether it
/// is programmed, and at which addresses.
pub(crate) fn tell(gateway: &Sourced<Gateway>, explanation: &mut Explanation) {
    if gateway.origin.source.is_some() {
        // What stands in the cluster, or in the file, was said of another spec.
        return;
    }
    let object = gateway.given.json();
    let (status, generation) = (&object["status"], &object["metadata"]["generation"]);
    let mut tell = |verdict: Verdict, what: String, field: &str| {
        explanation.steps.push(Step {
            depth: 0,
            verdict,
            what,
            place: Some(gateway.origin.place(field)),
        });
    };
    for kind in [kind::ACCEPTED, kind::PROGRAMMED] {
        let told = condition(status, kind, generation);
        let [is, reason, message] = ["status", "reason", "message"].map(|it| text(&told[it]));
        let verdict = match is {
            "True" => Verdict::Yes,
            _ => Verdict::No,
        };
        let what = format!("in the cluster `{kind}` is {is} ({reason}): {message}");
        tell(verdict, what, "status.conditions");
    }
    let addresses = list(&status["addresses"]).iter();
    let addresses: Vec<&str> = addresses.map(|it| text(&it["value"])).collect();
    let (verdict, what) = match addresses.is_empty() {
        true => (Verdict::No, "in the cluster it has no address".to_owned()),
        false => {
            let names = addresses.join("`, `");
            (
                Verdict::Yes,
                format!("in the cluster its address is `{names}`"),
            )
        }
    };
    tell(verdict, what, "status.addresses");
    if condition(status, kind::PROGRAMMED, generation)["status"] != "True" {
        explanation.outcome += "; but in the cluster it is not Programmed";
    }
}

/// A route with those of its parents that are ours: by what the controller wrote, or by name where it
/// has not written yet.
fn route(
    key: &ObjectKey,
    object: &Value,
    controller: &str,
    ours: &BTreeSet<(&str, &str)>,
) -> Value {
    let generation = &object["metadata"]["generation"];
    let stored = list(&object["status"]["parents"]).iter();
    let stored = stored.filter(|it| it["controllerName"] == controller);
    let stored: Vec<&Value> = stored.collect();
    let is_stored = |reference: &Value| {
        let mut references = stored.iter().map(|it| &it["parentRef"]);
        let what = ["namespace", "name", "sectionName", "port"];
        references.any(|it| what.iter().all(|field| it[*field] == reference[*field]))
    };
    let is_ours = |reference: &Value| {
        let namespace = reference["namespace"].as_str().unwrap_or(&key.namespace);
        let name = reference["name"].as_str().unwrap_or_default();
        ours.contains(&(namespace, name))
    };
    let unsaid = list(&object["spec"]["parentRefs"]).iter();
    let unsaid = unsaid.filter(|it| is_ours(it) && !is_stored(it));
    let parents = stored.iter().map(|it| (&it["parentRef"], *it));
    let parents = parents.chain(unsaid.map(|it| (it, &Value::Null)));
    let parents = parents.map(|(reference, stored)| {
        let condition = |kind| condition(stored, kind, generation);
        let active = list(&stored["conditions"]).iter();
        let mut active = active.filter(|it| it["type"] == kind::ACTIVE);
        json!({
            "namespace": reference["namespace"],
            "name": reference["name"],
            "sectionName": reference["sectionName"],
            "port": reference["port"],
            "accepted": condition(kind::ACCEPTED),
            "resolvedRefs": condition(kind::RESOLVED_REFS),
            // A route that attaches to nothing has none.
            "active": active.next().map(|_| condition(kind::ACTIVE)),
        })
    });
    json!({
        "kind": key.kind.name(),
        "namespace": key.namespace,
        "name": key.name,
        "parents": parents.collect::<Vec<_>>(),
    })
}

/// A condition as it stands; what is not there, or is about an older object, says nothing yet.
fn condition(status: &Value, kind: &str, generation: &Value) -> Value {
    let mut all = list(&status["conditions"]).iter();
    let Some(found) = all.find(|it| it["type"] == kind) else {
        return unknown("no controller has said it yet");
    };
    let (seen, is) = (found["observedGeneration"].as_i64(), generation.as_i64());
    match (seen, is) {
        (Some(seen), Some(is)) if seen < is => unknown(&format!(
            "the controller has seen generation {seen}, and the object is at {is}"
        )),
        _ => json!({
            "status": found["status"],
            "reason": found["reason"],
            "message": found["message"],
        }),
    }
}

fn unknown(why: &str) -> Value {
    json!({"status": "Unknown", "reason": "Pending", "message": why})
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
