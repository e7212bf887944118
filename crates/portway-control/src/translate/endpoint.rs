//! The endpoints of one port of a Service.
//!
//! In: its EndpointSlices, addresses of names, our own sockets. Out: addresses in order, each once.
//! Never: an endpoint that is not serving, or one that leads back to us.
//! Spec: Kubernetes discovery/v1; KEP-1669: ready ones, or, if there is none, those that terminate
//! and still serve. `ready` wins over `serving`: `publishNotReadyAddresses` asks for just that.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use portway_engine::limits::ENDPOINTS_PER_BACKEND_MAX;
use portway_engine::table::{RejectReason, TargetSpec};

use super::index::{Index, Slices};
use super::own::OwnSockets;
use super::report::{Report, note, warning};
use super::slices::of_family;
use crate::api::{AddressType, Endpoint, EndpointConditions, Service, ServicePort, is_domain_name};
use crate::limits::NAMES_SHOWN_MAX;
use crate::origin::{Place, Sourced};
use crate::snapshot::{Applied, Snapshot, Target};

/// What a port of a Service gives.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    /// Usable addresses, sorted.
    pub(super) usable: Vec<SocketAddr>,
    /// Addresses left out because they are listeners of ours, and where they are written.
    pub(super) loops: Vec<(SocketAddr, Arc<str>, Place)>,
    /// `name:port` of endpoints whose names nobody has asked for yet: what they give shows when
    /// Portway runs.
    pub(super) unasked: BTreeSet<String>,
    /// Why there are none, if so: a few words and a way out.
    pub(super) why_none: (String, String),
}

impl Endpoints {
    /// What a share gets that is sent here.
    pub(super) fn target(&self) -> TargetSpec {
        match self.usable.as_slice() {
            [] if self.loops.is_empty() => TargetSpec::Reject(RejectReason::NoEndpoint),
            [] => TargetSpec::Reject(RejectReason::Loop),
            usable => TargetSpec::Endpoints(usable.to_vec()),
        }
    }
}

/// Whether an endpoint takes new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Terminating,
    Unusable,
}

fn state(conditions: EndpointConditions) -> State {
    let serving = conditions.serving.unwrap_or(true);
    let terminating = conditions.terminating.unwrap_or(false);
    match conditions.ready.unwrap_or(true) {
        true => State::Ready,
        false if serving && terminating => State::Terminating,
        false => State::Unusable,
    }
}

/// Everything found in the slices, before the choice.
#[derive(Debug, Default)]
struct Found {
    ready: BTreeSet<SocketAddr>,
    terminating: BTreeSet<SocketAddr>,
    loops: BTreeSet<(SocketAddr, Arc<str>, Place)>,
    unasked: BTreeSet<String>,
    n_endpoints: usize,
    n_unready: usize,
    n_slices: usize,
}

/// Finds the endpoints of `port` of a Service. A backend may not have more than
/// [`ENDPOINTS_PER_BACKEND_MAX`], so the search ends soon after.
pub(super) fn find(
    index: &Index<'_>,
    own: &OwnSockets,
    service: &Sourced<Service>,
    port: &ServicePort,
    report: &mut Report,
) -> Endpoints {
    let nothing = Slices::default();
    let slices = index.slices((&*service.key.namespace, &*service.key.name));
    let slices = slices.unwrap_or(&nothing);
    let matching = slices.by_port.get(&(&*port.name, &*port.protocol));
    let mut found = Found::default();
    for (slice, number) in matching.into_iter().flatten() {
        if found.ready.len() > ENDPOINTS_PER_BACKEND_MAX {
            break;
        }
        found.n_slices += 1;
        for (at, endpoint) in slice.object.endpoints.iter().enumerate() {
            found.n_endpoints += 1;
            found.n_unready += usize::from(state(endpoint.conditions) == State::Unusable);
            let place = || slice.origin.place(&format!("endpoints[{at}].addresses[0]"));
            let Some(address) = endpoint.addresses.first() else {
                continue;
            };
            if slice.object.address_type != AddressType::Fqdn {
                if let Some(ip) = of_family(slice.object.address_type, address) {
                    let socket = SocketAddr::new(ip, *number);
                    take(&mut found, own, socket, (endpoint, &place));
                }
                continue;
            }
            if state(endpoint.conditions) != State::Unusable && is_unasked(index, address) {
                found.unasked.insert(format!("{address}:{number}"));
            }
            for ip in resolved(index, address, place, report) {
                let socket = SocketAddr::new(ip, *number);
                take(&mut found, own, socket, (endpoint, &place));
            }
        }
    }
    let why_none = why_none(service, port, slices, &found);
    let chosen = if found.ready.is_empty() {
        found.terminating
    } else {
        found.ready
    };
    Endpoints {
        usable: prefer_family(&chosen, &service.object.spec.ip_families),
        loops: found.loops.into_iter().collect(),
        unasked: found.unasked,
        why_none,
    }
}

fn take(
    found: &mut Found,
    own: &OwnSockets,
    socket: SocketAddr,
    (endpoint, place): (&Endpoint, &impl Fn() -> Place),
) {
    let state = state(endpoint.conditions);
    if state == State::Unusable {
        return;
    }
    if let Some(listener) = own.reached_by(socket) {
        let listener = Arc::clone(listener);
        found.loops.insert((socket, listener, place()));
        return;
    }
    match state {
        State::Ready => found.ready.insert(socket),
        State::Terminating | State::Unusable => found.terminating.insert(socket),
    };
}

/// Whether nobody could ask for a name yet: nothing is known of the world.
fn is_unasked(index: &Index<'_>, name: &str) -> bool {
    let Snapshot { target, facts, .. } = index.snapshot;
    *target == Target::Standalone
        && facts.applied == Applied::Assumed
        && !facts.resolved.contains_key(name)
        && is_domain_name(name)
}

/// What a name resolved to. One that cannot be a name is told of by [`super::slices`].
fn resolved(
    index: &Index<'_>,
    name: &str,
    place: impl Fn() -> Place,
    report: &mut Report,
) -> Vec<IpAddr> {
    if index.snapshot.target == Target::Cluster || !is_domain_name(name) {
        return Vec::new();
    }
    let known = index.snapshot.facts.resolved.get(name);
    let known = known.filter(|known| !known.is_empty());
    if known.is_none() {
        report.add(match is_unasked(index, name) {
            true => note(212, place(), format!("`{name}` is not resolved here"))
                .label("resolved while Portway runs")
                .help("check that the name exists where Portway will run"),
            false => warning(212, place(), format!("`{name}` has no address yet"))
                .label("not resolved")
                .effect("this endpoint gets no connections")
                .help("check that the name exists; Portway goes on asking for it"),
        });
    }
    known.cloned().unwrap_or_default()
}

/// Both families of a Service with `ipFamilies` show the same Pods, so one is enough: the first
/// that has endpoints. Without `ipFamilies` each address stands for itself.
fn prefer_family(chosen: &BTreeSet<SocketAddr>, families: &[String]) -> Vec<SocketAddr> {
    for family in families {
        let is_ipv6 = family == "IPv6";
        let of_family = chosen.iter().filter(|socket| socket.is_ipv6() == is_ipv6);
        let of_family: Vec<SocketAddr> = of_family.copied().collect();
        if !of_family.is_empty() {
            return of_family;
        }
    }
    chosen.iter().copied().collect()
}

fn why_none(
    service: &Sourced<Service>,
    port: &ServicePort,
    slices: &Slices<'_>,
    found: &Found,
) -> (String, String) {
    if slices.n_slices == 0 {
        let label = format!("kubernetes.io/service-name: {}", service.key.name);
        let help = format!("add an EndpointSlice with the label `{label}`");
        return ("it has no EndpointSlice".to_owned(), help);
    }
    if found.n_slices == 0 && slices.by_port.contains_key(&(&*port.name, &*port.protocol)) {
        let named = named_port(&port.name, &port.protocol);
        let help = "give it a number, `port`: without one it means every port, none to connect to";
        return (
            format!("in its EndpointSlices the {named} has no number to connect to"),
            help.to_owned(),
        );
    }
    if found.n_slices == 0 {
        let wanted = named_port(&port.name, &port.protocol);
        let others = slices.by_port.keys().take(NAMES_SHOWN_MAX);
        let others = others.map(|(name, protocol)| named_port(name, protocol));
        let others = match others.collect::<Vec<_>>() {
            none if none.is_empty() => "no ports".to_owned(),
            others => others.join(", "),
        };
        let help = format!("they have {others}; name the slices' ports as the Service does");
        return (format!("its EndpointSlices have no {wanted}"), help);
    }
    let why = match found.n_endpoints {
        0 => "its EndpointSlices are empty".to_owned(),
        1 => "its only one cannot be used".to_owned(),
        n => format!("none of its {n} can be used"),
    };
    let help = match found.n_unready {
        0 => "what is said of its EndpointSlices tells why",
        _ => "wait until one is ready, or look at `conditions` in its EndpointSlices",
    };
    (why, help.to_owned())
}

fn named_port(name: &str, protocol: &str) -> String {
    match name {
        "" => format!("{protocol} port without a name"),
        name => format!("{protocol} port `{name}`"),
    }
}
