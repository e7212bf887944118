//! Listeners of one Gateway that cannot be told apart.
//!
//! In: judged listeners. Out: `conflict` and `refusal` of all that are not distinct; no winner.
//! Never: listeners of two Gateways ([`super::host`]).
//! Spec: `GatewaySpec.Listeners`, "Distinct Listeners" (`gateway_types.go`, v1.7.0); GEP-2644.

use std::collections::BTreeMap;

use super::listener::TCP;
use super::plan::{GatewayPlan, Refusal};
use super::report::{Report, error};
use super::words;
use crate::limits::NAMES_SHOWN_MAX;
use crate::status::reason;

/// What shares a port on the wire: everything over TCP does, UDP stands apart. Whether an unknown
/// protocol is over TCP nobody can know, so it conflicts with none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Transport {
    Tcp,
    Udp,
}

fn transport(protocol: &str) -> Option<Transport> {
    match protocol {
        TCP | "HTTP" | "HTTPS" | "TLS" => Some(Transport::Tcp),
        "UDP" => Some(Transport::Udp),
        _ => None,
    }
}

/// Marks the listeners of each Gateway that are not distinct.
pub(super) fn find(gateways: &mut [GatewayPlan<'_>], report: &mut Report) {
    for gateway in gateways {
        let mut ports: BTreeMap<(Transport, u16), Vec<usize>> = BTreeMap::new();
        for (at, listener) in gateway.listeners.iter().enumerate() {
            if let Some(transport) = transport(&listener.spec.protocol) {
                let port = (transport, listener.spec.port);
                ports.entry(port).or_default().push(at);
            }
        }
        for sharing in ports.values().filter(|sharing| sharing.len() > 1) {
            judge_port(gateway, sharing, report);
        }
    }
}

/// Listeners that share a port: with a plain one among them nothing tells them apart; otherwise
/// the hostname does.
fn judge_port(gateway: &mut GatewayPlan<'_>, sharing: &[usize], report: &mut Report) {
    let spec = |at: &usize| gateway.listeners[*at].spec;
    if sharing
        .iter()
        .any(|at| matches!(spec(at).protocol.as_str(), TCP | "UDP"))
    {
        mark(gateway, sharing, reason::PROTOCOL_CONFLICT, report);
        return;
    }
    let mut hostnames: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for at in sharing {
        let hostname = spec(at)
            .hostname
            .as_deref()
            .filter(|hostname| !hostname.is_empty());
        hostnames.entry(hostname).or_default().push(*at);
    }
    for group in hostnames.values().filter(|group| group.len() > 1) {
        mark(gateway, group, reason::HOSTNAME_CONFLICT, report);
    }
}

fn mark(gateway: &mut GatewayPlan<'_>, group: &[usize], reason: &'static str, report: &mut Report) {
    for at in group {
        let others: Vec<usize> = group.iter().copied().filter(|other| other != at).collect();
        let with = words::listeners(others.iter().map(|o| &gateway.listeners[*o].spec.name));
        let listener = &gateway.listeners[*at];
        let port = listener.spec.port;
        let field = match reason {
            reason::HOSTNAME_CONFLICT if listener.spec.hostname.is_some() => ".hostname",
            _ => ".port",
        };
        let what = format!(
            "listener `{}` cannot be told apart from {with}",
            listener.spec.name
        );
        let mut found = error(306, gateway.listener_place(listener.index, field), what)
            .label(format!("port {port} is declared for more than one"))
            .effect(format!("port {port} is not opened for any of them"))
            .help("give each a port of its own");
        for other in others.iter().take(NAMES_SHOWN_MAX) {
            let other = &gateway.listeners[*other];
            let words = format!("`{}`, protocol {}", other.spec.name, other.spec.protocol);
            found = found.related(gateway.listener_place(other.index, ".port"), words);
        }
        report.add(found);
        let conflict = Refusal {
            reason,
            message: format!("on port {port} it cannot be told apart from {with}"),
        };
        let listener = &mut gateway.listeners[*at];
        listener.refusal.get_or_insert_with(|| conflict.clone());
        listener.conflict = Some(conflict);
    }
}
