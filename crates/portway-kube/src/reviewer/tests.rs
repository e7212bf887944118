//! Whose a reviewed token is.

use std::sync::Arc;

use portway_control::api::Kind;
use portway_control::origin::ObjectKey;
use serde_json::{Value, json};

use super::identity;

fn status() -> Value {
    json!({"authenticated": true, "audiences": ["portway.dev/feed"], "user": {
        "username": "system:serviceaccount:shop:edge-portway",
        "extra": {"authentication.kubernetes.io/pod-name": ["edge-portway-1"],
            "authentication.kubernetes.io/pod-uid": ["u-1"]}}})
}

/// The pod whose token it is, as `namespace/gateway pod`.
fn found(status: &Value) -> Option<String> {
    let gateway = ObjectKey {
        kind: Kind::Gateway,
        namespace: "shop".into(),
        name: "edge".into(),
    };
    let account = ("shop".to_owned(), "edge-portway".to_owned());
    let found = identity(status, &Arc::new([(account, gateway)].into()))?;
    Some(format!("{} {}", found.gateway, found.pod))
}

#[test]
fn a_proxys_token_is_its_gateways() {
    assert_eq!(
        found(&status()).as_deref(),
        Some("shop/edge edge-portway-1")
    );
}

#[test]
fn no_other_token_is_anybodys() {
    let cases: [(&str, Value); 6] = [
        ("/authenticated", json!(false)),
        ("/audiences", json!(["https://kubernetes.default.svc"])),
        ("/audiences", json!([])),
        (
            "/user/username",
            json!("system:serviceaccount:shop:default"),
        ),
        (
            "/user/username",
            json!("system:serviceaccount:other:edge-portway"),
        ),
        ("/user/extra", json!({})),
    ];
    for (path, value) in cases {
        let mut status = status();
        *status.pointer_mut(path).unwrap() = value;
        assert_eq!(found(&status), None, "{path} {status}");
    }
    assert_eq!(found(&Value::Null), None);
}
