//! What merging keeps, moves and writes.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::{Value, json};

use super::reason::kind;
use super::{
    Condition, ConditionStatus, GatewayStatus, ListenerStatus, RouteParentStatus, RouteStatus,
    Status, merge,
};

const OURS: &str = "portway.dev/gateway-controller";
const NOW: &str = "2026-11-24T12:00:00Z";
const BEFORE: &str = "2026-11-24T11:00:00Z";

fn condition(kind: &'static str, status: ConditionStatus, generation: i64) -> Condition {
    Condition::new(kind, status, "Reason", "message", generation)
}

fn gateway(status: ConditionStatus, generation: i64) -> Status {
    Status::Gateway(GatewayStatus {
        addresses: Vec::new(),
        conditions: vec![
            condition(kind::ACCEPTED, status, generation),
            condition(kind::PROGRAMMED, status, generation),
        ],
        listeners: vec![ListenerStatus {
            attached_routes: 1,
            conditions: vec![condition(kind::ACCEPTED, status, generation)],
            name: "db".into(),
            supported_kinds: Vec::new(),
        }],
    })
}

fn route(parents: &[&str]) -> Status {
    let parent = |name: &&str| RouteParentStatus {
        conditions: vec![condition(kind::ACCEPTED, ConditionStatus::True, 1)],
        controller_name: OURS.into(),
        parent_ref: serde_json::from_value(json!({ "name": name })).unwrap(),
    };
    Status::Route(RouteStatus {
        parents: parents.iter().map(parent).collect(),
    })
}

fn apply(stored: &Value, desired: &Status, now: &str) -> Value {
    merge(stored, desired, OURS, now).expect("something to write")
}

#[test]
fn what_is_stored_already_is_not_written() {
    let desired = gateway(ConditionStatus::True, 1);
    let stored = apply(&Value::Null, &desired, BEFORE);
    assert_eq!(merge(&stored, &desired, OURS, NOW), None);
}

#[test]
fn the_order_of_fields_is_no_difference() {
    let desired = gateway(ConditionStatus::True, 1);
    let stored = apply(&Value::Null, &desired, BEFORE);
    // A plain map sorts its keys, which is another order than ours.
    let sorted: std::collections::BTreeMap<String, Value> =
        serde_json::from_value(stored["conditions"][0].clone()).unwrap();
    let mut shuffled = stored.clone();
    shuffled["conditions"][0] = serde_json::to_value(sorted).unwrap();
    assert_ne!(shuffled.to_string(), stored.to_string());
    assert_eq!(merge(&shuffled, &desired, OURS, NOW), None);
}

#[test]
fn the_time_moves_only_with_the_status() {
    let stored = apply(&Value::Null, &gateway(ConditionStatus::True, 1), BEFORE);
    let newer = apply(&stored, &gateway(ConditionStatus::True, 2), NOW);
    assert_eq!(newer["conditions"][0]["observedGeneration"], 2);
    assert_eq!(newer["conditions"][0]["lastTransitionTime"], BEFORE);
    let broken = apply(&newer, &gateway(ConditionStatus::False, 2), NOW);
    assert_eq!(broken["conditions"][0]["lastTransitionTime"], NOW);
    let listener = &broken["listeners"][0]["conditions"][0];
    assert_eq!(listener["lastTransitionTime"], NOW);
}

#[test]
fn conditions_of_others_stay_byte_for_byte_and_in_place() {
    let foreign = json!({"status": "odd", "type": "example.com/Checked", "extra": [1, null]});
    let stored = json!({
        "conditions": [foreign, {"type": "Accepted", "status": "Unknown"}],
        "listeners": [{"name": "db", "conditions": [foreign]}],
        "example": {"kept": true},
    });
    let merged = apply(&stored, &gateway(ConditionStatus::True, 1), NOW);
    assert_eq!(merged["conditions"][0].to_string(), foreign.to_string());
    assert_eq!(merged["conditions"][1]["type"], "Accepted");
    assert_eq!(merged["conditions"][2]["type"], "Programmed");
    let listener = &merged["listeners"][0]["conditions"];
    assert_eq!(listener[0].to_string(), foreign.to_string());
    assert_eq!(merged["example"], stored["example"]);
}

/// What the CRD puts there before any controller has seen the Gateway.
#[test]
fn the_defaults_of_the_crd_are_replaced() {
    let default = json!({"type": "Accepted", "status": "Unknown", "reason": "Pending",
        "message": "Waiting for controller", "lastTransitionTime": "1970-01-01T00:00:00Z"});
    let stored = json!({ "conditions": [default] });
    let merged = apply(&stored, &gateway(ConditionStatus::True, 1), NOW);
    assert_eq!(merged["conditions"][0]["status"], "True");
    assert_eq!(merged["conditions"][0]["lastTransitionTime"], NOW);
    assert_eq!(merged["conditions"].as_array().unwrap().len(), 2);
}

#[test]
fn a_condition_of_ours_that_no_longer_holds_goes() {
    let stored = json!({"listeners": [{"name": "db", "conditions": [
        {"type": "Conflicted", "status": "True", "observedGeneration": 1}]}]});
    let merged = apply(&stored, &gateway(ConditionStatus::True, 1), NOW);
    let types: Vec<&Value> = merged["listeners"][0]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|condition| &condition["type"])
        .collect();
    assert_eq!(types, ["Accepted"]);
}

#[test]
fn a_listener_that_is_gone_goes() {
    let stored = json!({"listeners": [{"name": "old", "attachedRoutes": 3}]});
    let merged = apply(&stored, &gateway(ConditionStatus::True, 1), NOW);
    let names: Vec<&Value> = merged["listeners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|listener| &listener["name"])
        .collect();
    assert_eq!(names, ["db"]);
}

#[test]
fn a_newer_generation_is_not_overwritten() {
    let stored = apply(&Value::Null, &gateway(ConditionStatus::True, 7), BEFORE);
    let stale = gateway(ConditionStatus::False, 6);
    assert_eq!(merge(&stored, &stale, OURS, NOW), None);
}

#[test]
fn parents_of_other_controllers_stay_in_place() {
    let foreign = json!({"controllerName": "example.com/other", "parentRef": {"name": "edge"},
        "conditions": [{"type": "Accepted", "status": "False"}]});
    let stored = json!({ "parents": [foreign] });
    let merged = apply(&stored, &route(&["edge"]), NOW);
    assert_eq!(merged["parents"][0].to_string(), foreign.to_string());
    assert_eq!(merged["parents"][1]["controllerName"], OURS);
    let detached = apply(&merged, &route(&[]), NOW);
    assert_eq!(detached, stored);
}

#[test]
fn a_parent_of_ours_is_replaced_where_it_stands() {
    let stored = apply(&Value::Null, &route(&["a", "b"]), BEFORE);
    let merged = apply(&stored, &route(&["c", "b"]), NOW);
    let names: Vec<&Value> = merged["parents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parent| &parent["parentRef"]["name"])
        .collect();
    assert_eq!(names, ["b", "c"]);
    let kept = &merged["parents"][0]["conditions"][0];
    assert_eq!(kept["lastTransitionTime"], BEFORE);
}

/// The API takes no more, and nothing would be written at all.
#[test]
fn there_are_never_more_than_32_parents() {
    let foreign = json!({"controllerName": "example.com/other", "parentRef": {"name": "edge"}});
    let stored = json!({ "parents": vec![foreign; 31] });
    let merged = apply(&stored, &route(&["a", "b"]), NOW);
    assert_eq!(merged["parents"].as_array().unwrap().len(), 32);
}

#[test]
fn a_route_that_was_never_ours_is_not_written() {
    assert_eq!(merge(&Value::Null, &route(&[]), OURS, NOW), None);
}

/// Anything a server could hold under the fields we look at.
fn stored() -> impl Strategy<Value = Value> {
    let status = prop_oneof![Just("True"), Just("False"), Just("Unknown"), Just("odd")];
    let kind = prop_oneof![Just("Accepted"), Just("Programmed"), Just("example.com/X")];
    let condition = (kind, status, prop::option::of(0..3i64)).prop_map(|(kind, status, seen)| {
        json!({"type": kind, "status": status, "observedGeneration": seen,
            "lastTransitionTime": BEFORE})
    });
    let odd = prop_oneof![Just(json!(null)), Just(json!(7)), Just(json!({"a": []}))];
    let condition = prop_oneof![4 => condition, 1 => odd];
    (prop::collection::vec(condition, 0..5), any::<bool>()).prop_map(|(conditions, listed)| {
        let listener = json!({"name": "db", "conditions": conditions});
        let listeners = if listed { vec![listener] } else { vec![] };
        json!({"conditions": conditions, "listeners": listeners, "other": 1})
    })
}

proptest! {
    /// Whatever is stored: a second merge writes nothing, and what is not ours is all still there.
    #[test]
    fn merging_is_idempotent_and_keeps_what_is_not_ours(stored in stored(), generation in 2..4i64) {
        let desired = gateway(ConditionStatus::True, generation);
        let merged = merge(&stored, &desired, OURS, NOW);
        let merged = merged.unwrap_or_else(|| stored.clone());
        assert_eq!(merge(&merged, &desired, OURS, "2030-01-01T00:00:00Z"), None);
        let foreign = |of: &Value| -> Vec<String> {
            let conditions = of["conditions"].as_array().unwrap().iter();
            conditions
                .filter(|one| !["Accepted", "Programmed"].map(Value::from).contains(&one["type"]))
                .map(Value::to_string)
                .collect()
        };
        assert_eq!(foreign(&merged), foreign(&stored));
    }
}
