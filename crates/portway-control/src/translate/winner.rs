//! Which of several routes gets the connections of a listener: the oldest.
//!
//! In: attached routes. Out: the winner of every listener. Never: a change of what is attached: all
//! stay Accepted and counted. Spec: `AllowedRoutes` (`gateway_types.go`, v1.7.0); GEP-2644.

use super::plan::{GatewayPlan, ParentPlan, RoutePlan};
use super::report::{Report, note, warning};
use super::words;
use crate::limits::NAMES_SHOWN_MAX;

/// Names the winner of every listener.
pub(super) fn choose(gateways: &mut [GatewayPlan<'_>], routes: &[RoutePlan<'_>]) {
    for gateway in gateways {
        for listener in &mut gateway.listeners {
            let attached = listener.routes.iter().copied();
            listener.winner = attached.min_by_key(|at| routes[*at].age);
        }
    }
}

/// What became of one parentRef: listeners it won, listeners others won (indices), and those of
/// the won ones that are in the table.
#[derive(Debug, Default)]
pub(super) struct Score {
    pub(super) won: Vec<usize>,
    pub(super) lost: Vec<(usize, usize)>,
    pub(super) served: Vec<usize>,
}

/// The score of a parentRef of the route at `own`.
pub(super) fn score(gateways: &[GatewayPlan<'_>], own: usize, parent: &ParentPlan<'_>) -> Score {
    let mut score = Score::default();
    for at in parent.attached.iter().flatten() {
        let listener = &gateways[parent.gateway].listeners[*at];
        match listener.winner {
            Some(winner) if winner != own => score.lost.push((*at, winner)),
            _ => {
                score.won.push(*at);
                if !listener.binds.is_empty() {
                    score.served.push(*at);
                }
            }
        }
    }
    score
}

/// Says which routes get nothing because an older one is there.
pub(super) fn report_superseded(
    gateways: &[GatewayPlan<'_>],
    routes: &[RoutePlan<'_>],
    report: &mut Report,
) {
    for (own, route) in routes.iter().enumerate() {
        for parent in &route.parents {
            let score = score(gateways, own, parent);
            let Some((_, winner)) = score.lost.first() else {
                continue;
            };
            let gateway = &gateways[parent.gateway];
            let lost = score
                .lost
                .iter()
                .map(|(at, _)| &gateway.listeners[*at].name);
            let winner = &routes[*winner];
            let field = format!("spec.parentRefs[{}]", parent.index);
            let place = route.source.origin.place(&field);
            let lost = words::listeners(lost);
            let effect = format!("{} gets no connection of {lost}", route.source.key);
            report.add(
                warning(
                    405,
                    place.clone(),
                    format!("{lost} already has an older route"),
                )
                .label(format!("{} gets the connections", winner.source.key))
                .effect(effect)
                .help("attach it to a listener of its own, or make one route of both")
                .related(winner.source.origin.place(""), "the older route"),
            );
            if route.age.by_input_order(winner.age) {
                let (older, younger) = (&winner.source.key, &route.source.key);
                let what = format!("{older} counts as older than {younger}");
                report.add(
                    note(407, place, what)
                        .label("neither has a creationTimestamp: the order of input decides")
                        .help(format!(
                            "put {younger} before it, if that is to be the older"
                        )),
                );
            }
        }
    }
}

/// Says which routes get nothing because none of the listeners they won is served.
pub(super) fn report_not_serving(
    gateways: &[GatewayPlan<'_>],
    routes: &[RoutePlan<'_>],
    report: &mut Report,
) {
    for (own, route) in routes.iter().enumerate() {
        for parent in &route.parents {
            let gateway = &gateways[parent.gateway];
            let won = score(gateways, own, parent).won;
            let won: Vec<_> = won.iter().map(|at| &gateway.listeners[*at]).collect();
            if won.is_empty() || won.iter().any(|listener| listener.is_bound) {
                continue;
            }
            let verb = if won.len() == 1 { "is" } else { "are" };
            let names = words::listeners(won.iter().map(|listener| &listener.name));
            let field = format!("spec.parentRefs[{}]", parent.index);
            let mut found = warning(
                409,
                route.source.origin.place(&field),
                format!("{names} {verb} not served"),
            )
            .label("attached, but nothing listens there")
            .effect(format!(
                "{} gets no connection by this parentRef",
                route.source.key
            ))
            .help("what is said of the listener or its Gateway tells why");
            for listener in won.iter().take(NAMES_SHOWN_MAX) {
                let place = gateway.listener_place(listener.index, "");
                found = found.related(place, format!("`{}`", listener.spec.name));
            }
            report.add(found);
        }
    }
}

/// Says which listeners have nothing to give their connections to.
pub(super) fn report_empty(gateways: &[GatewayPlan<'_>], report: &mut Report) {
    for gateway in gateways {
        for listener in &gateway.listeners {
            if listener.winner.is_none() && !listener.binds.is_empty() {
                let place = gateway.listener_place(listener.index, "");
                let what = format!("listener `{}` has no route", listener.name);
                report.add(
                    warning(310, place, what)
                        .label("no TCPRoute is attached to it")
                        .effect("every connection to it is closed right after accept")
                        .help("attach a TCPRoute: name this Gateway in its `spec.parentRefs`"),
                );
            }
        }
    }
}
