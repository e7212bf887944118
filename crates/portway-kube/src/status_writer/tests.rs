//! Which statuses are written, and when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portway_control::api::{Gateway, Kind, TcpRoute};
use portway_control::origin::ObjectKey;
use portway_control::status::{
    Condition, ConditionStatus, GatewayStatus, ListenerStatus, RouteParentStatus, RouteStatus,
    Status, Statuses,
};
use serde_json::{Value, json};

use super::{Gates, Outcome, StatusWriter, Write};
use crate::limits::COUNTS_QUIET;
use crate::store::{Seen, Store, Watchable};

const OURS: &str = "portway.dev/gateway-controller";
const NOW: &str = "2026-11-25T12:00:00Z";

fn key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey {
        kind,
        namespace: "shop".into(),
        name: name.into(),
    }
}

fn gateway_key() -> ObjectKey {
    key(Kind::Gateway, "edge")
}

fn see<T: Watchable>(store: &mut Store, object: Value) {
    store.see::<T>(None, Seen::Here(serde_json::from_value(object).unwrap()));
}

fn see_gateway(store: &mut Store, version: u32, status: Value) {
    let object = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "edge", "namespace": "shop", "resourceVersion": version.to_string()},
        "spec": {"gatewayClassName": "portway", "listeners": []}, "status": status});
    see::<Gateway>(store, object);
}

fn see_route(store: &mut Store, version: u32, status: Value) {
    let object = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "TCPRoute",
        "metadata": {"name": "db", "namespace": "shop", "resourceVersion": version.to_string()},
        "spec": {"rules": [{"backendRefs": []}]}, "status": status});
    see::<TcpRoute>(store, object);
}

fn gateway(status: ConditionStatus, n_routes: i32) -> Status {
    Status::Gateway(GatewayStatus {
        addresses: Vec::new(),
        conditions: vec![Condition::new("Accepted", status, "Reason", "message", 1)],
        listeners: vec![ListenerStatus {
            attached_routes: n_routes,
            name: "db".into(),
            ..ListenerStatus::default()
        }],
    })
}

fn route() -> Status {
    route_that_says(ConditionStatus::True, "fine")
}

fn route_that_says(accepted: ConditionStatus, message: &str) -> Status {
    Status::Route(RouteStatus {
        parents: vec![RouteParentStatus {
            conditions: vec![Condition::new(
                "Accepted",
                accepted,
                "Accepted",
                message.to_owned(),
                1,
            )],
            controller_name: OURS.into(),
            parent_ref: serde_json::from_value(json!({"name": "edge"})).unwrap(),
        }],
    })
}

struct Scene {
    store: Store,
    writer: StatusWriter,
    start: Instant,
    /// Whether the Gateway is waited for however long that takes.
    is_held: bool,
}

impl Scene {
    fn new() -> Self {
        Self {
            store: Store::default(),
            writer: StatusWriter::new(Arc::from(OURS)),
            start: Instant::now(),
            is_held: false,
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// Wants these at `millis`; `gate` is the newest table of the Gateway, if its proxies serve.
    fn want(&mut self, millis: u64, statuses: &[(ObjectKey, Status)], gate: Option<u64>) {
        let statuses: Statuses = statuses.iter().cloned().collect();
        let gates: BTreeMap<_, _> = gate.map(|at| (gateway_key(), at)).into_iter().collect();
        let now = self.at(millis);
        self.writer.want(statuses, &gates, now, now);
    }

    /// What is due at `millis`, if all proxies have table `acknowledged`.
    fn due(&mut self, millis: u64, acknowledged: u64) -> Vec<Write> {
        let now = self.at(millis);
        let is_acknowledged = |(_, at): &(ObjectKey, u64)| acknowledged >= *at;
        let gates = Gates {
            is_acknowledged: &is_acknowledged,
            is_held: &|_| self.is_held,
        };
        self.writer.due(&self.store, gates, now, NOW)
    }

    fn written(&mut self, write: &Write, version: u32, millis: u64) {
        let answer = json!({"metadata": {"resourceVersion": version.to_string()},
            "status": write.after});
        let now = self.at(millis);
        self.writer.done(write, Outcome::Written(answer), now);
    }
}

#[test]
fn a_write_names_the_version_it_was_made_from_and_only_what_changes() {
    let mut scene = Scene::new();
    let foreign = json!({"type": "example.com/Mine", "status": "True"});
    let stored = json!({"conditions": [foreign], "addresses": [{"value": "192.0.2.1"}]});
    see_gateway(&mut scene.store, 5, stored);
    scene.want(
        0,
        &[(gateway_key(), gateway(ConditionStatus::True, 1))],
        None,
    );
    let writes = scene.due(0, 0);
    assert_eq!(writes.len(), 1);
    let write = &writes[0];
    assert_eq!(
        write.path,
        "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/edge/status"
    );
    assert_eq!(write.patch["metadata"], json!({"resourceVersion": "5"}));
    assert_eq!(write.patch["status"]["conditions"][0], foreign);
    assert_eq!(write.patch["status"]["addresses"], Value::Null);
    assert_eq!(write.patch["status"]["listeners"][0]["attachedRoutes"], 1);
}

#[test]
fn what_is_stored_already_is_not_written_again() {
    let mut scene = Scene::new();
    see_gateway(&mut scene.store, 5, json!({}));
    let wanted = [(gateway_key(), gateway(ConditionStatus::True, 1))];
    scene.want(0, &wanted, None);
    let write = scene.due(0, 0).remove(0);
    scene.written(&write, 6, 1);
    // The watch shows our own write.
    see_gateway(&mut scene.store, 6, write.after.clone());
    scene.writer.look_at([gateway_key()], scene.start);
    assert_eq!(scene.due(2, 0), []);
    assert!(!scene.writer.is_waiting());
}

/// Without it every second write of a row would meet its own predecessor.
#[test]
fn a_write_is_made_from_our_own_last_one_before_a_watch_shows_it() {
    let mut scene = Scene::new();
    see_gateway(&mut scene.store, 5, json!({}));
    scene.want(
        0,
        &[(gateway_key(), gateway(ConditionStatus::True, 1))],
        None,
    );
    let write = scene.due(0, 0).remove(0);
    scene.written(&write, 6, 1);
    scene.want(
        2,
        &[(gateway_key(), gateway(ConditionStatus::False, 1))],
        None,
    );
    let next = scene.due(2, 0).remove(0);
    assert_eq!(next.patch["metadata"]["resourceVersion"], "6");
    assert_eq!(next.before, write.after);
}

#[test]
fn one_write_of_an_object_is_in_flight() {
    let mut scene = Scene::new();
    see_gateway(&mut scene.store, 5, json!({}));
    scene.want(
        0,
        &[(gateway_key(), gateway(ConditionStatus::True, 1))],
        None,
    );
    let write = scene.due(0, 0).remove(0);
    scene.want(
        1,
        &[(gateway_key(), gateway(ConditionStatus::False, 1))],
        None,
    );
    assert_eq!(scene.due(1, 0), []);
    scene.written(&write, 6, 2);
    assert_eq!(scene.due(3, 0).len(), 1);
}

#[test]
fn a_status_waits_for_its_table_but_not_longer_than_two_seconds() {
    let mut scene = Scene::new();
    see_route(&mut scene.store, 5, json!({}));
    let wanted = [(key(Kind::TcpRoute, "db"), route())];
    scene.want(0, &wanted, Some(3));
    assert_eq!(scene.due(1, 2), []);
    assert_eq!(scene.due(1999, 2), []);
    assert_eq!(scene.due(2000, 2).len(), 1);
}

/// What it says is of parameters that the API was not asked for yet.
#[test]
fn a_status_that_is_held_waits_longer() {
    let mut scene = Scene::new();
    see_route(&mut scene.store, 5, json!({}));
    scene.want(0, &[(key(Kind::TcpRoute, "db"), route())], Some(3));
    scene.is_held = true;
    assert_eq!(scene.due(60_000, 2), []);
    scene.is_held = false;
    assert_eq!(scene.due(60_000, 2).len(), 1);
}

#[test]
fn a_status_is_written_as_soon_as_its_table_is_acknowledged() {
    let mut scene = Scene::new();
    see_route(&mut scene.store, 5, json!({}));
    scene.want(0, &[(key(Kind::TcpRoute, "db"), route())], Some(3));
    assert_eq!(scene.due(1, 2), []);
    assert_eq!(scene.due(2, 3).len(), 1);
}

/// Whose proxies do not acknowledge is told after two seconds, not after two more.
#[test]
fn that_something_is_missing_waits_no_second_time() {
    let mut scene = Scene::new();
    see_gateway(&mut scene.store, 5, json!({}));
    let programmed = |status| {
        let mut gateway = GatewayStatus::default();
        let condition = Condition::new("Programmed", status, "Reason", "message", 1);
        gateway.conditions.push(condition);
        [(gateway_key(), Status::Gateway(gateway))]
    };
    scene.want(0, &programmed(ConditionStatus::True), Some(3));
    scene.want(1500, &programmed(ConditionStatus::False), Some(4));
    assert_eq!(scene.due(1999, 2), []);
    assert_eq!(scene.due(2000, 2).len(), 1);
    // By itself it waits: a stream that breaks is soon made again.
    let mut scene = Scene::new();
    see_gateway(&mut scene.store, 5, json!({}));
    scene.want(1500, &programmed(ConditionStatus::False), Some(4));
    assert_eq!(scene.due(3499, 2), []);
    assert_eq!(scene.due(3500, 2).len(), 1);
}

/// Thousands of routes that come one by one are some writes of their Gateway, and one when they rest.
#[test]
fn numbers_of_routes_are_written_once_in_a_while() {
    let mut scene = Scene::new();
    see_gateway(&mut scene.store, 5, json!({}));
    let mut n_writes = 0;
    for at in 0..4000_u32 {
        let millis = u64::from(at) * 3;
        let status = gateway(ConditionStatus::True, i32::try_from(at).unwrap());
        scene.want(millis, &[(gateway_key(), status)], None);
        for write in scene.due(millis, 0) {
            n_writes += 1;
            scene.written(&write, 6 + at, millis);
        }
    }
    assert_eq!(n_writes, 3, "in 12 s");
    let quiet = 3999 * 3 + u64::try_from(COUNTS_QUIET.as_millis()).unwrap();
    assert_eq!(scene.due(quiet - 1, 0), []);
    let last = scene.due(quiet, 0).remove(0);
    assert_eq!(last.after["listeners"][0]["attachedRoutes"], 3999);
}

#[test]
fn a_condition_that_changes_does_not_wait_for_numbers() {
    let mut scene = Scene::new();
    see_gateway(&mut scene.store, 5, json!({}));
    scene.want(
        0,
        &[(gateway_key(), gateway(ConditionStatus::True, 1))],
        None,
    );
    let write = scene.due(0, 0).remove(0);
    scene.written(&write, 6, 0);
    scene.want(
        1,
        &[(gateway_key(), gateway(ConditionStatus::False, 2))],
        None,
    );
    assert_eq!(scene.due(1, 0).len(), 1);
}

/// Of routes that go one by one each changes the words of all others: they are written once.
#[test]
fn other_words_wait_and_other_conditions_do_not() {
    let mut scene = Scene::new();
    see_route(&mut scene.store, 5, json!({}));
    let route =
        |status, message: &str| [(key(Kind::TcpRoute, "db"), route_that_says(status, message))];
    let (yes, no) = (ConditionStatus::True, ConditionStatus::False);
    scene.want(0, &route(yes, "first"), None);
    let write = scene.due(0, 0).remove(0);
    scene.written(&write, 6, 0);
    let mut n_writes = 0;
    for at in 1..1000_u32 {
        let millis = u64::from(at) * 4;
        let message = at.to_string();
        scene.want(millis, &route(yes, &message), None);
        n_writes += scene.due(millis, 0).len();
    }
    assert_eq!(n_writes, 0);
    let last = scene.due(5100, 0).remove(0);
    let said = &last.after["parents"][0]["conditions"][0]["message"];
    assert_eq!(said, "999");
    scene.written(&last, 7, 5100);
    scene.want(5200, &route(yes, "again"), None);
    assert_eq!(scene.due(5200, 0), []);
    scene.want(5201, &route(no, "again"), None);
    assert_eq!(scene.due(5201, 0).len(), 1);
}

/// After a conflict the next try is made from what the watch shows, foreign entries and all.
#[test]
fn a_conflict_is_tried_again_from_what_is_stored_then() {
    let mut scene = Scene::new();
    see_route(&mut scene.store, 5, json!({}));
    scene.want(0, &[(key(Kind::TcpRoute, "db"), route())], None);
    let write = scene.due(0, 0).remove(0);
    let now = scene.at(1);
    scene.writer.done(&write, Outcome::Conflict, now);
    assert_eq!(scene.due(100, 0), []);
    let foreign = json!({"controllerName": "example.com/other", "parentRef": {"name": "x"},
        "conditions": []});
    see_route(&mut scene.store, 8, json!({"parents": [foreign]}));
    let again = scene.due(201, 0).remove(0);
    assert_eq!(again.patch["metadata"]["resourceVersion"], "8");
    assert_eq!(again.after["parents"][0], foreign);
    assert_eq!(again.after["parents"][1]["controllerName"], OURS);
}

#[test]
fn failures_wait_longer_each_time() {
    let mut scene = Scene::new();
    see_route(&mut scene.store, 5, json!({}));
    scene.want(0, &[(key(Kind::TcpRoute, "db"), route())], None);
    let mut at = 0;
    for wait in [200, 400, 800, 1600] {
        let write = scene.due(at, 0).remove(0);
        let now = scene.at(at);
        scene.writer.done(&write, Outcome::Failed, now);
        assert_eq!(scene.due(at + wait - 1, 0), []);
        at += wait;
    }
    assert_eq!(scene.due(at, 0).len(), 1);
}

#[test]
fn our_entries_go_from_a_route_that_is_no_longer_ours() {
    let mut scene = Scene::new();
    let foreign = json!({"controllerName": "example.com/other", "parentRef": {"name": "x"},
        "conditions": []});
    let own = json!({"controllerName": OURS, "parentRef": {"name": "edge"}, "conditions": []});
    see_route(&mut scene.store, 5, json!({"parents": [own, foreign]}));
    // As a new leader would: nothing is wanted for it.
    scene
        .writer
        .look_at([key(Kind::TcpRoute, "db")], scene.start);
    let write = scene.due(0, 0).remove(0);
    assert_eq!(write.after["parents"], json!([foreign]));
}

#[test]
fn a_route_of_others_is_left_alone() {
    let mut scene = Scene::new();
    let foreign = json!({"controllerName": "example.com/other", "parentRef": {"name": "x"},
        "conditions": []});
    see_route(&mut scene.store, 5, json!({"parents": [foreign]}));
    scene
        .writer
        .look_at([key(Kind::TcpRoute, "db")], scene.start);
    assert_eq!(scene.due(0, 0), []);
}

/// A server that refuses is not asked again at once because there is more to say.
#[test]
fn what_failed_waits_whatever_is_wanted_meanwhile() {
    let mut scene = Scene::new();
    see_gateway(&mut scene.store, 5, json!({}));
    let status = |n_routes| [(gateway_key(), gateway(ConditionStatus::True, n_routes))];
    scene.want(0, &status(1), None);
    let write = scene.due(0, 0).remove(0);
    let now = scene.at(0);
    scene.writer.done(&write, Outcome::Failed, now);
    scene.want(10, &status(2), None);
    assert_eq!(scene.due(10, 0), []);
    assert_eq!(scene.due(200, 0).len(), 1);
}
