//! What is taken from the objects of a cluster, and what it looks like.

use std::time::Duration;

use expect_test::{Expect, expect};
use portway_control::manifest;
use portway_control::origin::{Origin, Source, Sourced};
use portway_control::snapshot::CONTROLLER_NAME;
use portway_control::translate::explain::Explanation;
use portway_kube::Lead;

use super::{of, tell};
use crate::render::cluster::{n_problems, show};
use crate::render::page::Extent;
use crate::render::{self, Paint};

const CLASS: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: portway}
spec: {controllerName: portway.dev/gateway-controller}
---
";

const OTHER_CLASS: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: other}
spec: {controllerName: example.com/other}
---
";

/// A Gateway at generation 2 with two listeners; `{}` is its status.
fn gateway(name: &str, class: &str, status: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\n\
         kind: Gateway\n\
         metadata: {{name: {name}, namespace: default, generation: 2}}\n\
         spec:\n  gatewayClassName: {class}\n  listeners:\n  \
         - {{name: sql, protocol: TCP, port: 5432}}\n  \
         - {{name: web, protocol: HTTP, port: 80}}\n\
         status: {status}\n---\n"
    )
}

fn route(name: &str, parent: &str, status: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\n\
         kind: TCPRoute\n\
         metadata: {{name: {name}, namespace: default, generation: 1}}\n\
         spec:\n  parentRefs: [{{name: {parent}, sectionName: sql}}]\n  \
         rules: [{{backendRefs: [{{name: db, port: 5432}}]}}]\n\
         status: {status}\n---\n"
    )
}

fn condition(kind: &str, status: &str, of: u32, reason: &str) -> String {
    format!(
        "{{type: {kind}, status: '{status}', observedGeneration: {of}, reason: {reason}, \
         message: because, lastTransitionTime: '2026-01-01T00:00:00Z'}}"
    )
}

fn all(conditions: &[String]) -> String {
    format!("conditions: [{}]", conditions.join(", "))
}

/// As a controller leaves a Gateway that serves all it can.
fn well(generation: u32) -> String {
    let yes = |kind: &str| condition(kind, "True", generation, kind);
    let conditions = all(&[yes("Accepted"), yes("Programmed")]);
    let sql = all(&[yes("Accepted"), yes("ResolvedRefs"), yes("Programmed")]);
    let no = condition("Accepted", "False", generation, "UnsupportedProtocol");
    let web = all(&[no, yes("ResolvedRefs")]);
    format!(
        "{{{conditions}, addresses: [{{type: IPAddress, value: 172.30.1.1}}], listeners: [\
         {{name: sql, attachedRoutes: 3, supportedKinds: [], {sql}}}, \
         {{name: web, attachedRoutes: 0, supportedKinds: [], {web}}}]}}"
    )
}

fn attached(controller: &str, parent: &str, conditions: &[String]) -> String {
    let conditions = all(conditions);
    format!(
        "{{parents: [{{controllerName: {controller}, parentRef: {{name: {parent}, \
         sectionName: sql}}, {conditions}}}]}}"
    )
}

fn stored(text: &str) -> serde_json::Value {
    led(text, Lead::Held)
}

fn led(text: &str, lead: Lead) -> serde_json::Value {
    let source = Source {
        name: "cluster".into(),
        text: text.into(),
    };
    of(&manifest::read(&[source]).objects, CONTROLLER_NAME, lead)
}

fn check(text: &str, want: &Expect) {
    want.assert_eq(&show(&stored(text), Extent::WhatMatters, Paint::Plain));
}

#[test]
fn gateways_listeners_and_routes_are_told_as_they_stand() {
    let yes = |kind: &str| condition(kind, "True", 1, kind);
    let unresolved = condition("ResolvedRefs", "False", 1, "BackendNotFound");
    let fine = attached(
        CONTROLLER_NAME,
        "edge",
        &[
            yes("Accepted"),
            yes("ResolvedRefs"),
            yes("portway.dev/Active"),
        ],
    );
    let broken = attached(CONTROLLER_NAME, "edge", &[yes("Accepted"), unresolved]);
    let text = CLASS.to_owned()
        + &gateway("edge", "portway", &well(2))
        + &route("a-fine", "edge", &fine)
        + &route("broken", "edge", &broken);
    check(
        &text,
        &expect![[r#"
        cluster: 1 Gateway and 2 routes of portway.dev/gateway-controller, 2 problems

        GATEWAY default/edge, of class portway, at 172.30.1.1
          LISTENER              PORT PROTOCOL ROUTES
          web                     80 HTTP     ✗ UnsupportedProtocol: because
          sql                   5432 TCP           3

        ROUTES
          ROUTE                                  ATTACHED TO
          default/broken                         edge sql
            ✗ BackendNotFound: because
          default/a-fine                         edge sql
    "#]],
    );
    assert_eq!(n_problems(&stored(&text)), 2);
}

#[test]
fn what_no_controller_has_seen_is_pending() {
    let text =
        CLASS.to_owned() + &gateway("edge", "portway", &well(1)) + &route("new", "edge", "{}");
    check(
        &text,
        &expect![[r#"
        cluster: 1 Gateway and 1 route of portway.dev/gateway-controller, 4 problems

        GATEWAY default/edge, of class portway, at 172.30.1.1
          ✗ Pending: the controller has seen generation 1, and the object is at 2
          LISTENER              PORT PROTOCOL ROUTES
          sql                   5432 TCP      ✗ Pending: the controller has seen
                                                generation 1, and the object is at 2
          web                     80 HTTP     ✗ Pending: the controller has seen
                                                generation 1, and the object is at 2

        ROUTES
          ROUTE                                  ATTACHED TO
          default/new                            ✗ edge sql
            ✗ Pending: no controller has said it yet
    "#]],
    );
}

#[test]
fn other_classes_and_the_entries_of_others_are_left_out() {
    let accepted = condition("Accepted", "True", 1, "Accepted");
    let foreign = attached("example.com/other", "theirs", &[accepted]);
    let text = CLASS.to_owned()
        + OTHER_CLASS
        + &gateway("theirs", "other", &well(2))
        + &route("theirs", "theirs", &foreign);
    check(
        &text,
        &expect![[r#"
        cluster: 0 Gateways and 0 routes of portway.dev/gateway-controller, no problems
    "#]],
    );
    assert_eq!(n_problems(&stored(&text)), 0);
}

/// Their class may have been ours: their proxies go on, and nobody tells them anything.
#[test]
fn gateways_of_a_class_that_is_not_there_are_named() {
    let of = |n: usize| {
        let gateways = (0..n).map(|at| gateway(&format!("edge-{at:02}"), "gone", &well(2)));
        CLASS.to_owned() + &gateways.collect::<String>()
    };
    check(
        &of(1),
        &expect![[r#"
        cluster: 0 Gateways and 0 routes of portway.dev/gateway-controller, 1 problem
          1 Gateway names a class that is not there: default/edge-00 (gone)
    "#]],
    );
    check(
        &of(20),
        &expect![[r#"
        cluster: 0 Gateways and 0 routes of portway.dev/gateway-controller, 20 problems
          20 Gateways name a class that is not there: default/edge-00 (gone),
          default/edge-01 (gone), default/edge-02 (gone), default/edge-03 (gone),
          default/edge-04 (gone), default/edge-05 (gone), default/edge-06 (gone),
          default/edge-07 (gone), default/edge-08 (gone), default/edge-09 (gone),
          default/edge-10 (gone), default/edge-11 (gone) and 8 more; --all shows them
    "#]],
    );
    let all = show(&stored(&of(20)), Extent::All, Paint::Plain);
    assert!(all.contains("default/edge-19 (gone)"), "{all}");
}

#[test]
fn a_cluster_without_a_class_of_ours_says_so() {
    check(
        &gateway("edge", "portway", &well(2)),
        &expect![[r#"
            cluster: 0 Gateways and 0 routes of portway.dev/gateway-controller, 2 problems
              no GatewayClass names it: is Portway installed, or is its name not
              portway.dev/gateway-controller?
              1 Gateway names a class that is not there: default/edge (portway)
        "#]],
    );
}

#[test]
fn a_cluster_that_no_controller_leads_says_so() {
    let check = |lead: Lead, want: &Expect| {
        let shown = show(&led(CLASS, lead), Extent::WhatMatters, Paint::Plain);
        want.assert_eq(&shown);
    };
    let renewed = Some(Duration::from_secs(3 * 3600 + 61));
    check(
        Lead::Nobody { renewed },
        &expect![[r#"
            cluster: 0 Gateways and 0 routes of portway.dev/gateway-controller, no problems
              no controller leads, its Lease was renewed 3h 1m ago: what stands here may be
              old
        "#]],
    );
    check(
        Lead::Nobody { renewed: None },
        &expect![[r#"
            cluster: 0 Gateways and 0 routes of portway.dev/gateway-controller, no problems
              no controller leads, it has no Lease: what stands here may be old
        "#]],
    );
    check(
        Lead::Unknown,
        &expect![[r#"
            cluster: 0 Gateways and 0 routes of portway.dev/gateway-controller, no problems
        "#]],
    );
}

/// A Gateway of a cluster is explained with what stands in its status.
#[test]
fn an_explained_gateway_that_is_not_programmed_says_so() {
    let pending = condition("Programmed", "False", 2, "AddressNotAssigned");
    let accepted = condition("Accepted", "True", 2, "Accepted");
    let waiting = format!("{{{}}}", all(&[accepted, pending]));
    check_told(
        &waiting,
        &expect![[r#"
            Gateway
              ✓ in the cluster `Accepted` is True (Accepted): because  status.conditions
              ✗ in the cluster `Programmed` is False (AddressNotAssigned): because  status.conditions
              ✗ in the cluster it has no address  status.addresses
              → all of its listeners listen; but in the cluster it is not Programmed
        "#]],
    );
    check_told(
        &well(2),
        &expect![[r#"
            Gateway
              ✓ in the cluster `Accepted` is True (Accepted): because  status.conditions
              ✓ in the cluster `Programmed` is True (Programmed): because  status.conditions
              ✓ in the cluster its address is `172.30.1.1`  status.addresses
              → all of its listeners listen
        "#]],
    );
    check_told(
        &well(1),
        &expect![[r#"
            Gateway
              ✗ in the cluster `Accepted` is Unknown (Pending): the controller has seen generation 1, and the object is at 2  status.conditions
              ✗ in the cluster `Programmed` is Unknown (Pending): the controller has seen generation 1, and the object is at 2  status.conditions
              ✓ in the cluster its address is `172.30.1.1`  status.addresses
              → all of its listeners listen; but in the cluster it is not Programmed
        "#]],
    );
}

fn check_told(status: &str, want: &Expect) {
    let source = Source {
        name: "cluster".into(),
        text: gateway("edge", "portway", status).into(),
    };
    let mut objects = manifest::read(&[source]).objects;
    let (_, gateway) = objects.gateways.pop_first().unwrap();
    let mut gateway = Sourced::clone(&gateway);
    gateway.origin = Origin::default();
    let mut explanation = Explanation {
        title: "Gateway".to_owned(),
        steps: Vec::new(),
        outcome: "all of its listeners listen".to_owned(),
    };
    tell(&gateway, &mut explanation);
    let shown = render::explain::value(&explanation);
    want.assert_eq(&render::explain::show(&shown, Paint::Plain));
}
