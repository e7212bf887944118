//! Which changes of a status become Events, and of which kind.

use portway_control::api::Kind;
use portway_control::origin::ObjectKey;
use serde_json::{Value, json};

use super::of_write;
use crate::limits::LISTENER_EVENTS_MAX;
use crate::status_writer::Write;

/// The Events of a write that makes the condition `Programmed` from `before` what `after` says, each
/// as status and reason.
fn of(before: Option<(&str, &str)>, after: (&str, &str)) -> Vec<(&'static str, String)> {
    let status = |(status, reason): (&str, &str)| {
        json!({"conditions": [{"type": "Programmed", "status": status, "reason": reason,
            "message": "why"}]})
    };
    told(before.map_or(Value::Null, status), status(after))
}

/// The Events of a write, each as kind and message.
fn told(before: Value, after: Value) -> Vec<(&'static str, String)> {
    let events = of_write(&write(before, after), "example.com/ours", None).into_iter();
    events.map(|event| (event.kind, event.message)).collect()
}

fn write(before: Value, after: Value) -> Write {
    Write {
        key: ObjectKey {
            kind: Kind::Gateway,
            namespace: "shop".into(),
            name: "edge".into(),
        },
        path: String::new(),
        patch: Value::Null,
        before,
        after,
        uid: "u-1".into(),
    }
}

/// A condition by type, status, reason and message.
fn condition([kind, status, reason, message]: [&str; 4]) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message})
}

/// A listener with these conditions.
fn listener(name: &str, conditions: &[[&str; 4]]) -> Value {
    let conditions: Vec<Value> = conditions.iter().map(|it| condition(*it)).collect();
    json!({"name": name, "conditions": conditions})
}

/// A status of a Gateway that is fine, with these listeners.
fn with_listeners(listeners: &[Value]) -> Value {
    json!({"conditions": [condition(FINE[0]), condition(FINE[1])], "listeners": listeners})
}

const FINE: [[&str; 4]; 2] = [
    ["Accepted", "True", "Accepted", "fine"],
    ["Programmed", "True", "Programmed", "fine"],
];
const KINDS: [&str; 4] = [
    "ResolvedRefs",
    "False",
    "InvalidRouteKinds",
    "not supported here: UDPRoute",
];

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

/// A name that somebody else has does not get free by waiting, and the API refuses again.
#[test]
fn a_gateway_that_is_refused_is_a_warning() {
    let of = |before: &str, after: &str| {
        let [before, after] = [before, after].map(|why| {
            let programmed = condition(["Programmed", "False", "Pending", why]);
            json!({"conditions": [condition(FINE[0]), programmed]})
        });
        let events = of_write(&write(before, after), "example.com/ours", Some("taken"));
        let events = events.into_iter();
        let shown = events.map(|it| format!("{} {} {}", it.kind, it.reason, it.message));
        shown.collect::<Vec<String>>()
    };
    let refused = ["Warning NotProvisioned Programmed=False: taken"];
    assert_eq!(of("none is ready yet", "taken"), refused);
    assert_eq!(of("taken", "taken"), [""; 0]);
    assert_eq!(of("taken", "none is ready yet"), [""; 0]);
}

#[test]
fn what_stays_is_no_event() {
    assert_eq!(of(Some(("False", "Pending")), ("False", "Pending")), []);
}

/// The Gateway is Accepted all the same, so nothing else would tell.
#[test]
fn a_listener_that_is_wrong_is_named() {
    let before = with_listeners(&[listener("tcp", &FINE)]);
    let [accepted, programmed] = FINE;
    let listeners = [
        listener("tcp", &FINE),
        listener("udp", &[accepted, programmed, KINDS]),
    ];
    let after = with_listeners(&listeners);
    let words = "listener `udp`: ResolvedRefs=False: not supported here: UDPRoute";
    let event = ("Warning", words.to_owned());
    assert_eq!(told(before, after.clone()), [event]);
    assert_eq!(told(after.clone(), after), []);
}

#[test]
fn what_many_listeners_share_is_one_event() {
    let names: Vec<String> = (0..64).map(|at| format!("l{at}")).collect();
    let listeners: Vec<Value> = names.iter().map(|it| listener(it, &[KINDS])).collect();
    let told = told(with_listeners(&[]), with_listeners(&listeners));
    let words = "listeners `l0`, `l1`, `l2`, `l3`, `l4`, `l5`, `l6`, `l7` and 56 more: \
                 ResolvedRefs=False: not supported here: UDPRoute";
    assert_eq!(told, [("Warning", words.to_owned())]);
}

/// A Gateway may have 64 of them, each wrong in words of its own.
#[test]
fn listeners_do_not_use_up_the_burst() {
    let listeners = (0..64).map(|at| {
        let why = format!("the port is that of listener `m{at}`");
        listener(
            &format!("l{at}"),
            &[["Conflicted", "True", "ProtocolConflict", &why]],
        )
    });
    let listeners: Vec<Value> = listeners.collect();
    let told = told(with_listeners(&[]), with_listeners(&listeners));
    assert_eq!(told.len(), LISTENER_EVENTS_MAX);
}

#[test]
fn what_follows_from_another_condition_is_told_once() {
    let why = "the port is taken";
    let bad = [
        ["Accepted", "False", "PortUnavailable", why],
        ["Programmed", "False", "Invalid", why],
    ];
    let before = with_listeners(&[listener("tcp", &FINE)]);
    let after = with_listeners(&[listener("tcp", &bad)]);
    let event = ("Warning", format!("listener `tcp`: Accepted=False: {why}"));
    assert_eq!(told(before, after), [event]);

    // A Gateway that serves no more says so for all its listeners.
    let lost = ["Programmed", "False", "Pending", "no proxy is ready yet"];
    let before = with_listeners(&[listener("tcp", &FINE)]);
    let after = json!({"conditions": [condition(FINE[0]), condition(lost)],
        "listeners": [listener("tcp", &[FINE[0], lost])]});
    let event = "Programmed=False: no proxy is ready yet".to_owned();
    assert_eq!(told(before, after), [("Warning", event)]);
}

#[test]
fn a_listener_that_is_fine_or_pending_is_no_event() {
    let pending = [
        "Programmed",
        "False",
        "Pending",
        "its Service has no address yet",
    ];
    let coming = with_listeners(&[listener("tcp", &[FINE[0], pending])]);
    assert_eq!(told(with_listeners(&[]), coming.clone()), []);
    let there = with_listeners(&[listener("tcp", &FINE)]);
    assert_eq!(told(coming, there), []);
}
