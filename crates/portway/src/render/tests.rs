//! How diagnostics, outlines and objects look.

use std::sync::Arc;

use expect_test::{Expect, expect};
use portway_control::api::Kind;
use portway_control::diagnostic::{Code, Diagnostic, Severity};
use portway_control::origin::{ObjectKey, Place, Source, Span};
use portway_engine::table::RejectReason;
use serde_json::{Value, json};

use super::{Paint, diagnostics, outline, yaml};
use crate::outline::{Fate, ListenerLine, Share, Target};

const TEXT: &str = "spec:\n  rules:\n  - backendRefs:\n    - name: postgres\n      port: 5432\n";

/// The place of the first `needle` in [`TEXT`].
fn place(needle: &str) -> Place {
    let start = TEXT.find(needle).unwrap();
    let line_start = TEXT[..start].rfind('\n').map_or(0, |at| at + 1);
    Place {
        source: Some("db.yaml".into()),
        span: Span {
            start: u32::try_from(start).unwrap(),
            end: u32::try_from(start + needle.len()).unwrap(),
            line: u32::try_from(TEXT[..start].matches('\n').count() + 1).unwrap(),
            column: u32::try_from(start - line_start + 1).unwrap(),
        },
        field: String::new(),
    }
}

fn check_diagnostic(diagnostic: &Diagnostic, want: &Expect) {
    let source = Source {
        name: "db.yaml".into(),
        text: TEXT.into(),
    };
    let shown = diagnostics::show(std::slice::from_ref(diagnostic), &[source], Paint::Plain);
    want.assert_eq(&shown);
}

#[test]
fn a_diagnostic_has_place_effect_and_help() {
    let what = "Service `db/postgres` has no port 5432";
    check_diagnostic(
        &Diagnostic::new(Severity::Error, Code(203), place("5432"), what)
            .label("it has 5433 (`sql`)")
            .effect("40 of 100 connections to listener `edge/db` are reset right after accept")
            .help("name port 5433")
            .related(place("postgres"), "the Service"),
        &expect![[r#"
            error[PW0203]: Service `db/postgres` has no port 5432
             --> db.yaml:5:13
              |
            5 |       port: 5432
              |             ^^^^ it has 5433 (`sql`)
              |
             ::: db.yaml:4:13
              |
            4 |     - name: postgres
              |             -------- the Service
              |
              = effect: 40 of 100 connections to listener `edge/db` are reset right after accept
              = help: name port 5433

        "#]],
    );
}

#[test]
fn a_place_without_a_text_is_named_all_the_same() {
    let mut place = place("5432");
    place.source = Some("binary.yaml".into());
    check_diagnostic(
        &Diagnostic::new(
            Severity::Warning,
            Code(90),
            place,
            "`binary.yaml` is not UTF-8 text",
        ),
        &expect![[r#"
            warning[PW0090]: `binary.yaml` is not UTF-8 text
            --> binary.yaml:5:13

        "#]],
    );
}

/// What stands in a manifest must not steer a terminal.
#[test]
fn control_characters_are_not_passed_on() {
    let what = "unknown kind `\u{1b}[2J\u{7}`";
    let place = Place::default();
    let diagnostic = Diagnostic::new(Severity::Error, Code(1), place, what).help("\u{1b}[1m");
    let shown = diagnostics::show(&[diagnostic], &[], Paint::Plain);
    assert!(
        shown.chars().all(|c| c == '\n' || !c.is_control()),
        "{shown:?}"
    );
}

/// Spans of several lines, at the end, beyond the end, and within a character.
#[test]
fn any_span_can_be_shown() {
    for (start, end) in [(0, 9000), (8, 30), (64, 64), (9000, 9001), (30, 2)] {
        let mut place = place("5432");
        (place.span.start, place.span.end) = (start, end);
        let diagnostic = Diagnostic::new(Severity::Error, Code(1), place, "x");
        let texts = [
            TEXT.to_owned(),
            "ü".repeat(40),
            "\r\n\r\n".repeat(20),
            String::new(),
        ];
        for text in texts {
            let name = "db.yaml".into();
            let source = Source {
                name,
                text: text.into(),
            };
            let shown =
                diagnostics::show(std::slice::from_ref(&diagnostic), &[source], Paint::Plain);
            assert!(shown.contains("db.yaml"), "{shown}");
        }
    }
}

fn line(name: &str, fate: Fate) -> ListenerLine {
    ListenerLine {
        gateway: ObjectKey {
            kind: Kind::Gateway,
            namespace: "default".into(),
            name: "edge".into(),
        },
        name: name.into(),
        protocol: "TCP".to_owned(),
        port: 8080,
        fate,
    }
}

fn share(name: &str, weight: u32, of: u64, n_endpoints: u16) -> Share {
    let endpoints = (0..n_endpoints)
        .map(|n| ([10, 0, 0, 1], 6000 + n).into())
        .collect();
    Share {
        backend: name.into(),
        weight,
        of,
        target: match n_endpoints {
            0 => Target::Rejected(
                RejectReason::NoEndpoint,
                "it has no EndpointSlice".to_owned(),
            ),
            _ => Target::Endpoints(endpoints),
        },
    }
}

#[test]
fn an_outline_has_shares_and_rejections() {
    let route: Arc<str> = "TCPRoute default/web".into();
    let serves = |backends| Fate::Serves {
        route: Arc::clone(&route),
        backends,
    };
    let refused = Fate::NotServed {
        reason: "UnsupportedProtocol".into(),
        message: "TLS comes later".into(),
    };
    let lines = [
        line("one", serves(vec![share("default/blue:80", 1, 1, 1)])),
        line("none", serves(vec![share("other/blue:80", 1, 1, 0)])),
        line(
            "three",
            serves(vec![
                share("default/blue:80", 1, 3, 2),
                share("default/green:80", 2, 3, 0),
                share("default/red:80", 0, 3, 1),
            ]),
        ),
        line("empty", Fate::Rejects(RejectReason::NoRoute)),
        line("tls", refused),
    ];
    let want = expect![[r#"
        listener default/edge/one TCP 8080 → web → blue:80 (1 endpoint)
        listener default/edge/none TCP 8080 → web
           100% → other/blue:80 → reset: it has no EndpointSlice
        listener default/edge/three TCP 8080 → web
          33.3% → blue:80 (2 endpoints)
          66.7% → green:80 → reset: it has no EndpointSlice
             0% → red:80 (1 endpoint)
        listener default/edge/empty TCP 8080 → reset: no route is attached to the listener
        listener default/edge/tls TCP 8080 ✗ UnsupportedProtocol: TLS comes later
    "#]];
    want.assert_eq(&outline::show(&lines, Paint::Plain));
}

#[test]
fn shares_are_exact_or_rounded_to_a_tenth() {
    let percent = |weight, of| outline::percent(&share("b", weight, of, 1));
    assert_eq!(percent(70, 100), "70%");
    assert_eq!(percent(1, 8), "12.5%");
    assert_eq!(percent(1, 3), "33.3%");
    assert_eq!(percent(2, 3), "66.7%");
    assert_eq!(percent(1, 100_000), "0.0%");
    assert_eq!(percent(99_999, 100_000), "100.0%");
    assert_eq!(percent(0, 3), "0%");
}

/// Strings that a careless writer of YAML turns into something else.
const NASTY: &str = "yes|0o17|0x1F|1e3|2001-01-01|1:20|null|~|| |a: b|a:|a #b|a#b|-|- a|--flag|\
    -a|? a|*a|&a|@a|it's|say \"hi\"|a\\b|a\tb|\u{7}|a\nb\n|a\nb|a\n\nb\n\n|  a\nb\n|\
    a \nb|a\r\nb|a\u{85}b|\
    a\u{2028}b|\u{feff}a|🚪|<<|=|{\"a\": 1}|---|...|--- a|yes: no|1|true|%a|`a|.5|.inf|1_000|\
    +1|v1|127.0.0.1|a\n- b\n# c\n|\n|a\n--- b\n|\u{1b}[2J|[]|{}|!x|a, b|y|N|+.INF|.|..|0|-0|\
    00:00|1.|\t|a\t|\
    a\n\tb|%|#|#a|'|\"|\u{a0}a|\u{3000}";

fn nasty() -> Value {
    let strings: Vec<&str> = NASTY.split('|').collect();
    let values = strings.iter();
    let values = values.map(|it| json!({ "name": it, "deep": { "value": it } }));
    let keys = strings.iter().map(|it| ((*it).to_owned(), json!([it])));
    json!({
        "strings": strings,
        "values": values.collect::<Vec<_>>(),
        "keys": keys.collect::<serde_json::Map<_, _>>(),
        "nested": [[1, [2, "3"], []], {}, [[]], [{ "a": [[{ "b": 1 }]] }]],
        "scalars": [-1, 1.5, false, null, u64::MAX],
    })
}

#[test]
fn yaml_looks_as_kubectl_shows_it() {
    let value = json!({
        "kind": "TCPRoute",
        "apiVersion": "gateway.networking.k8s.io/v1",
        "metadata": { "name": "web", "labels": {}, "annotations": { "a": "yes", "b": "x\ny\n" } },
        "spec": { "rules": [{ "backendRefs": [{ "port": 80, "name": "blue" }], "name": "r: 1" }] },
    });
    let want = expect![[r#"
        apiVersion: gateway.networking.k8s.io/v1
        kind: TCPRoute
        metadata:
          annotations:
            a: "yes"
            b: |
              x
              y
          labels: {}
          name: web
        spec:
          rules:
          - backendRefs:
            - name: blue
              port: 80
            name: 'r: 1'
    "#]];
    want.assert_eq(&yaml::document(&value));
}

#[test]
fn yaml_reads_back_as_the_same() {
    let value = nasty();
    let text = yaml::document(&value);
    let again: Value =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    pretty(&value)
        .zip(pretty(&again))
        .for_each(|(given, read)| assert_eq!(given, read, "{text}"));
    assert_eq!(value, again);
}

/// Line by line, so that a difference is found by eye.
fn pretty(value: &Value) -> impl Iterator<Item = String> + use<> {
    let mut value = value.clone();
    value.sort_all_objects();
    let text = serde_json::to_string_pretty(&value).unwrap();
    text.lines()
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .into_iter()
}

/// What failed before is told before what serves.
#[test]
fn a_connection_tells_its_tries_and_that_it_must_go() {
    let connection = serde_json::json!({
        "client": "10.0.0.7:51234", "listener": "default/edge/sql", "route": "TCPRoute default/sql",
        "backend": "default/pg:5432", "endpoint": "10.1.0.6:5432", "state": "client_finished",
        "draining": true, "ageSeconds": 3723.0, "bytesToBackend": 1200, "bytesToClient": 3_400_000,
        "failedDials": [
            { "endpoint": "10.1.0.5:5432", "error": "refused", "errno": null },
            { "endpoint": "10.1.0.4:5432", "error": "other", "errno": 71 },
        ],
    });
    let shown = super::explain::connection(&connection, Paint::Plain);
    expect![[r#"
        connection from `10.0.0.7:51234`, open for 1h 2m
          · listener `default/edge/sql` accepted it
          · TCPRoute `default/sql` gets it
          · backend `default/pg:5432` has its turn
          ✗ endpoint `10.1.0.5:5432` was tried: nothing listens at that address and port
          ✗ endpoint `10.1.0.4:5432` was tried: error 71 of the kernel
          ✓ endpoint `10.1.0.6:5432` serves it
          ✗ its place in the configuration is gone: it is to end (`portway.dev/drain`)
          → 1.2 kB to the endpoint, 3.4 MB to the client so far; the client has sent its FIN
    "#]]
    .assert_eq(&shown);
    let dialling = serde_json::json!({
        "client": "10.0.0.7:51234", "listener": "a/b\u{1b}[31m", "route": "r", "backend": "s",
        "endpoint": "10.1.0.6:5432", "state": "dialling", "ageSeconds": 0.1,
    });
    let shown = super::explain::connection(&dialling, Paint::Plain);
    expect![[r#"
        connection from `10.0.0.7:51234`, open for 0s
          · listener `a/b␛[31m` accepted it
          · `r` gets it
          · backend `s` has its turn
          ✓ endpoint `10.1.0.6:5432` is dialled
          → no endpoint has taken it yet
    "#]]
    .assert_eq(&shown);
}
