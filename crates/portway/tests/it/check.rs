//! `portway check`: what it prints and how it ends.

use expect_test::{Expect, expect};

use crate::files::Dir;
use crate::portway::{Ended, run, run_with};

const EXAMPLE: &str = "examples/tcp-routing";

fn check(arguments: &[&str], code: i32, want: &Expect) {
    let ended = run(&[&["check"], arguments].concat());
    assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
    want.assert_eq(&shown(&ended));
}

/// Stdout, and after a line stderr if there is any.
fn shown(ended: &Ended) -> String {
    match &*ended.stderr {
        "" => ended.stdout.clone(),
        stderr => format!("{}-- stderr --\n{stderr}", ended.stdout),
    }
}

#[test]
#[ignore = "needs the manifest reader"]
fn the_guide_is_shown_as_text() {
    check(
        &["-f", EXAMPLE, "--target", "standalone"],
        0,
        &expect![[r#"
            listener default/my-tcp-gateway/foo TCP 8080 → tcp-app-1 → my-foo-service:6000 (1 endpoint)
            listener default/my-tcp-gateway/bar TCP 8090 → tcp-app-2 → my-bar-service:6000 (1 endpoint)

            checked 7 objects in 2 files: no problems
        "#]],
    );
}

/// A cluster has loopback endpoints refused by its API server, and the class must exist.
#[test]
#[ignore = "needs the manifest reader"]
fn the_guide_in_a_cluster_gets_warnings() {
    check(&["-f", EXAMPLE], 0, &expect![[""]]);
}

#[test]
#[ignore = "needs the manifest reader"]
fn strict_makes_warnings_errors() {
    let ended = run(&["check", "-f", EXAMPLE, "--strict"]);
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    assert!(!ended.stdout.contains("warning["), "{}", ended.stdout);
}

#[test]
#[ignore = "needs the manifest reader"]
fn the_guide_is_shown_as_yaml() {
    let arguments = ["-f", EXAMPLE, "--target", "standalone", "--output", "yaml"];
    check(
        &arguments,
        0,
        &expect![[r#"
            apiVersion: v1
            kind: Service
            metadata:
              name: my-foo-service
            spec:
              ports:
              - port: 6000
            ---
            addressType: IPv4
            apiVersion: discovery.k8s.io/v1
            endpoints:
            - addresses:
              - 127.0.0.1
            kind: EndpointSlice
            metadata:
              labels:
                kubernetes.io/service-name: my-foo-service
              name: my-foo-service-1
            ports:
            - port: 6000
            ---
            apiVersion: v1
            kind: Service
            metadata:
              name: my-bar-service
            spec:
              ports:
              - port: 6000
            ---
            addressType: IPv4
            apiVersion: discovery.k8s.io/v1
            endpoints:
            - addresses:
              - 127.0.0.2
            kind: EndpointSlice
            metadata:
              labels:
                kubernetes.io/service-name: my-bar-service
              name: my-bar-service-1
            ports:
            - port: 6000
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata:
              name: my-tcp-gateway
            spec:
              gatewayClassName: my-tcp-gateway-class
              listeners:
              - allowedRoutes:
                  kinds:
                  - kind: TCPRoute
                name: foo
                port: 8080
                protocol: TCP
              - allowedRoutes:
                  kinds:
                  - kind: TCPRoute
                name: bar
                port: 8090
                protocol: TCP
            status:
              conditions:
              - lastTransitionTime: "1970-01-01T00:00:00Z"
                message: all listeners are accepted
                observedGeneration: 1
                reason: Accepted
                status: "True"
                type: Accepted
              - lastTransitionTime: "1970-01-01T00:00:00Z"
                message: applied by the data plane
                observedGeneration: 1
                reason: Programmed
                status: "True"
                type: Programmed
              listeners:
              - attachedRoutes: 1
                conditions:
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: the listener is valid
                  observedGeneration: 1
                  reason: Accepted
                  status: "True"
                  type: Accepted
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: applied by the data plane
                  observedGeneration: 1
                  reason: Programmed
                  status: "True"
                  type: Programmed
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: all route kinds are supported
                  observedGeneration: 1
                  reason: ResolvedRefs
                  status: "True"
                  type: ResolvedRefs
                name: foo
                supportedKinds:
                - group: gateway.networking.k8s.io
                  kind: TCPRoute
              - attachedRoutes: 1
                conditions:
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: the listener is valid
                  observedGeneration: 1
                  reason: Accepted
                  status: "True"
                  type: Accepted
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: applied by the data plane
                  observedGeneration: 1
                  reason: Programmed
                  status: "True"
                  type: Programmed
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: all route kinds are supported
                  observedGeneration: 1
                  reason: ResolvedRefs
                  status: "True"
                  type: ResolvedRefs
                name: bar
                supportedKinds:
                - group: gateway.networking.k8s.io
                  kind: TCPRoute
            ---
            apiVersion: gateway.networking.k8s.io/v1alpha2
            kind: TCPRoute
            metadata:
              name: tcp-app-1
            spec:
              parentRefs:
              - name: my-tcp-gateway
                sectionName: foo
              rules:
              - backendRefs:
                - name: my-foo-service
                  port: 6000
            status:
              parents:
              - conditions:
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: attached to listener `foo`
                  observedGeneration: 1
                  reason: Accepted
                  status: "True"
                  type: Accepted
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: all backendRefs are resolved
                  observedGeneration: 1
                  reason: ResolvedRefs
                  status: "True"
                  type: ResolvedRefs
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: gets the connections of listener `foo`
                  observedGeneration: 1
                  reason: Serving
                  status: "True"
                  type: portway.dev/Active
                controllerName: portway.dev/gateway-controller
                parentRef:
                  group: gateway.networking.k8s.io
                  kind: Gateway
                  name: my-tcp-gateway
                  sectionName: foo
            ---
            apiVersion: gateway.networking.k8s.io/v1alpha2
            kind: TCPRoute
            metadata:
              name: tcp-app-2
            spec:
              parentRefs:
              - name: my-tcp-gateway
                sectionName: bar
              rules:
              - backendRefs:
                - name: my-bar-service
                  port: 6000
            status:
              parents:
              - conditions:
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: attached to listener `bar`
                  observedGeneration: 1
                  reason: Accepted
                  status: "True"
                  type: Accepted
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: all backendRefs are resolved
                  observedGeneration: 1
                  reason: ResolvedRefs
                  status: "True"
                  type: ResolvedRefs
                - lastTransitionTime: "1970-01-01T00:00:00Z"
                  message: gets the connections of listener `bar`
                  observedGeneration: 1
                  reason: Serving
                  status: "True"
                  type: portway.dev/Active
                controllerName: portway.dev/gateway-controller
                parentRef:
                  group: gateway.networking.k8s.io
                  kind: Gateway
                  name: my-tcp-gateway
                  sectionName: bar
        "#]],
    );
}

#[test]
#[ignore = "needs the manifest reader"]
fn the_guide_is_shown_as_json() {
    let arguments = ["-f", EXAMPLE, "--target", "standalone", "--output", "json"];
    check(
        &arguments,
        0,
        &expect![[r#"
        {
          "summary": {
            "objects": 7,
            "errors": 0,
            "warnings": 0
          },
          "diagnostics": [],
          "listeners": [
            {
              "gateway": {
                "namespace": "default",
                "name": "my-tcp-gateway"
              },
              "name": "foo",
              "protocol": "TCP",
              "port": 8080,
              "fate": "serves",
              "route": "TCPRoute default/tcp-app-1",
              "backends": [
                {
                  "name": "default/my-foo-service:6000",
                  "weight": 1,
                  "weightSum": 1,
                  "endpoints": [
                    "127.0.0.1:6000"
                  ],
                  "rejected": null
                }
              ]
            },
            {
              "gateway": {
                "namespace": "default",
                "name": "my-tcp-gateway"
              },
              "name": "bar",
              "protocol": "TCP",
              "port": 8090,
              "fate": "serves",
              "route": "TCPRoute default/tcp-app-2",
              "backends": [
                {
                  "name": "default/my-bar-service:6000",
                  "weight": 1,
                  "weightSum": 1,
                  "endpoints": [
                    "127.0.0.2:6000"
                  ],
                  "rejected": null
                }
              ]
            }
          ],
          "statuses": [
            {
              "kind": "Gateway",
              "namespace": "default",
              "name": "my-tcp-gateway",
              "status": {
                "conditions": [
                  {
                    "type": "Accepted",
                    "status": "True",
                    "observedGeneration": 1,
                    "lastTransitionTime": "1970-01-01T00:00:00Z",
                    "reason": "Accepted",
                    "message": "all listeners are accepted"
                  },
                  {
                    "type": "Programmed",
                    "status": "True",
                    "observedGeneration": 1,
                    "lastTransitionTime": "1970-01-01T00:00:00Z",
                    "reason": "Programmed",
                    "message": "applied by the data plane"
                  }
                ],
                "listeners": [
                  {
                    "attachedRoutes": 1,
                    "conditions": [
                      {
                        "type": "Accepted",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "Accepted",
                        "message": "the listener is valid"
                      },
                      {
                        "type": "Programmed",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "Programmed",
                        "message": "applied by the data plane"
                      },
                      {
                        "type": "ResolvedRefs",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "ResolvedRefs",
                        "message": "all route kinds are supported"
                      }
                    ],
                    "name": "foo",
                    "supportedKinds": [
                      {
                        "group": "gateway.networking.k8s.io",
                        "kind": "TCPRoute"
                      }
                    ]
                  },
                  {
                    "attachedRoutes": 1,
                    "conditions": [
                      {
                        "type": "Accepted",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "Accepted",
                        "message": "the listener is valid"
                      },
                      {
                        "type": "Programmed",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "Programmed",
                        "message": "applied by the data plane"
                      },
                      {
                        "type": "ResolvedRefs",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "ResolvedRefs",
                        "message": "all route kinds are supported"
                      }
                    ],
                    "name": "bar",
                    "supportedKinds": [
                      {
                        "group": "gateway.networking.k8s.io",
                        "kind": "TCPRoute"
                      }
                    ]
                  }
                ]
              }
            },
            {
              "kind": "TCPRoute",
              "namespace": "default",
              "name": "tcp-app-1",
              "status": {
                "parents": [
                  {
                    "conditions": [
                      {
                        "type": "Accepted",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "Accepted",
                        "message": "attached to listener `foo`"
                      },
                      {
                        "type": "ResolvedRefs",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "ResolvedRefs",
                        "message": "all backendRefs are resolved"
                      },
                      {
                        "type": "portway.dev/Active",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "Serving",
                        "message": "gets the connections of listener `foo`"
                      }
                    ],
                    "controllerName": "portway.dev/gateway-controller",
                    "parentRef": {
                      "group": "gateway.networking.k8s.io",
                      "kind": "Gateway",
                      "name": "my-tcp-gateway",
                      "sectionName": "foo"
                    }
                  }
                ]
              }
            },
            {
              "kind": "TCPRoute",
              "namespace": "default",
              "name": "tcp-app-2",
              "status": {
                "parents": [
                  {
                    "conditions": [
                      {
                        "type": "Accepted",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "Accepted",
                        "message": "attached to listener `bar`"
                      },
                      {
                        "type": "ResolvedRefs",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "ResolvedRefs",
                        "message": "all backendRefs are resolved"
                      },
                      {
                        "type": "portway.dev/Active",
                        "status": "True",
                        "observedGeneration": 1,
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                        "reason": "Serving",
                        "message": "gets the connections of listener `bar`"
                      }
                    ],
                    "controllerName": "portway.dev/gateway-controller",
                    "parentRef": {
                      "group": "gateway.networking.k8s.io",
                      "kind": "Gateway",
                      "name": "my-tcp-gateway",
                      "sectionName": "bar"
                    }
                  }
                ]
              }
            }
          ],
          "skipped": {}
        }
    "#]],
    );
}

/// Misspelt, absent, of an unknown kind, and no text at all: all of it at once.
#[test]
#[ignore = "needs the manifest reader"]
fn all_problems_are_shown_at_once() {
    let ended = broken(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    expect![[""]].assert_eq(&shown(&ended));
}

/// With yaml nothing but the objects is on stdout.
#[test]
#[ignore = "needs the manifest reader"]
fn problems_are_beside_the_yaml() {
    let ended = broken(&["--output", "yaml"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("error["), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("apiVersion: "), "{}", ended.stdout);
    assert!(!ended.stdout.contains("error["), "{}", ended.stdout);
}

fn broken(more: &[&str]) -> Ended {
    let dir = Dir::new()
        .with(
            "gateway.yaml",
            "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: edge
spec:
  gatewayClassName: portway
  listeners:
  - name: sql
    protocol: TCP
    prot: 5432
    port: 5432
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: inner
spec:
  gatewayClassName: portway
  listeners:
  - name: sql
    protocol: TCP
    port: 5433
  - name: secure
    protocol: TLS
    port: 6443
    tls: {mode: Passthrough}
",
        )
        .with(
            "route.yml",
            "\
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata:
  name: sql
spec:
  parentRefs:
  - name: inner
  rules:
  - backendRefs:
    - name: postgres
      port: 5432
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: postgres
",
        )
        .with("picture.json", b"{\"kind\": \"\xff\xd8\"}");
    let arguments = ["check", "-f", dir.path(), "--target", "standalone"];
    let mut ended = run(&[&arguments[..], more].concat());
    for text in [&mut ended.stdout, &mut ended.stderr] {
        *text = text.replace(dir.path(), "DIR");
    }
    ended
}

#[test]
#[ignore = "needs the manifest reader"]
fn stdin_can_be_checked() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: blue}\n";
    let ended = run_with(&["check", "-f", "-"], text.as_bytes());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.stdout, "checked 1 object in 1 file: no problems\n");
}

#[test]
fn what_cannot_be_read_is_no_finding() {
    for arguments in [
        &["-f", "no/such"][..],
        &["-f", "-", "-f", "-"],
        &["-f", "crates/portway/src"],
    ] {
        let ended = run(&[&["check"], arguments].concat());
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
}

/// A pipe is no terminal: no escapes, unless none are wanted anyway.
#[test]
fn colour_is_for_terminals() {
    let ended = broken(&[]);
    assert!(!ended.stdout.contains('\u{1b}'));
}
