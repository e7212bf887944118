//! `portway.dev/drain`: what open connections get that have lost their endpoint.
//!
//! In: the annotation of routes and Services, who serves, who may refer to whom. Out: the drains of
//! a table. A route's word goes before a Service's. A route that gets no connections, though its Gateway
//! is there, keeps those it has: neither is removed. A reference that is no longer granted keeps none,
//! whether its route gets new ones or not. Of one that its route has no more, the table's grants tell
//! ([`super::grant`]). A table hears of routes that name one of its Gateways alone. Of an object that
//! is gone nothing is said here: the last table's word holds ([`portway_engine::drain`]).
//! Spec of times: GEP-2257.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use portway_engine::limits::DRAIN_SPREAD_MAX;
use portway_engine::table::{Drain, DrainSpec, RejectReason, TargetSpec};

use super::backend::Backends;
use super::index::Index;
use super::plan::RoutePlan;
use super::report::{Report, error};
use crate::api::{BackendRef, ObjectMeta};
use crate::origin::Sourced;

/// The annotation.
pub(super) const ANNOTATION: &str = "portway.dev/drain";

/// What an object asks for, if it can be understood.
fn declared(meta: &ObjectMeta) -> Option<Drain> {
    parse(meta.annotations.get(ANNOTATION)?)
}

/// `keep`, `now`, `spread=2m`.
fn parse(text: &str) -> Option<Drain> {
    match text {
        "keep" => Some(Drain::Keep),
        "now" => Some(Drain::Now),
        _ => {
            let time = duration(text.strip_prefix("spread=")?)?;
            (time <= DRAIN_SPREAD_MAX).then_some(Drain::Spread(time))
        }
    }
}

/// One to four times a number of one to five digits and its unit.
fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut sum) = (text, Duration::ZERO);
    for _ in 0..4 {
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(n_digits).filter(|_| n_digits <= 5)?;
        let n_letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at_checked(n_letters)?;
        let number: u64 = number.parse().ok()?;
        sum += match unit {
            "h" => Duration::from_secs(number * 3600),
            "m" => Duration::from_secs(number * 60),
            "s" => Duration::from_secs(number),
            "ms" => Duration::from_millis(number),
            _ => return None,
        };
        rest = after;
        if rest.is_empty() {
            return Some(sum);
        }
    }
    None
}

/// Says which annotations cannot be understood.
pub(super) fn check(index: &Index<'_>, routes: &[RoutePlan<'_>], report: &mut Report) {
    for service in index.services.values() {
        check_one(service, &service.object.metadata, report);
    }
    for route in routes {
        check_one(route.source, &route.source.object.metadata, report);
    }
}

fn check_one<T>(source: &Sourced<T>, meta: &ObjectMeta, report: &mut Report) {
    let Some(text) = meta.annotations.get(ANNOTATION) else {
        return;
    };
    if parse(text).is_some() {
        return;
    }
    let place = source
        .origin
        .place(&format!("metadata.annotations.{ANNOTATION}"));
    let what = format!("`{text}` is no drain");
    report.add(
        error(217, place, what)
            .label("neither `keep` nor `now` nor `spread=` with a time up to a day")
            .effect("nothing is drained: open connections go on, as with `keep`")
            .help("write `spread=120s`, say, or leave the annotation out"),
    );
}

/// The drains of a table, ascending. `own` are the indices of routes that name a Gateway of it,
/// `winners` those in the table.
pub(super) fn specs(
    index: &Index<'_>,
    routes: &[RoutePlan<'_>],
    own: &[usize],
    backends: &[Backends],
    winners: &BTreeSet<usize>,
) -> Vec<DrainSpec> {
    let mut all = Vec::new();
    for at in own.iter().copied() {
        let route = &routes[at];
        let declared = declared(&route.source.object.metadata);
        let is_served = winners.contains(&at);
        // A listener that is gone, or another's now, lets its connections finish. A route that
        // names no backend any more has given them up itself.
        let of_all = match is_served {
            false if !backends[at].resolved.is_empty() => Some(Drain::Keep),
            _ => declared,
        };
        all.extend(of_all.map(|drain| DrainSpec {
            route: Arc::clone(&route.name),
            backend: None,
            drain,
        }));
        // A route that gets no connections any more may have some.
        let asks_services = is_served && declared.is_none();
        of_backends(index, route, &backends[at], asks_services, &mut all);
    }
    all.sort();
    all
}

/// What is said of single backends: no grant any more, or else the Service's word if it is asked.
fn of_backends(
    index: &Index<'_>,
    route: &RoutePlan<'_>,
    backends: &Backends,
    asks_services: bool,
    all: &mut Vec<DrainSpec>,
) {
    let rule = route.source.object.spec.rules.first();
    let references = rule.iter().flat_map(|it| &it.backend_refs);
    for (spec, reference) in backends.resolved.iter().zip(references) {
        let is_denied = spec.target == TargetSpec::Reject(RejectReason::NotPermitted);
        let of_service = || of_service(index, &route.source.key.namespace, reference);
        let drain = match is_denied {
            true => Some(Drain::Now),
            false => asks_services.then(of_service).flatten(),
        };
        all.extend(drain.map(|drain| DrainSpec {
            route: Arc::clone(&route.name),
            backend: Some(Arc::clone(&spec.name)),
            drain,
        }));
    }
}

fn of_service(index: &Index<'_>, namespace: &str, reference: &BackendRef) -> Option<Drain> {
    let namespace = reference.namespace.as_deref().unwrap_or(namespace);
    let is_service = reference.group.is_empty() && reference.kind == "Service";
    let service = index.services.get(&(namespace, reference.name.as_str()));
    declared(&service.filter(|_| is_service)?.object.metadata)
}

#[cfg(test)]
mod tests;
