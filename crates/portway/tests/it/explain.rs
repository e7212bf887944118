//! `portway explain`: what it prints and how it ends.

use expect_test::{Expect, expect};

use crate::portway::run;

fn check(arguments: &[&str], code: i32, want: &Expect) {
    let ended = run(&[&["explain"], arguments].concat());
    assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
    want.assert_eq(&(ended.stdout + &ended.stderr));
}

#[test]
fn a_code_has_a_page() {
    check(
        &["PW0210"],
        0,
        &expect![[r#"
        PW0210: an EndpointSlice belongs to no Service

        An EndpointSlice is found by its label `kubernetes.io/service-name`. Without that label nothing leads to it and its endpoints get no connections.
    "#]],
    );
}

#[test]
fn a_code_that_is_none_is_said() {
    check(
        &["PW9999"],
        2,
        &expect![[r#"
        error: there is no code PW9999; docs/reference/diagnostics.md has all of them
    "#]],
    );
}

#[test]
fn without_files_there_is_nothing_to_explain() {
    check(
        &["tcproute/app"],
        2,
        &expect![[r#"
        error: nothing to explain it from: give the files with `-f PATH`, or `--kube`
    "#]],
    );
}

#[test]
fn the_guide_is_explained() {
    let subject = "tcproute/tcp-app-1";
    check(
        &[subject, "-f", "examples/tcp-routing"],
        0,
        &expect![[r#"
        TCPRoute `default/tcp-app-1`
          · parentRefs[0] names Gateway `default/my-tcp-gateway`, listener `foo`  examples/tcp-routing/tcp-routing.yaml:27:5
            · its class `my-tcp-gateway-class` is not in the input: on a host that counts as Portway's  examples/tcp-routing/tcp-routing.yaml:6:21
            ✓ attached to listener `foo`, which it selects from 2  examples/tcp-routing/tcp-routing.yaml:27:5
            · listener `foo`  examples/tcp-routing/tcp-routing.yaml:8:5
              ✓ it listens on `0.0.0.0:8080` and `[::]:8080`  examples/tcp-routing/tcp-routing.yaml:10:11
              ✓ this is its only route  examples/tcp-routing/tcp-routing.yaml:21:1
          · backendRefs[0], `default/my-foo-service:6000`: every connection  examples/tcp-routing/tcp-routing.yaml:31:7
            ✓ to `127.0.0.1:6000`  examples/tcp-routing/tcp-routing.yaml:31:7
          → from listener `default/my-tcp-gateway/foo` it sends its connections: all to `default/my-foo-service:6000`
    "#]],
    );
}

#[test]
fn a_route_that_is_not_there_is_said_with_those_that_are() {
    let arguments = ["tcproute/tcp-app", "-f", "examples/tcp-routing"];
    check(
        &arguments,
        2,
        &expect![[r#"
        error: there is no TCPRoute `tcp-app`; there are default/tcp-app-1, default/tcp-app-2
    "#]],
    );
}

#[test]
fn an_address_is_explained_for_machines() {
    let files = ["-f", "examples/tcp-routing", "--output", "json"];
    let ended = run(&[&["explain", "127.0.0.1:8090"], &files[..]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let value: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let outcome =
        "TCPRoute `default/tcp-app-2` sends its connections: all to `default/my-bar-service:6000`";
    assert_eq!(value["outcome"], outcome);
    assert_eq!(value["steps"][0]["place"]["line"], 14);
}
