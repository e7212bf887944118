//! `portway check`: what it prints and how it ends.

use expect_test::{Expect, expect, expect_file};

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
#[ignore = "needs the manifest reader"]
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
