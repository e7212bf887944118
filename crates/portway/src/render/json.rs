//! `check --output json`: everything the text says, for machines. Its shape is told in
//! docs/guide/check.md.
//!
//! In: diagnostics, listeners, statuses. Out: one JSON object. Fields are only ever added.

use portway_control::diagnostic::{Diagnostic, Severity};
use portway_control::origin::{ObjectKey, Place};
use serde_json::{Value, json};

use crate::outline::{Fate, ListenerLine, Share, Target};

/// A finding.
pub(crate) fn diagnostic(diagnostic: &Diagnostic) -> Value {
    let related = diagnostic.related.iter();
    json!({
        "code": diagnostic.code.to_string(),
        "severity": severity(diagnostic.severity),
        "what": diagnostic.what,
        "label": diagnostic.label,
        "effect": diagnostic.effect,
        "help": diagnostic.help,
        "place": place(&diagnostic.place),
        "related": related
            .map(|(at, words)| json!({ "place": place(at), "label": words }))
            .collect::<Vec<_>>(),
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Where something is written.
pub(crate) fn place(place: &Place) -> Value {
    json!({
        "file": place.source,
        "line": place.span.line,
        "column": place.span.column,
        "field": place.field,
    })
}

/// A declared listener and what becomes of its streams.
pub(crate) fn listener(line: &ListenerLine) -> Value {
    let mut value = json!({
        "gateway": { "namespace": line.gateway.namespace, "name": line.gateway.name },
        "name": line.name,
        "protocol": line.protocol,
        "port": line.port,
    });
    let (fate, more) = match &line.fate {
        Fate::NotServed { reason, message } => (
            "not_served",
            json!({ "reason": reason, "message": message }),
        ),
        Fate::Rejects(reason) => ("rejects", json!({ "reason": reason.name() })),
        Fate::Serves { route, backends } => {
            let backends: Vec<Value> = backends.iter().map(share).collect();
            ("serves", json!({ "route": route, "backends": backends }))
        }
    };
    value["fate"] = fate.into();
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

fn share(share: &Share) -> Value {
    let (endpoints, names, rejected) = match &share.target {
        Target::Endpoints(endpoints) => (endpoints.as_slice(), &[][..], None),
        Target::Names(names, endpoints) => (endpoints.as_slice(), names.as_slice(), None),
        Target::Rejected(reason, _) => (&[][..], &[][..], Some(reason.name())),
    };
    let endpoints: Vec<String> = endpoints.iter().map(|it| it.to_string()).collect();
    json!({
        "name": share.backend,
        "weight": share.weight,
        "weightSum": share.of,
        "endpoints": endpoints,
        "names": names,
        "rejected": rejected,
    })
}

/// Names an object.
pub(crate) fn object(key: &ObjectKey) -> Value {
    json!({ "kind": key.kind.name(), "namespace": key.namespace, "name": key.name })
}
