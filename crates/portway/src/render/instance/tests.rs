//! How the status of an instance looks, small and with 500 routes.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::show;
use crate::render::Paint;
use crate::render::page::{COLUMNS, Extent};

fn listener(name: &str, port: u16, open: u64) -> Value {
    json!({
        "name": name,
        "port": port,
        "fate": "serves",
        "reason": null,
        "message": null,
        "route": format!("TCPRoute default/{name}"),
        "connections": traffic(open),
    })
}

fn traffic(open: u64) -> Value {
    json!({
        "open": open,
        "accepted": open * 100,
        "bytesToBackend": open * 123_456,
        "bytesToClient": open * 9_876_543,
    })
}

fn route(name: &str, open: u64, avoided: u64) -> Value {
    let serving = json!({ "status": "True", "reason": "Serving", "message": "" });
    let endpoint = json!({
        "address": "10.0.0.7:5432",
        "health": if avoided > 0 { "avoided" } else { "reached" },
        "open": open,
        "reached": open,
        "failedDials": avoided,
    });
    json!({
        "namespace": "default",
        "name": name,
        "parents": [{ "accepted": serving, "resolvedRefs": serving, "active": serving }],
        "backends": [{
            "name": "default/postgres:5432",
            "weight": 9,
            "weightSum": 10,
            "rejected": null,
            "endpointCount": 3,
            "failingCount": avoided,
            "endpoints": [endpoint],
        }, {
            "name": "other/a-service-with-quite-a-long-name:5432",
            "weight": 1,
            "weightSum": 10,
            "rejected": "no_endpoint",
            "endpointCount": 0,
            "failingCount": 0,
            "endpoints": [],
        }],
        "connections": traffic(open),
    })
}

fn status(listeners: Vec<Value>, routes: Vec<Value>) -> Value {
    json!({
        "role": "run",
        "version": "0.1.0",
        "state": "ready",
        "uptimeSeconds": 11_530.0,
        "config": { "version": 4, "appliedVersion": 4, "applySeconds": 0.00123 },
        "connections": {
            "open": 12,
            "accepted": 1204,
            "closed": { "finished": 1190, "client_reset": 2 },
            "bytesToBackend": 1_200_000,
            "bytesToClient": 3_400_000_000_u64,
        },
        "dials": { "reached": 1200, "failed": 4 },
        "workers": [{ "open": 7 }, { "open": 5 }],
        "gateways": [{
            "namespace": "default",
            "name": "edge",
            "accepted": { "status": "True" },
            "programmed": { "status": "True" },
            "listeners": listeners,
        }],
        "routes": routes,
        "findings": { "errors": 0, "warnings": 1, "listed": [] },
    })
}

fn check(status: &Value, want: &Expect) {
    let text = show(status, Extent::WhatMatters, Paint::Plain);
    fits(&text);
    want.assert_eq(&text);
}

fn fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= COLUMNS, "{line}");
    }
}

#[test]
fn a_small_instance_fits_on_a_screen() {
    let refused = json!({
        "name": "web",
        "port": 80,
        "fate": "not_served",
        "reason": "PortUnavailable",
        "message": "0.0.0.0:80: address already in use; another process of this host listens there",
        "route": null,
        "connections": traffic(0),
    });
    let listeners = vec![listener("sql", 5432, 12), refused];
    check(
        &status(listeners, vec![route("sql", 12, 1)]),
        &expect![[r#"
            portway 0.1.0 run: ready, up 3h 12m
            config    version 4, applied in 1.2 ms; 0 errors, 1 warning
            traffic   12 open of 1204 connections; 1.2 MB to backends, 3.4 GB to clients
                      ended otherwise: 2 client_reset
            dials     1200 reached, 4 failed
            workers   2, with 7, 5 open

            GATEWAY default/edge
              LISTENER              PORT   OPEN    TOTAL       IN      OUT  GETS THEM
              web                     80  ✗ PortUnavailable: 0.0.0.0:80: address already in
                                           use; another process of this host listens there
              sql                   5432     12     1200   1.5 MB   119 MB  sql

            ROUTES
              ROUTE                             OPEN    TOTAL  SENDS THEM TO
              default/sql                         12     1200  90% postgres:5432 (1/3 fail)
                                                              10% other/a-…name:5432 ✗ reset

            ENDPOINTS THAT FAIL
              ENDPOINT                 HEALTH     OPEN  REACHED  FAILED  BACKEND
              10.0.0.7:5432            avoided      12       12       1  default/p…gres:5432
        "#]],
    );
}

#[test]
fn what_is_wrong_comes_first_and_with_its_place() {
    let mut status = status(Vec::new(), Vec::new());
    status["state"] = "draining".into();
    status["config"]["appliedVersion"] = 3.into();
    status["findings"] = json!({
        "errors": 2,
        "warnings": 0,
        "listed": [{
            "code": "PW0203",
            "severity": "error",
            "what": "Service `db/postgres` has no port 5432, which is a sentence that takes two lines",
            "where": "gateways/db.yaml:31:13",
        }],
    });
    check(
        &status,
        &expect![[r#"
        portway 0.1.0 run: draining, up 3h 12m
        config    version 4, workers still have 3; 2 errors, 0 warnings
        traffic   12 open of 1204 connections; 1.2 MB to backends, 3.4 GB to clients
                  ended otherwise: 2 client_reset
        dials     1200 reached, 4 failed
        workers   2, with 7, 5 open
          ✗ PW0203: Service `db/postgres` has no port 5432, which is a sentence that
          takes two lines
            at gateways/db.yaml:31:13
          … and 1 more error; --all shows them

        GATEWAY default/edge
          LISTENER              PORT   OPEN    TOTAL       IN      OUT  GETS THEM
    "#]],
    );
}

/// Beyond the bound of series: no zero stands for what is not known.
#[test]
fn what_is_counted_together_has_no_numbers_of_its_own() {
    let mut listener = listener("sql", 5432, 0);
    let mut route = route("sql", 0, 0);
    for connections in [&mut listener["connections"], &mut route["connections"]] {
        for (_, it) in connections.as_object_mut().unwrap() {
            *it = Value::Null;
        }
    }
    let endpoint = &mut route["backends"][0]["endpoints"][0];
    for field in ["health", "open", "reached", "failedDials"] {
        endpoint[field] = Value::Null;
    }
    let mut status = status(vec![listener], vec![route]);
    status["countedTogether"] = json!({ "listeners": 6, "endpoints": 1 });
    let text = show(&status, Extent::All, Paint::Plain);
    fits(&text);
    expect![[r#"
        portway 0.1.0 run: ready, up 3h 12m
        config    version 4, applied in 1.2 ms; 0 errors, 1 warning
        traffic   12 open of 1204 connections; 1.2 MB to backends, 3.4 GB to clients
                  ended otherwise: 2 client_reset
        dials     1200 reached, 4 failed
        workers   2, with 7, 5 open
        together  6 listeners and 1 endpoint beyond the bound of series: only their sum
                  is known

        GATEWAY default/edge
          LISTENER              PORT   OPEN    TOTAL       IN      OUT  GETS THEM
          sql                   5432      -        -        -        -  sql

        ROUTES
          ROUTE                             OPEN    TOTAL  SENDS THEM TO
          default/sql                          -        -  90% postgres:5432 (3)
                                                          10% other/a-…name:5432 ✗ reset

        ENDPOINTS
          ENDPOINT                 HEALTH     OPEN  REACHED  FAILED  BACKEND
          10.0.0.7:5432            -             -        -       -  default/p…gres:5432
    "#]]
    .assert_eq(&text);
}

/// 500 listeners and routes: a screen or two, the worst first, then the busiest.
#[test]
fn a_large_instance_is_cut_to_what_matters() {
    let names = || (0..500_u16).map(|it| (format!("listener-{it:03}"), it));
    let listeners = names().map(|(name, it)| listener(&name, 20_000 + it, (it % 50).into()));
    let routes = names().map(|(name, it)| route(&name, (it % 50).into(), u64::from(it == 77)));
    let status = status(listeners.collect(), routes.collect());
    let text = show(&status, Extent::WhatMatters, Paint::Plain);
    fits(&text);
    assert!(text.lines().count() < 60, "{text}");
    assert!(
        text.contains("… and 488 more routes; --all shows them"),
        "{text}"
    );
    assert!(text.contains("listener-049"), "{text}");
    let all = show(&status, Extent::All, Paint::Plain);
    fits(&all);
    assert!(
        all.contains("listener-000") && !all.contains("--all"),
        "{all}"
    );
}

/// Another version, or something else that speaks JSON: what is not there is not shown.
#[test]
fn an_answer_without_what_is_expected_is_shown_all_the_same() {
    for status in [
        json!({}),
        json!([1]),
        json!({ "gateways": 3, "routes": [{}, null] }),
    ] {
        fits(&show(&status, Extent::All, Paint::Plain));
    }
}

/// A name may hold anything; a terminal gets no escapes from it.
#[test]
fn a_name_moves_no_cursor() {
    let listeners = vec![listener("a\u{1b}[2Jb", 1, 0)];
    let text = show(&status(listeners, Vec::new()), Extent::All, Paint::Plain);
    assert!(!text.contains('\u{1b}'), "{text:?}");
}
