//! A table in words, one fact per line: for golden cases, `check` and `explain`.
//!
//! In: a [`TableSpec`]. Out: text. Never: a name that is not in the table.

use std::fmt::Write as _;

use super::{BackendSpec, ListenerSpec, Protocol, TableSpec, TargetSpec};

/// Every listener with its sockets and its route, then every route with its backends.
pub fn show(spec: &TableSpec) -> String {
    let mut out = String::new();
    for listener in &spec.listeners {
        show_listener(&mut out, listener);
    }
    for route in &spec.routes {
        _ = writeln!(out, "route {}", route.name);
        for backend in &route.backends {
            show_backend(&mut out, backend);
        }
    }
    out
}

fn show_listener(out: &mut String, listener: &ListenerSpec) {
    let protocol = match listener.protocol {
        Protocol::Tcp => "tcp",
    };
    _ = write!(out, "listener {} {protocol}", listener.name);
    for bind in &listener.binds {
        _ = write!(out, " {bind}");
    }
    let route = listener.route.as_deref().unwrap_or("reject NoRoute");
    _ = writeln!(out, " -> {route}");
}

fn show_backend(out: &mut String, backend: &BackendSpec) {
    _ = write!(out, "  {} weight {} ->", backend.name, backend.weight);
    match &backend.target {
        TargetSpec::Endpoints(endpoints) => {
            for endpoint in endpoints {
                _ = write!(out, " {endpoint}");
            }
        }
        TargetSpec::Reject(reason) => _ = write!(out, " reject {reason:?}"),
    }
    out.push('\n');
}
