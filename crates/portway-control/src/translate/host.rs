//! What this host allows: addresses, ports claimed twice, sockets that could not be bound.
//!
//! In: judged Gateways and [`Facts`]. Out: the sockets each listener binds. Never: a bind; the
//! facts say what came of it. In a cluster each Gateway has addresses of its own, so only the
//! wildcards are bound and nothing can be claimed twice.
//! Spec: `GatewaySpec.Addresses`, `AddressNotUsable`, `PortUnavailable` (`gateway_types.go`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use portway_engine::limits::LISTENERS_MAX;

use super::plan::{GatewayPlan, Refusal};
use super::report::{Report, error, note, warning};
use super::words;
use crate::api::GatewayAddress;
use crate::provision::pod_port;
use crate::snapshot::{Applied, Facts, GatewayFacts, Snapshot, Target};
use crate::status::reason;

/// All addresses of this host, as two sockets.
const ANY: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
];

/// The type of `spec.addresses` that is supported.
const IP_ADDRESS: &str = "IPAddress";

/// Who has a port that is our own admin server's.
const OWN_ADMIN: &str = "Portway's own admin server";

const ADMIN_HELP: &str = "give the admin server another address with `--admin ADDR`, or none with \
                          `--admin off`; or choose another port";

const UNBOUND_HELP: &str = "free the port, choose another, or allow low ports to this user";

/// Gives every listener that is accepted so far its sockets.
pub(super) fn bind(snapshot: &Snapshot, gateways: &mut [GatewayPlan<'_>], report: &mut Report) {
    for gateway in &mut *gateways {
        addresses(gateway, snapshot, report);
        if gateway.refusal.is_some() && !has_proxies(gateway, snapshot) {
            continue;
        }
        for listener in &mut gateway.listeners {
            if listener.refusal.is_none() {
                let sockets = gateway.addresses.iter();
                let port = match snapshot.target {
                    Target::Standalone => listener.spec.port,
                    Target::Cluster => pod_port(listener.spec.port, &gateway.source.object),
                };
                listener.binds = sockets.map(|ip| SocketAddr::new(*ip, port)).collect();
            }
        }
    }
    let mut closed = snapshot.facts.unbound.clone();
    if snapshot.target == Target::Standalone {
        claim(gateways, report);
        let binds = gateways.iter().flat_map(|gateway| &gateway.listeners);
        let binds = binds.flat_map(|listener| listener.binds.iter().copied());
        note_admin(&snapshot.facts, binds, &mut closed);
        report_unbound(gateways, (&snapshot.facts, &closed), report);
    }
    for listener in gateways
        .iter_mut()
        .flat_map(|gateway| &mut gateway.listeners)
    {
        let open = listener.binds.iter();
        let absent = &snapshot.facts.absent;
        let open = open.filter(|it| !closed.contains_key(it) && !absent.contains(it));
        listener.open = open.copied().collect();
        listener.is_bound = !listener.open.is_empty();
    }
}

/// Whether a Gateway has proxies in a cluster. They stay when it is refused, and then go by what else
/// is true: a grant that is gone is gone for them too.
fn has_proxies(gateway: &GatewayPlan<'_>, snapshot: &Snapshot) -> bool {
    let cluster = snapshot.facts.cluster.as_ref();
    cluster.is_some_and(|facts| facts.gateways.contains_key(&gateway.source.key))
}

/// The addresses a Gateway binds, from those it asks for.
fn addresses(gateway: &mut GatewayPlan<'_>, snapshot: &Snapshot, report: &mut Report) {
    let asked = &gateway.source.object.spec.addresses;
    let mut usable = BTreeSet::new();
    for (index, address) in asked.iter().enumerate() {
        if address.kind != IP_ADDRESS {
            refuse_type(gateway, index, address, report);
        } else if address.value.is_empty() {
            usable.extend(ANY);
        } else {
            let ip = address.value.parse::<IpAddr>().map(|ip| ip.to_canonical());
            let is_usable = |ip: &IpAddr| match &snapshot.facts.cluster {
                Some(facts) => is_of_service(*ip, facts.gateways.get(&gateway.source.key)),
                None => snapshot.target == Target::Cluster || is_of_host(*ip, &snapshot.facts),
            };
            if let Some(ip) = ip.ok().filter(is_one_host).filter(is_usable) {
                usable.insert(ip);
                continue;
            }
            report_unusable(gateway, index, address, (snapshot.target, report));
            gateway.unusable.push(&address.value);
        }
    }
    gateway.addresses = match snapshot.target {
        Target::Standalone if !asked.is_empty() => without_covered(&usable),
        Target::Standalone | Target::Cluster => ANY.to_vec(),
    };
}

/// A wildcard socket takes every address of its family, so the others are not bound beside it.
fn without_covered(addresses: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
    let uncovered = |ip: &&IpAddr| ip.is_unspecified() || !addresses.contains(&wildcard(**ip));
    addresses.iter().filter(uncovered).copied().collect()
}

fn wildcard(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// Multicast and broadcast are addresses of many, where no TCP socket can be bound.
fn is_one_host(ip: &IpAddr) -> bool {
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !ip.is_multicast() && !is_broadcast
}

fn is_of_host(ip: IpAddr, facts: &Facts) -> bool {
    let known = facts.host_addresses.as_ref();
    ip.is_unspecified() || ip.is_loopback() || known.is_none_or(|known| known.contains(&ip))
}

/// Of a Service that could not be made nobody knows what it would get.
fn is_of_service(ip: IpAddr, facts: Option<&GatewayFacts>) -> bool {
    facts.is_some_and(|facts| {
        let mut got = facts.addresses.iter();
        let is_unknown = facts.refused.is_some() && facts.addresses.is_empty();
        is_unknown || got.any(|address| address.value.parse() == Ok(ip))
    })
}

fn refuse_type(
    gateway: &mut GatewayPlan<'_>,
    index: usize,
    address: &GatewayAddress,
    report: &mut Report,
) {
    let origin = &gateway.source.origin;
    let place = origin.place(&format!("spec.addresses[{index}].type"));
    let what = format!("an address of type `{}` cannot be bound", address.kind);
    report.add(
        error(308, place, what)
            .label("unsupported type of address")
            .effect(format!("no listener of {} is served", gateway.source.key))
            .help("use type `IPAddress` with an address of the host, or none for all"),
    );
    gateway.refusal.get_or_insert_with(|| Refusal {
        reason: reason::UNSUPPORTED_ADDRESS,
        message: format!("addresses of type `{}` are not supported", address.kind),
    });
}

fn report_unusable(
    gateway: &GatewayPlan<'_>,
    index: usize,
    address: &GatewayAddress,
    (target, report): (Target, &mut Report),
) {
    let origin = &gateway.source.origin;
    let place = origin.place(&format!("spec.addresses[{index}].value"));
    let (whose, label, help) = match target {
        Target::Standalone => (
            "of this host",
            "no interface has it",
            "add it to an interface, or name an address that the host has",
        ),
        Target::Cluster => (
            "of the Gateway's Service",
            "the cluster has not given it to the Service",
            "name one address that the load balancer can give, or none",
        ),
    };
    let is_of_many = address.value.parse().is_ok_and(|ip| !is_one_host(&ip));
    let (label, help) = match is_of_many {
        true => (
            "multicast and broadcast are for many, a stream goes to one",
            "name an address of one host, or none for all that it has",
        ),
        false => (label, help),
    };
    let what = format!("`{}` is not an address {whose}", address.value);
    report.add(
        error(502, place, what)
            .label(label)
            .effect(format!("{} does not listen there", gateway.source.key))
            .help(help),
    );
}

/// Who holds a port: a Gateway and a listener, as indices.
type Holder = (usize, usize);

/// A socket that cannot be had.
#[derive(Debug, Clone, Copy)]
struct Taken {
    holder: Holder,
    /// The address that its holder has.
    held: IpAddr,
    /// The address that was wanted.
    wanted: IpAddr,
}

impl Taken {
    /// Which port of which address it is about, who has it, and why that is in the way.
    fn in_words(&self, port: u16, holder: &str) -> String {
        let Self { held, wanted, .. } = self;
        match (held.is_unspecified(), wanted.is_unspecified()) {
            (true, true) => format!("port {port} already belongs to {holder}"),
            (true, false) => format!(
                "port {port} of {wanted} already belongs to {holder}, which has every address"
            ),
            (false, true) => format!(
                "port {port} of every address is wanted, and that of {held} already belongs to \
                 {holder}"
            ),
            (false, false) => format!("port {port} of {held} already belongs to {holder}"),
        }
    }

    fn help(&self) -> &'static str {
        match self.held.is_unspecified() == self.wanted.is_unspecified() {
            true => "choose another port, or give the Gateways different `spec.addresses`",
            false => {
                "choose another port, or name in `spec.addresses` of each Gateway the addresses \
                 it is to have"
            }
        }
    }
}

/// The sockets that are given away. A wildcard and an address of its family exclude each other.
#[derive(Debug, Default)]
struct Claims {
    sockets: BTreeMap<(u16, bool), BTreeMap<IpAddr, Holder>>,
    n_holders: usize,
}

impl Claims {
    /// Who already holds `socket`, or a part of it.
    fn holder(&self, socket: SocketAddr) -> Option<Taken> {
        let held = self.sockets.get(&(socket.port(), socket.is_ipv6()))?;
        let exact = held.get_key_value(&socket.ip());
        let any = held.get_key_value(&wildcard(socket.ip()));
        let part = held.iter().next().filter(|_| socket.ip().is_unspecified());
        let (ip, holder) = exact.or(any).or(part)?;
        Some(Taken {
            holder: *holder,
            held: *ip,
            wanted: socket.ip(),
        })
    }

    fn take(&mut self, sockets: &[SocketAddr], holder: Holder) {
        self.n_holders += usize::from(!sockets.is_empty());
        for socket in sockets {
            let port = (socket.port(), socket.is_ipv6());
            let held = self.sockets.entry(port).or_default();
            held.insert(socket.ip(), holder);
        }
    }
}

/// Gives each port to the oldest Gateway that wants it; the younger one's listener is refused.
fn claim(gateways: &mut [GatewayPlan<'_>], report: &mut Report) {
    let mut by_age: Vec<usize> = (0..gateways.len()).collect();
    by_age.sort_by_key(|at| gateways[*at].age);
    let mut claims = Claims::default();
    for at in by_age {
        for own in 0..gateways[at].listeners.len() {
            let binds = gateways[at].listeners[own].binds.clone();
            let taken = binds.iter().find_map(|socket| claims.holder(*socket));
            match taken {
                Some(taken) => refuse_port(gateways, (at, own), taken, report),
                None if claims.n_holders == LISTENERS_MAX => {
                    refuse_crowd(&mut gateways[at], own, report);
                }
                None => claims.take(&binds, (at, own)),
            }
        }
    }
}

fn refuse_port(gateways: &mut [GatewayPlan<'_>], loser: Holder, taken: Taken, report: &mut Report) {
    let (gateway, older) = (&gateways[loser.0], &gateways[taken.holder.0]);
    let (listener, held) = (
        &gateway.listeners[loser.1],
        &older.listeners[taken.holder.1],
    );
    let port = listener.spec.port;
    let holder_name = format!("{}, listener `{}`", older.source.key, held.spec.name);
    let place = gateway.listener_place(listener.index, ".port");
    let what = taken.in_words(port, &holder_name);
    let message = format!("{what}; that Gateway is older");
    report.add(
        error(501, place.clone(), what)
            .label(format!("{} is older", older.source.key))
            .effect(format!("listener `{}` is not served", listener.name))
            .help(taken.help())
            .related(older.listener_place(held.index, ".port"), "the older claim"),
    );
    if gateway.age.by_input_order(older.age) {
        let (older, younger) = (&older.source.key, &gateway.source.key);
        report.add(
            note(
                506,
                place,
                format!("{older} counts as older than {younger}"),
            )
            .label("neither has a creationTimestamp: the order of input decides")
            .help(format!(
                "put {younger} before it, if that is to be the older"
            )),
        );
    }
    let listener = &mut gateways[loser.0].listeners[loser.1];
    listener.binds.clear();
    listener.refusal = Some(Refusal {
        reason: reason::PORT_UNAVAILABLE,
        message,
    });
}

/// A table holds one listener for every port there is; with many addresses more can be declared.
fn refuse_crowd(gateway: &mut GatewayPlan<'_>, at: usize, report: &mut Report) {
    let listener = &mut gateway.listeners[at];
    let message = format!("one instance serves {LISTENERS_MAX} listeners at most");
    listener.binds.clear();
    listener.refusal = Some(Refusal {
        reason: reason::PORT_UNAVAILABLE,
        message: message.clone(),
    });
    let place = gateway.listener_place(gateway.listeners[at].index, "");
    let effect = format!("listener `{}` is not served", gateway.listeners[at].name);
    let help = "declare fewer listeners, or run another instance for the rest";
    report.add(error(501, place, message).effect(effect).help(help));
}

/// Our own admin server is there before any listener: of sockets that it takes that is the reason,
/// and it is known before anything is tried.
fn note_admin(
    facts: &Facts,
    binds: impl Iterator<Item = SocketAddr>,
    closed: &mut BTreeMap<SocketAddr, String>,
) {
    if facts.admin.is_empty() {
        return;
    }
    for socket in binds {
        let is_closed = facts.applied == Applied::Assumed || closed.contains_key(&socket);
        if let Some(admin) = facts.admin_at(socket).filter(|_| is_closed) {
            closed.insert(
                socket,
                format!("{OWN_ADMIN} is at {admin} (`--admin` moves it)"),
            );
        }
    }
}

/// Listeners with a socket that could not be bound, and why. They stay in the table: the proxy tries
/// again, and their other sockets serve.
fn report_unbound(
    gateways: &mut [GatewayPlan<'_>],
    (facts, closed): (&Facts, &BTreeMap<SocketAddr, String>),
    report: &mut Report,
) {
    if closed.is_empty() {
        return;
    }
    // What is foreseen depends on flags that only `run` sees, so nobody must act yet.
    let (verb, found): (_, fn(_, _, String) -> _) = match facts.applied {
        Applied::Assumed if facts.unbound.is_empty() => ("cannot", warning),
        _ => ("could not", error),
    };
    for gateway in gateways {
        for at in 0..gateway.listeners.len() {
            let listener = &gateway.listeners[at];
            let failed: Vec<(SocketAddr, &String)> = listener
                .binds
                .iter()
                .filter_map(|socket| Some((*socket, closed.get(socket)?)))
                .collect();
            if failed.is_empty() {
                continue;
            }
            let is_admins = failed.iter().any(|(_, why)| why.starts_with(OWN_ADMIN));
            let (label, help) = match is_admins {
                true => ("the port of Portway's own admin server", ADMIN_HELP),
                false => ("the host refused the socket", UNBOUND_HELP),
            };
            let reasons: Vec<String> = failed
                .iter()
                .map(|(socket, why)| format!("{socket}: {why}"))
                .collect();
            let reasons = reasons.join("; ");
            let serving = listener.binds.iter();
            let serving = serving.filter(|socket| !closed.contains_key(socket));
            let effect = match words::names(serving) {
                none if none.is_empty() => "no connection reaches it; retried every second".into(),
                others => format!("only {others} serves; the rest is retried every second"),
            };
            let what = format!("listener `{}` {verb} be bound: {reasons}", listener.name);
            let place = gateway.listener_place(listener.index, ".port");
            report.add(
                found(503, place, what)
                    .label(label)
                    .effect(effect.clone())
                    .help(help),
            );
            gateway.listeners[at].refusal = Some(Refusal {
                reason: reason::PORT_UNAVAILABLE,
                message: format!("{reasons}; {effect}"),
            });
        }
    }
}
