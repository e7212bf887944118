//! Listeners one by one: protocol, kinds, who may attach.
//!
//! In: Gateways of ours. Out: their plans, listeners judged each for itself. Never: a look at other
//! listeners ([`super::conflict`]) or at this host ([`super::host`]).
//! Spec: `Listener`, `AllowedRoutes`, `ListenerStatus.supportedKinds` (`gateway_types.go`, v1.7.0).

use std::collections::{BTreeMap, BTreeSet};

use super::age::Age;
use super::class::{self, Class};
use super::index::Index;
use super::parameters;
use super::plan::{GatewayPlan, ListenerPlan, Refusal};
use super::report::{Report, error};
use super::words;
use crate::api::{GATEWAY_GROUP, Gateway, Kind, Listener, RouteGroupKind};
use crate::origin::Sourced;
use crate::status::reason;

/// Protocols that the API knows and we do not serve yet.
const NOT_YET: [&str; 4] = ["HTTP", "HTTPS", "TLS", "UDP"];

/// Kinds of routes that the API knows: whoever writes one means it.
const ROUTE_KINDS: [&str; 5] = ["GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "UDPRoute"];

/// The protocol we serve.
pub(super) const TCP: &str = "TCP";

/// The kind that attaches to it.
pub(super) const TCP_ROUTE: &str = Kind::TcpRoute.name();

/// Plans every Gateway of ours, in order of their names.
pub(super) fn declared<'a>(
    index: &Index<'a>,
    classes: &BTreeMap<&str, Class<'_>>,
    report: &mut Report,
) -> Vec<GatewayPlan<'a>> {
    let mut plans = Vec::new();
    for source in index.snapshot.objects.gateways.values() {
        let Some(class_refusal) = class::of_gateway(index, classes, source, report) else {
            continue;
        };
        let refusal = class_refusal.or_else(|| parameters_refused(index, source, report));
        plans.push(GatewayPlan {
            source,
            age: Age::of(source, &source.object.metadata),
            refusal,
            addresses: Vec::new(),
            unusable: Vec::new(),
            listeners: listeners(source, report),
        });
    }
    plans
}

fn parameters_refused(
    index: &Index<'_>,
    source: &Sourced<Gateway>,
    report: &mut Report,
) -> Option<Refusal> {
    let infrastructure = source.object.spec.infrastructure.as_ref()?;
    let reference = infrastructure.parameters_ref.as_ref()?;
    let refusal = parameters::resolve(index, reference, Some(&source.key.namespace)).err()?;
    let place = source.origin.place("spec.infrastructure.parametersRef");
    let what = format!("{} refers to parameters that cannot be used", source.key);
    report.add(
        error(304, place, what)
            .label(refusal.message.clone())
            .effect("none of its listeners is served")
            .help("name a GatewayConfig of group `portway.dev`, or remove `parametersRef`"),
    );
    Some(refusal)
}

/// Each listener by itself. The API refuses a second one of the same name, so only the first
/// counts where an object came without its checks.
fn listeners<'a>(source: &'a Sourced<Gateway>, report: &mut Report) -> Vec<ListenerPlan<'a>> {
    let mut seen = BTreeSet::new();
    let mut plans = Vec::new();
    for (index, spec) in source.object.spec.listeners.iter().enumerate() {
        if !seen.insert(spec.name.as_str()) {
            continue;
        }
        let name = format!("{}/{}/{}", source.key.namespace, source.key.name, spec.name);
        let refusal = protocol(source, index, spec, report);
        let (kinds, unknown_kinds) = kinds(source, index, spec, report);
        plans.push(ListenerPlan {
            index,
            spec,
            name: name.into(),
            kinds,
            unknown_kinds,
            conflict: None,
            refusal,
            binds: Vec::new(),
            open: Vec::new(),
            is_bound: false,
            routes: Vec::new(),
            winner: None,
        });
    }
    plans
}

fn protocol(
    source: &Sourced<Gateway>,
    index: usize,
    spec: &Listener,
    report: &mut Report,
) -> Option<Refusal> {
    let protocol = spec.protocol.as_str();
    if protocol == TCP {
        return None;
    }
    let known = NOT_YET.contains(&protocol);
    let all = NOT_YET.iter().copied().chain([TCP]);
    let help = match report.guess(protocol, all) {
        Some(guess) if !known => guess,
        _ => "Portway serves `TCP` listeners".to_owned(),
    };
    let label = if known {
        "not supported yet"
    } else {
        "unknown protocol"
    };
    let place = source
        .origin
        .place(&format!("spec.listeners[{index}].protocol"));
    let what = format!("listener `{}` has protocol `{protocol}`", spec.name);
    report.add(
        error(305, place, what)
            .label(label)
            .effect(format!("port {} is not opened for it", spec.port))
            .help(help),
    );
    Some(Refusal {
        reason: reason::UNSUPPORTED_PROTOCOL,
        message: format!("protocol `{protocol}` is not supported"),
    })
}

/// Kinds that may attach, and those asked for that may not.
fn kinds(
    source: &Sourced<Gateway>,
    index: usize,
    spec: &Listener,
    report: &mut Report,
) -> (Vec<RouteGroupKind>, Vec<String>) {
    let ours = RouteGroupKind {
        group: GATEWAY_GROUP.to_owned(),
        kind: TCP_ROUTE.to_owned(),
    };
    let asked = &spec.allowed_routes.kinds;
    let serves = spec.protocol == TCP;
    if asked.is_empty() {
        return (if serves { vec![ours] } else { Vec::new() }, Vec::new());
    }
    let (mut kinds, mut unknown) = (Vec::new(), Vec::new());
    for (at, kind) in asked.iter().enumerate() {
        if serves && *kind == ours {
            kinds = vec![ours.clone()];
            continue;
        }
        let name = words::route_kind(kind);
        let field = format!("spec.listeners[{index}].allowedRoutes.kinds[{at}]");
        let what = format!(
            "listener `{}` cannot take routes of kind `{name}`",
            spec.name
        );
        let is_slip = serves && !ROUTE_KINDS.contains(&name.as_str());
        let guess = is_slip.then(|| report.guess(&name, [TCP_ROUTE])).flatten();
        let help = guess.unwrap_or_else(|| match serves {
            true => "a `TCP` listener takes `TCPRoute`".to_owned(),
            false => format!("protocol `{}` is not supported", spec.protocol),
        });
        report.add(
            error(307, source.origin.place(&field), what)
                .label("not a kind of this protocol that is supported")
                .effect("routes of this kind get no connections from it")
                .help(help),
        );
        unknown.push(name);
    }
    (kinds, unknown)
}
