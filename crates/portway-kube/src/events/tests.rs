//! Which changes of a status become Events, and of which kind.

use portway_control::api::Kind;
use portway_control::origin::ObjectKey;
use serde_json::{Value, json};

use super::of_write;
use crate::status_writer::Write;

/// The Events of a write that makes the condition `Programmed` from `before` what `after` says, each
/// as status and reason.
fn of(before: Option<(&str, &str)>, after: (&str, &str)) -> Vec<(&'static str, String)> {
    let status = |(status, reason): (&str, &str)| {
        json!({"conditions": [{"type": "Programmed", "status": status, "reason": reason,
            "message": "why"}]})
    };
    let write = Write {
        key: ObjectKey {
            kind: Kind::Gateway,
            namespace: "shop".into(),
            name: "edge".into(),
        },
        path: String::new(),
        patch: Value::Null,
        before: before.map_or(Value::Null, status),
        after: status(after),
        uid: "u-1".into(),
    };
    let events = of_write(&write, "example.com/ours").into_iter();
    events.map(|event| (event.kind, event.message)).collect()
}

#[test]
fn a_gateway_that_is_not_there_yet_is_no_warning() {
    let pending = of(None, ("False", "Pending"));
    assert_eq!(pending, [("Normal", "Programmed=False: why".to_owned())]);
    let served = of(Some(("False", "Pending")), ("True", "Programmed"));
    assert_eq!(served, [("Normal", "Programmed=True: why".to_owned())]);
}

#[test]
fn a_gateway_that_serves_no_more_is_a_warning() {
    let lost = of(Some(("True", "Programmed")), ("False", "Pending"));
    assert_eq!(lost, [("Warning", "Programmed=False: why".to_owned())]);
}

#[test]
fn what_stays_is_no_event() {
    assert_eq!(of(Some(("False", "Pending")), ("False", "Pending")), []);
}
