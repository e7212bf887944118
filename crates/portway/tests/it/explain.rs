//! `portway explain`: what it prints and how it ends.

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::admin::{Instance, open};
use crate::backend;
use crate::files::{Dir, guide};
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
fn without_files_and_instance_there_is_nothing_to_explain() {
    check(
        &["tcproute/app", "--admin-socket", "/nonexistent/socket"],
        2,
        &expect![[r#"
        error: explain it from the running instance (`-f PATH` explains files): no running instance found; tried /nonexistent/socket (No such file or directory (os error 2))
    "#]],
    );
}

/// `127.1` is a name to Portway, and an address to the resolver, which needs no network for it.
#[test]
fn a_host_is_looked_up() {
    let dir = Dir::new().with("guide.yaml", guide([8080, 8090]));
    let of = |host: &str| {
        let subject = format!("{host}:8080");
        run(&["explain", &subject, "-f", dir.path()])
    };
    let (named, address) = (of("127.1"), of("127.0.0.1"));
    assert_eq!(named.code, 0, "{}", named.stderr);
    assert_eq!(named.stdout, address.stdout);
    let nobody = of("no..name");
    assert_eq!(nobody.code, 2);
    for said in ["`no..name` is not found", "give its address"] {
        assert!(nobody.stderr.contains(said), "{}", nobody.stderr);
    }
}

/// What a running instance says is what is said of its files, but for what the host says.
#[test]
fn a_running_instance_explains_what_it_serves() {
    let instance = Instance::start(&[]);
    let subjects = ["tcproute/tcp-app-1", "gateway/default/my-tcp-gateway"];
    let address = format!("127.0.0.1:{}", instance.ports[1]);
    for subject in subjects.into_iter().chain([&*address]) {
        let running = instance.asked(&["explain", subject]);
        assert_eq!(running.code, 0, "{}", running.stderr);
        let files = run(&["explain", subject, "-f", instance.dir.path()]);
        assert_eq!(running.stdout, files.stdout);
        let json = instance.asked(&["explain", subject, "--output", "json"]);
        let value: Value = serde_json::from_str(&json.stdout).unwrap();
        let title = value["title"].as_str().unwrap();
        assert_eq!(running.stdout.lines().next(), Some(title));
    }
    let none = instance.asked(&["explain", "tcproute/tcp-app"]);
    assert_eq!(none.code, 2);
    let why = "there is no TCPRoute `tcp-app`; there are default/tcp-app-1, default/tcp-app-2\n";
    assert!(none.stderr.ends_with(why), "{}", none.stderr);
    let cluster = instance.asked(&["explain", "tcproute/a", "--target", "cluster"]);
    assert_eq!(cluster.code, 2, "{}", cluster.stdout);
}

#[test]
fn an_open_connection_is_explained_and_one_that_is_none_is_said() {
    let echo = backend::start("foo");
    let instance = Instance::start_with([echo, backend::start("bar")], &[]);
    let client = open(instance.ports[0]);
    let addr = client.local_addr().unwrap().to_string();
    let ended = instance.asked(&["explain", "connection", &addr]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let title = format!("connection from `{addr}`, open for ");
    assert!(ended.stdout.starts_with(&title), "{}", ended.stdout);
    let serves = format!("endpoint `{echo}` serves it");
    for part in [
        "listener `default/my-tcp-gateway/foo` accepted it",
        "TCPRoute `default/tcp-app-1` gets it",
        "backend `default/my-foo-service:6000` has its turn",
        &serves,
        "0 B to the endpoint, 4 B to the client so far",
    ] {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    let json = instance.asked(&["explain", "connection", &addr, "--output", "json"]);
    let value: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["client"], addr);
    for wrong in [
        &["explain", "connection"][..],
        &["explain", "connection", &addr, "-f", "."],
        &["explain", "tcproute/tcp-app-1", &addr],
    ] {
        assert_eq!(instance.asked(wrong).code, 2, "{wrong:?}");
    }
    drop(client);
    instance.wait_for_metric("portway_connections_open", 0.0);
    let gone = instance.asked(&["explain", "connection", &addr]);
    assert_eq!(gone.code, 2);
    let why = format!("error: no connection from {addr} is open there");
    assert!(gone.stderr.starts_with(&why), "{}", gone.stderr);
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
    let value: Value = serde_json::from_str(&ended.stdout).unwrap();
    let outcome =
        "TCPRoute `default/tcp-app-2` sends its connections: all to `default/my-bar-service:6000`";
    assert_eq!(value["outcome"], outcome);
    assert_eq!(value["steps"][0]["place"]["line"], 14);
}

/// What holds for other verbs by a variable, `PORTWAY_OUTPUT=yaml` say, is no error here.
#[test]
fn machines_may_have_yaml() {
    let ended = run(&["explain", "PW0210", "--output", "yaml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let first = ended.stdout.lines().next();
    assert_eq!(first, Some("code: PW0210"), "{}", ended.stdout);
}

/// `off` is where an instance tells nothing: who asks is told so, by every verb that asks.
#[test]
fn nobody_can_be_asked_where_admin_is_off() {
    for arguments in [&["status"][..], &["explain", "gateway/edge"]] {
        let ended = run(&[arguments, &["--admin", "off"]].concat());
        assert_eq!(ended.code, 2, "{}", ended.stdout);
        let told = &ended.stderr;
        assert!(told.contains("PORTWAY_ADMIN) is `off`"), "{told}");
        assert!(told.contains("--admin-socket PATH"), "{told}");
    }
}

/// What is left out for an error can be asked about, and so can whatever depends on it.
#[test]
fn what_is_left_out_is_explained() {
    let broken = "apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n\
                  metadata: {name: app}\nspec: {rule: []}\n";
    let dir = Dir::new().with("broken.yaml", broken);
    let ended = run(&["explain", "tcproute/app", "-f", dir.path()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    expect![[r#"
        TCPRoute `default/app`
          ✗ TCPRoute `default/app` is left out for what is wrong with it  DIR/broken.yaml:1:1
            ✗ PW0102: `spec` has no field `rule`  DIR/broken.yaml:4:8
          → it gets no connections
    "#]]
    .assert_eq(&ended.stdout.replace(dir.path(), "DIR"));
}

/// A copy that is broken takes nothing from the one that is used.
#[test]
fn what_is_used_is_explained_though_another_of_its_name_is_left_out() {
    let broken = "apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n\
                  metadata: {name: tcp-app-1}\nspec: {rule: []}\n";
    let dir = Dir::new().with("broken.yaml", broken);
    let files = ["-f", "examples/tcp-routing", "-f", dir.path()];
    let ended = run(&[&["explain", "tcproute/tcp-app-1"][..], &files].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let told = ended.stdout;
    assert!(!told.contains("it gets no connections"), "{told}");
    assert!(
        told.contains("another object of this name is left out"),
        "{told}"
    );
}
