//! Listeners, routes, drains and grants as messages.
//!
//! In: specs. Out: messages; and specs from messages, or a [`Refusal`] naming what is wrong with
//! them. Endpoints travel beside the route they belong to, so they are not here.
//! Never: a value that this version does not know, taken for another.

use std::sync::Arc;
use std::time::Duration;

use portway_engine::limits::{
    BACKENDS_PER_ROUTE_MAX, BINDS_PER_LISTENER_MAX, GRANTS_MAX, NAME_BYTES_MAX,
};
use portway_engine::table::{
    BackendSpec, Drain, DrainSpec, GrantSpec, ListenerSpec, Protocol, RejectReason, RouteSpec,
    TargetSpec,
};
use prost::Message;

use super::{addr_from_bytes, addr_to_bytes, generated as wire};
use crate::limits::{DRAINS_PER_ROUTE_MAX, GRANTS_BYTES_MAX};
use crate::refusal::Refusal;

pub(crate) fn listener_to_wire(spec: &ListenerSpec) -> wire::Listener {
    let protocol = match spec.protocol {
        Protocol::Tcp => wire::Protocol::Tcp,
    };
    wire::Listener {
        name: spec.name.to_string(),
        protocol: protocol.into(),
        binds: spec.binds.iter().map(|it| addr_to_bytes(*it)).collect(),
        route: spec.route.as_ref().map(|it| it.to_string()),
    }
}

pub(crate) fn listener_from_wire(message: &wire::Listener) -> Result<ListenerSpec, Refusal> {
    let protocol = match message.protocol() {
        wire::Protocol::Tcp => Protocol::Tcp,
        wire::Protocol::Unspecified => return Err(Refusal::Unknown { what: "protocol" }),
    };
    if message.binds.len() > BINDS_PER_LISTENER_MAX {
        return Err(Refusal::TooMany { what: "sockets" });
    }
    let addr = |bytes: &Vec<u8>| addr_from_bytes(bytes).ok_or(Refusal::Address);
    Ok(ListenerSpec {
        name: name_from_wire(&message.name)?,
        protocol,
        binds: message.binds.iter().map(addr).collect::<Result<_, _>>()?,
        route: message.route.as_deref().map(name_from_wire).transpose()?,
    })
}

/// `from` says for each place which backend of the route before its endpoints start from.
pub(crate) fn route_to_wire(
    spec: &RouteSpec,
    from: impl Fn(usize) -> Option<usize>,
) -> wire::Route {
    let backend = |(place, it): (usize, &BackendSpec)| wire::Backend {
        name: it.name.to_string(),
        weight: it.weight,
        target: Some(match &it.target {
            TargetSpec::Reject(reason) => {
                wire::backend::Target::Reject(reason_to_wire(*reason).into())
            }
            TargetSpec::Endpoints(_) => wire::backend::Target::Endpoints(wire::Endpoints {
                from: from(place).and_then(|it| u32::try_from(it).ok()),
            }),
        }),
    };
    wire::Route {
        name: spec.name.to_string(),
        backends: spec.backends.iter().enumerate().map(backend).collect(),
    }
}

/// The route with the endpoints that `before`, the route it replaces, hands on.
pub(crate) fn route_from_wire(
    message: &wire::Route,
    before: Option<&RouteSpec>,
) -> Result<RouteSpec, Refusal> {
    if message.backends.len() > BACKENDS_PER_ROUTE_MAX {
        return Err(Refusal::TooMany { what: "backends" });
    }
    let backend = |it: &wire::Backend| {
        Ok(BackendSpec {
            name: name_from_wire(&it.name)?,
            weight: it.weight,
            target: target_from_wire(it, before)?,
        })
    };
    let backends: Result<_, Refusal> = message.backends.iter().map(backend).collect();
    Ok(RouteSpec {
        name: name_from_wire(&message.name)?,
        backends: backends?,
    })
}

fn target_from_wire(
    message: &wire::Backend,
    before: Option<&RouteSpec>,
) -> Result<TargetSpec, Refusal> {
    match message.target {
        Some(wire::backend::Target::Reject(reason)) => {
            let reason = wire::RejectReason::try_from(reason).unwrap_or_default();
            Ok(TargetSpec::Reject(reason_from_wire(reason)?))
        }
        Some(wire::backend::Target::Endpoints(wire::Endpoints { from: None })) => {
            Ok(TargetSpec::Endpoints(Vec::new()))
        }
        Some(wire::backend::Target::Endpoints(wire::Endpoints { from: Some(place) })) => {
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            let old = before.and_then(|it| it.backends.get(place));
            match old.map(|it| &it.target) {
                Some(TargetSpec::Endpoints(old)) => Ok(TargetSpec::Endpoints(old.clone())),
                Some(TargetSpec::Reject(_)) | None => Err(Refusal::NotHeld { what: "endpoints" }),
            }
        }
        None => Err(Refusal::Unknown { what: "target" }),
    }
}

/// All drains of one route.
pub(crate) fn drains_to_wire(specs: &[DrainSpec]) -> wire::Drains {
    let drain = |it: &DrainSpec| {
        let (kind, spread) = match it.drain {
            Drain::Keep => (wire::DrainKind::Keep, Duration::ZERO),
            Drain::Spread(time) => (wire::DrainKind::Spread, time),
            Drain::Now => (wire::DrainKind::Now, Duration::ZERO),
        };
        wire::Drain {
            backend: it.backend.as_ref().map(|it| it.to_string()),
            kind: kind.into(),
            spread_nanos: u64::try_from(spread.as_nanos()).unwrap_or(u64::MAX),
        }
    };
    let route = specs.first().map(|it| it.route.to_string());
    wire::Drains {
        route: route.unwrap_or_default(),
        drains: specs.iter().map(drain).collect(),
    }
}

pub(crate) fn drains_from_wire(message: &wire::Drains) -> Result<Vec<DrainSpec>, Refusal> {
    if message.drains.len() > DRAINS_PER_ROUTE_MAX {
        return Err(Refusal::TooMany { what: "drains" });
    }
    let route = name_from_wire(&message.route)?;
    let drain = |it: &wire::Drain| {
        Ok(DrainSpec {
            route: Arc::clone(&route),
            backend: it.backend.as_deref().map(name_from_wire).transpose()?,
            drain: match it.kind() {
                wire::DrainKind::Keep => Drain::Keep,
                wire::DrainKind::Spread => Drain::Spread(Duration::from_nanos(it.spread_nanos)),
                wire::DrainKind::Now => Drain::Now,
                wire::DrainKind::Unspecified => return Err(Refusal::Unknown { what: "drain" }),
            },
        })
    };
    message.drains.iter().map(drain).collect()
}

/// Those that would take up too much of a message are not known.
pub(crate) fn grants_to_wire(specs: Option<&[GrantSpec]>) -> wire::Grants {
    let grant = |it: &GrantSpec| wire::Grant {
        routes: it.routes.to_string(),
        backends: it.backends.to_string(),
    };
    let message = wire::Grants {
        are_all: specs.is_some(),
        grants: specs.unwrap_or_default().iter().map(grant).collect(),
    };
    match message.encoded_len() {
        n_bytes if n_bytes > GRANTS_BYTES_MAX => wire::Grants::default(),
        _ => message,
    }
}

pub(crate) fn grants_from_wire(message: &wire::Grants) -> Result<Option<Vec<GrantSpec>>, Refusal> {
    if message.grants.len() > GRANTS_MAX {
        return Err(Refusal::TooMany { what: "grants" });
    }
    let grant = |it: &wire::Grant| {
        Ok(GrantSpec {
            routes: name_from_wire(&it.routes)?,
            backends: name_from_wire(&it.backends)?,
        })
    };
    let grants: Vec<GrantSpec> = message
        .grants
        .iter()
        .map(grant)
        .collect::<Result<_, Refusal>>()?;
    Ok(message.are_all.then_some(grants))
}

pub(crate) fn name_from_wire(name: &str) -> Result<Arc<str>, Refusal> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Refusal::NameLength);
    }
    Ok(name.into())
}

fn reason_to_wire(reason: RejectReason) -> wire::RejectReason {
    match reason {
        RejectReason::NoRoute => wire::RejectReason::NoRoute,
        RejectReason::NoWeight => wire::RejectReason::NoWeight,
        RejectReason::InvalidBackend => wire::RejectReason::InvalidBackend,
        RejectReason::NotPermitted => wire::RejectReason::NotPermitted,
        RejectReason::NoEndpoint => wire::RejectReason::NoEndpoint,
        RejectReason::Loop => wire::RejectReason::Loop,
    }
}

fn reason_from_wire(reason: wire::RejectReason) -> Result<RejectReason, Refusal> {
    Ok(match reason {
        wire::RejectReason::NoRoute => RejectReason::NoRoute,
        wire::RejectReason::NoWeight => RejectReason::NoWeight,
        wire::RejectReason::InvalidBackend => RejectReason::InvalidBackend,
        wire::RejectReason::NotPermitted => RejectReason::NotPermitted,
        wire::RejectReason::NoEndpoint => RejectReason::NoEndpoint,
        wire::RejectReason::Loop => RejectReason::Loop,
        wire::RejectReason::Unspecified => {
            return Err(Refusal::Unknown {
                what: "reason to reject",
            });
        }
    })
}
