//! `portway check`: what it prints and how it ends.

use expect_test::{Expect, expect, expect_file};

use crate::files::Dir;
use crate::portway::{Ended, command, run, run_with};

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
fn the_guide_in_a_cluster_gets_warnings() {
    check(
        &["-f", EXAMPLE],
        0,
        &expect![[r#"
        warning[PW0213]: a cluster refuses the endpoint address `127.0.0.1`
          --> examples/tcp-routing/services.yaml:18:15
           |
        18 | - addresses: [127.0.0.1]
           |               ^^^^^^^^^ loopback, link-local and unspecified addresses name no other machine
           |
           = effect: an API server does not take this slice; `portway run` does
           = help: use the Pod's or machine's own address in a cluster

        warning[PW0213]: a cluster refuses the endpoint address `127.0.0.2`
          --> examples/tcp-routing/services.yaml:38:15
           |
        38 | - addresses: [127.0.0.2]
           |               ^^^^^^^^^ loopback, link-local and unspecified addresses name no other machine
           |
           = effect: an API server does not take this slice; `portway run` does
           = help: use the Pod's or machine's own address in a cluster

        warning[PW0301]: there is no GatewayClass `my-tcp-gateway-class`
         --> examples/tcp-routing/tcp-routing.yaml:6:21
          |
        6 |   gatewayClassName: my-tcp-gateway-class
          |                     ^^^^^^^^^^^^^^^^^^^^ not in the input
          |
          = effect: taken for Portway's here; in a cluster its class decides
          = help: a class with `controllerName: portway.dev/gateway-controller` makes it Portway's

        warning[PW0113]: the standard channel does not serve TCPRoute `v1alpha2`
          --> examples/tcp-routing/tcp-routing.yaml:21:13
           |
        21 | apiVersion: gateway.networking.k8s.io/v1alpha2
           |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           |
           = effect: none here; a cluster with the standard channel of the CRDs does not take the object
           = help: write `gateway.networking.k8s.io/v1`

        warning[PW0113]: the standard channel does not serve TCPRoute `v1alpha2`
          --> examples/tcp-routing/tcp-routing.yaml:34:13
           |
        34 | apiVersion: gateway.networking.k8s.io/v1alpha2
           |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           |
           = effect: none here; a cluster with the standard channel of the CRDs does not take the object
           = help: write `gateway.networking.k8s.io/v1`

        listener default/my-tcp-gateway/foo TCP 8080 → tcp-app-1 → my-foo-service:6000 (1 endpoint)
        listener default/my-tcp-gateway/bar TCP 8090 → tcp-app-2 → my-bar-service:6000 (1 endpoint)

        checked 7 objects in 2 files: 5 warnings
    "#]],
    );
}

#[test]
fn strict_makes_warnings_errors() {
    let ended = run(&["check", "-f", EXAMPLE, "--strict"]);
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    assert!(!ended.stdout.contains("warning["), "{}", ended.stdout);
}

#[test]
fn the_guide_is_shown_as_yaml() {
    let ended = run(&[
        "check",
        "-f",
        EXAMPLE,
        "--target",
        "standalone",
        "--output",
        "yaml",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    expect_file!["check/guide.yaml"].assert_eq(&shown(&ended));
}

#[test]
fn the_guide_is_shown_as_json() {
    let ended = run(&[
        "check",
        "-f",
        EXAMPLE,
        "--target",
        "standalone",
        "--output",
        "json",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    expect_file!["check/guide.json"].assert_eq(&shown(&ended));
}

/// Misspelt, absent, of an unknown kind, and no text at all: all of it at once.
#[test]
fn all_problems_are_shown_at_once() {
    let ended = broken(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    expect![[r#"
        error[PW0090]: `DIR/picture.json` is not UTF-8 text
        --> DIR/picture.json:1:11
         = effect: nothing in this file is used
         = help: save it as UTF-8, or leave it out

        error[PW0102]: `spec.listeners[0]` has no field `prot`
          --> DIR/gateway.yaml:10:5
           |
        10 |     prot: 5432
           |     ^^^^ did you mean `port`?
           |
           = effect: the Gateway is left out: none of its listeners is served

        error[PW0305]: listener `secure` has protocol `TLS`
          --> DIR/gateway.yaml:24:15
           |
        24 |     protocol: TLS
           |               ^^^ not supported yet
           |
           = effect: port 6443 is not opened for it
           = help: Portway serves `TCP` listeners

        warning[PW0204]: there is no Service `default/postgres`
          --> DIR/route.yml:10:13
           |
        10 |     - name: postgres
           |             ^^^^^^^^ not in the input
           |
           = effect: every connection to listener `default/inner/sql` is closed right after accept
           = help: add the Service to the files, or remove the reference

        listener default/inner/sql TCP 5433 → sql
           100% → postgres:5432 → reset: there is no Service `default/postgres`
        listener default/inner/secure TLS 6443 ✗ UnsupportedProtocol: protocol `TLS` is not supported

        skipped, not kinds that Portway reads: apps/v1 Deployment (1)
        checked 2 objects in 2 files: 3 errors, 1 warning
    "#]].assert_eq(&shown(&ended));
}

/// With yaml nothing but the objects is on stdout.
#[test]
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

/// Names are resolved while Portway runs, so with `--strict` too they are no reason not to start.
#[test]
fn a_name_that_nobody_asked_for_yet_is_no_problem() {
    let dir = Dir::new().with(
        "named.yaml",
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: portway
  listeners: [{name: db, protocol: TCP, port: 5432}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: db}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: db, port: 5432}]}]
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {ports: [{port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, labels: {kubernetes.io/service-name: db}}
addressType: FQDN
endpoints: [{addresses: [db.example.com]}]
ports: [{port: 6000}]
",
    );
    let ended = run(&[
        "check",
        "--strict",
        "--target",
        "standalone",
        "-f",
        dir.path(),
    ]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let listener = "listener default/edge/db TCP 5432 → db → db:5432 \
                    (db.example.com:6000 resolved while running)";
    assert!(ended.stdout.contains(listener), "{}", ended.stdout);
    assert!(ended.stdout.contains("note[PW0212]"), "{}", ended.stdout);
}

/// Units and containers write flags as `1` or `yes`.
#[test]
fn a_flag_by_its_variable_takes_what_people_write() {
    for (value, code) in [("1", 1), ("yes", 1), ("true", 1), ("0", 0), ("off", 0)] {
        let mut check = command(&["check", "-f", EXAMPLE]);
        let ended = check.env("PORTWAY_STRICT", value).output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{value}: {stderr}");
    }
}
