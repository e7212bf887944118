//! Statuses from what is decided.
//!
//! In: plans and backends. Out: every condition with the generation it was decided for. Never: a
//! time; whoever writes a status fills it in ([`crate::status::merge`]).
//! Spec: `gateway_types.go`, `shared_types.go` (v1.7.0).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::backend::Backends;
use super::plan::{GatewayPlan, ListenerPlan, ParentPlan, RoutePlan};
use super::winner::{Score, score};
use super::words;
use crate::api::GatewayAddress;
use crate::limits::{NAMES_SHOWN_MAX, STATUS_ADDRESSES_MAX};
use crate::snapshot::{Applied, Facts, Snapshot, Target};
use crate::status::reason::{self, kind};
use crate::status::{
    Condition, ConditionStatus, GatewayStatus, ListenerStatus, RouteParentStatus, RouteStatus,
    Status, Statuses,
};

/// A condition before it has a type and a generation.
type Verdict = (ConditionStatus, &'static str, Cow<'static, str>);

fn yes(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Verdict {
    (ConditionStatus::True, reason, message.into())
}

fn no(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Verdict {
    (ConditionStatus::False, reason, message.into())
}

fn condition(kind: &'static str, (status, reason, message): Verdict, generation: i64) -> Condition {
    Condition::new(kind, status, reason, message, generation)
}

/// What a condition `Programmed` says where nothing else is wrong. On a host, what would be True is
/// Unknown until the data plane has acknowledged it; in a cluster an address and a ready proxy are
/// needed as well, and every ready proxy must have acknowledged.
fn serving(snapshot: &Snapshot, gateway: &GatewayPlan<'_>) -> Verdict {
    let Some(cluster) = &snapshot.facts.cluster else {
        return match snapshot.facts.applied {
            Applied::Assumed | Applied::Acknowledged => {
                yes(reason::PROGRAMMED, "applied by the data plane")
            }
            Applied::Pending => {
                let message = "waiting for the data plane".into();
                (ConditionStatus::Unknown, reason::PENDING, message)
            }
        };
    };
    let Some(facts) = cluster.gateways.get(&gateway.source.key) else {
        return no(reason::PENDING, "its proxies are not provisioned yet");
    };
    if let Some(refused) = &facts.refused {
        return no(reason::PENDING, refused.clone());
    }
    if facts.addresses.is_empty() {
        let message = "its Service has no address yet";
        return no(reason::ADDRESS_NOT_ASSIGNED, message);
    }
    if facts.n_ready == 0 {
        return no(reason::PENDING, "no proxy is ready yet");
    }
    match facts.missing.as_slice() {
        [] => yes(reason::PROGRAMMED, "applied by the data plane"),
        missing => {
            let shown = missing.iter().take(NAMES_SHOWN_MAX);
            let shown: Vec<&str> = shown.map(String::as_str).collect();
            no(reason::PENDING, shown.join("; "))
        }
    }
}

/// Statuses of the Gateways.
pub(super) fn gateways(snapshot: &Snapshot, gateways: &[GatewayPlan<'_>]) -> Statuses {
    let statuses = gateways.iter().map(|gateway| {
        let status = Status::Gateway(gateway_status(snapshot, gateway));
        (gateway.source.key.clone(), status)
    });
    statuses.collect()
}

fn gateway_status(snapshot: &Snapshot, gateway: &GatewayPlan<'_>) -> GatewayStatus {
    let generation = gateway.source.object.metadata.generation();
    let serving = &serving(snapshot, gateway);
    let listeners = gateway.listeners.iter();
    GatewayStatus {
        addresses: addresses(snapshot, gateway),
        conditions: vec![
            condition(kind::ACCEPTED, gateway_accepted(gateway), generation),
            condition(
                kind::PROGRAMMED,
                gateway_programmed(gateway, snapshot.target, serving),
                generation,
            ),
        ],
        listeners: listeners
            .map(|listener| listener_status(gateway, listener, serving))
            .collect(),
    }
}

fn gateway_accepted(gateway: &GatewayPlan<'_>) -> Verdict {
    if let Some(refusal) = &gateway.refusal {
        return no(refusal.reason, refusal.message.clone());
    }
    let name = |listener: &&ListenerPlan<'_>| listener.spec.name.clone();
    let (good, bad): (Vec<_>, Vec<_>) = gateway.listeners.iter().partition(|l| l.refusal.is_none());
    if bad.is_empty() {
        return yes(reason::ACCEPTED, "all listeners are accepted");
    }
    let bad = words::names(bad.iter().map(name));
    if good.is_empty() {
        let message = format!("no listener is accepted: {bad}");
        return no(reason::LISTENERS_NOT_VALID, message);
    }
    let good = words::names(good.iter().map(name));
    let message = format!("not accepted: {bad}; accepted: {good}");
    yes(reason::LISTENERS_NOT_VALID, message)
}

fn gateway_programmed(gateway: &GatewayPlan<'_>, target: Target, serving: &Verdict) -> Verdict {
    if gateway.refusal.is_some() {
        return no(reason::INVALID, "the Gateway is not accepted");
    }
    if gateway.listeners.iter().all(|l| l.refusal.is_some()) {
        return no(reason::INVALID, "no listener is accepted");
    }
    if !gateway.unusable.is_empty() {
        let unusable = words::names(&gateway.unusable);
        let whose = match target {
            Target::Standalone => "this host",
            Target::Cluster => "its Service",
        };
        let message = format!("not an address of {whose}: {unusable}");
        return no(reason::ADDRESS_NOT_USABLE, message);
    }
    serving.clone()
}

/// What clients can connect to: the addresses asked for, or else those the host has towards
/// others. In a cluster the Gateway's Service has them.
fn addresses(snapshot: &Snapshot, gateway: &GatewayPlan<'_>) -> Vec<GatewayAddress> {
    if gateway.listeners.iter().all(|l| l.binds.is_empty()) {
        return Vec::new();
    }
    if snapshot.target == Target::Cluster {
        let cluster = snapshot.facts.cluster.as_ref();
        let facts = cluster.and_then(|cluster| cluster.gateways.get(&gateway.source.key));
        let got = facts.into_iter().flat_map(|facts| facts.addresses.clone());
        return got.take(STATUS_ADDRESSES_MAX).collect();
    }
    let mut addresses = Vec::new();
    for ip in &gateway.addresses {
        if ip.is_unspecified() {
            addresses.extend(outward(&snapshot.facts, ip.is_ipv6()));
        } else {
            addresses.push(ip.to_string());
        }
    }
    let addresses = addresses.into_iter().take(STATUS_ADDRESSES_MAX);
    addresses
        .map(|value| GatewayAddress {
            kind: "IPAddress".to_owned(),
            value,
        })
        .collect()
}

/// Addresses of the host in one family that others can reach, as far as they are known.
fn outward(facts: &Facts, is_ipv6: bool) -> impl Iterator<Item = String> {
    let known = facts.host_addresses.iter().flatten();
    known
        .filter(move |ip| ip.is_ipv6() == is_ipv6 && !ip.is_loopback())
        .filter(|ip| match ip {
            std::net::IpAddr::V4(ip) => !ip.is_link_local(),
            std::net::IpAddr::V6(ip) => !ip.is_unicast_link_local(),
        })
        .map(ToString::to_string)
}

fn listener_status(
    gateway: &GatewayPlan<'_>,
    listener: &ListenerPlan<'_>,
    serving: &Verdict,
) -> ListenerStatus {
    let generation = gateway.source.object.metadata.generation();
    let accepted = match &listener.refusal {
        None => yes(reason::ACCEPTED, "the listener is valid"),
        Some(refusal) => no(refusal.reason, refusal.message.clone()),
    };
    let resolved = match listener.unknown_kinds.as_slice() {
        [] => yes(reason::RESOLVED_REFS, "all route kinds are supported"),
        unknown => no(
            reason::INVALID_ROUTE_KINDS,
            format!("not supported here: {}", words::names(unknown)),
        ),
    };
    let mut conditions = vec![condition(kind::ACCEPTED, accepted, generation)];
    if let Some(conflict) = &listener.conflict {
        let verdict = yes(conflict.reason, conflict.message.clone());
        conditions.push(condition(kind::CONFLICTED, verdict, generation));
    }
    let programmed = listener_programmed(gateway, listener, serving);
    conditions.push(condition(kind::PROGRAMMED, programmed, generation));
    conditions.push(condition(kind::RESOLVED_REFS, resolved, generation));
    ListenerStatus {
        attached_routes: i32::try_from(listener.routes.len()).unwrap_or(i32::MAX),
        conditions,
        name: listener.spec.name.clone(),
        supported_kinds: listener.kinds.clone(),
    }
}

fn listener_programmed(
    gateway: &GatewayPlan<'_>,
    listener: &ListenerPlan<'_>,
    serving: &Verdict,
) -> Verdict {
    match &listener.refusal {
        // A socket that could not be bound stays in the table and is tried again.
        Some(refusal) if !listener.binds.is_empty() => no(reason::PENDING, refusal.message.clone()),
        Some(refusal)
            if listener.conflict.is_some() && refusal.reason != reason::UNSUPPORTED_PROTOCOL =>
        {
            no(refusal.reason, refusal.message.clone())
        }
        Some(refusal) => no(reason::INVALID, refusal.message.clone()),
        None if gateway.refusal.is_some() => no(reason::PENDING, "the Gateway is not accepted"),
        None if listener.binds.is_empty() => no(reason::PENDING, "no address to listen on"),
        // Addresses are the Gateway's; a listener has no reason of its own for them.
        None if serving.1 == reason::ADDRESS_NOT_ASSIGNED => no(reason::PENDING, serving.2.clone()),
        None => serving.clone(),
    }
}

/// Statuses of the routes.
pub(super) fn routes(
    snapshot: &Snapshot,
    gateways: &[GatewayPlan<'_>],
    routes: &[RoutePlan<'_>],
    backends: &[Backends],
) -> Statuses {
    let mut statuses = Statuses::new();
    for (at, route) in routes.iter().enumerate() {
        let parents = route.parents.iter().map(|parent| RouteParentStatus {
            conditions: parent_conditions(gateways, routes, (at, parent), &backends[at]),
            controller_name: snapshot.controller_name.as_ref().to_owned(),
            parent_ref: parent.reference.clone(),
        });
        let status = Status::Route(RouteStatus {
            parents: parents.collect(),
        });
        statuses.insert(route.source.key.clone(), status);
    }
    statuses
}

fn parent_conditions(
    gateways: &[GatewayPlan<'_>],
    routes: &[RoutePlan<'_>],
    (own, parent): (usize, &ParentPlan<'_>),
    backends: &Backends,
) -> Vec<Condition> {
    let route = routes[own].source;
    let generation = route.object.metadata.generation();
    let gateway = &gateways[parent.gateway];
    let accepted = match &parent.attached {
        Ok(attached) => {
            let names = attached.iter().map(|at| &gateway.listeners[*at].spec.name);
            let mut message = format!("attached to {}", words::listeners(names));
            if attached.len() < parent.n_selected {
                message.push_str(&format!(
                    ", {} of {} that the parentRef selects",
                    attached.len(),
                    parent.n_selected
                ));
            }
            yes(reason::ACCEPTED, message)
        }
        Err(refusal) => no(refusal.reason, refusal.message.clone()),
    };
    let resolved = match &backends.problem {
        None => yes(reason::RESOLVED_REFS, "all backendRefs are resolved"),
        Some(problem) => no(problem.reason, problem.message.clone()),
    };
    let mut conditions = vec![condition(kind::ACCEPTED, accepted, generation)];
    let n_rules = route.object.spec.rules.len();
    if parent.attached.is_ok() && n_rules > 1 {
        let dropped: Vec<String> = (1..n_rules).map(|at| at.to_string()).collect();
        let message = format!(
            "Dropped Rule {}: a stream has nothing to choose a rule by, only rule 0 is used",
            dropped.join(", ")
        );
        let verdict = yes(reason::UNSUPPORTED_VALUE, message);
        conditions.push(condition(kind::PARTIALLY_INVALID, verdict, generation));
    }
    conditions.push(condition(kind::RESOLVED_REFS, resolved, generation));
    if parent.attached.is_ok() {
        let score = score(gateways, own, parent);
        let verdict = active(gateways, routes, parent, &score);
        conditions.push(condition(kind::ACTIVE, verdict, generation));
    }
    conditions
}

/// Whether the route gets connections by this parentRef (`portway.dev/Active`).
fn active(
    gateways: &[GatewayPlan<'_>],
    routes: &[RoutePlan<'_>],
    parent: &ParentPlan<'_>,
    score: &Score,
) -> Verdict {
    let listeners = &gateways[parent.gateway].listeners;
    let names = |of: &[usize]| words::listeners(of.iter().map(|at| &listeners[*at].spec.name));
    let mut winners: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, winner) in &score.lost {
        winners.entry(*winner).or_default().push(*at);
    }
    let lost = winners.iter().take(NAMES_SHOWN_MAX).map(|(winner, lost)| {
        let verb = if lost.len() == 1 { "goes" } else { "go" };
        let winner = routes[*winner].short_name();
        format!(
            "{} {verb} to TCPRoute `{winner}`, which comes first",
            names(lost)
        )
    });
    let lost: Vec<String> = lost.collect();
    let with_lost = |message: String| match lost.as_slice() {
        [] => message,
        lost => format!("{message}; {}", lost.join("; ")),
    };
    let bound = score
        .won
        .iter()
        .copied()
        .filter(|at| listeners[*at].is_bound);
    let bound: Vec<usize> = bound.collect();
    if !bound.is_empty() {
        let message = format!("gets the connections of {}", names(&bound));
        return yes(reason::SERVING, with_lost(message));
    }
    if score.won.is_empty() {
        return no(reason::SUPERSEDED, lost.join("; "));
    }
    let verb = if score.won.len() == 1 { "is" } else { "are" };
    let message = format!("{} {verb} not served", names(&score.won));
    no(reason::NOT_SERVING, with_lost(message))
}
