//! A listener: whether it listens, and which of its routes gets the connections.

use super::{Story, Verdict};
use crate::origin::Place;
use crate::translate::Decided;
use crate::translate::plan::{GatewayPlan, ListenerPlan};
use crate::translate::words;

/// What is known of a listener, one step a decision.
pub(super) fn tell(
    story: &mut Story,
    depth: u8,
    decided: &Decided<'_>,
    gateway: &GatewayPlan<'_>,
    listener: &ListenerPlan<'_>,
) {
    tell_listening(story, depth, gateway, listener);
    if !listener.unknown_kinds.is_empty() {
        let unknown = words::names(&listener.unknown_kinds);
        let what = format!("it cannot take routes of kind {unknown}");
        let place = gateway.listener_place(listener.index, ".allowedRoutes.kinds");
        story.tell(depth, Verdict::No, what, place);
    }
    tell_routes(story, depth, decided, gateway, listener);
}

/// Whether it listens, and why not.
pub(super) fn tell_listening(
    story: &mut Story,
    depth: u8,
    gateway: &GatewayPlan<'_>,
    listener: &ListenerPlan<'_>,
) {
    let place = |field: &str| gateway.listener_place(listener.index, field);
    if let Some(conflict) = &listener.conflict {
        let what = format!("it conflicts ({}): {}", conflict.reason, conflict.message);
        story.tell(depth, Verdict::No, what, place(".port"));
    }
    match &listener.refusal {
        Some(refusal) if listener.conflict.is_some() && is_same(listener) => {
            let what = format!("so it does not listen ({})", refusal.reason);
            story.tell(depth, Verdict::No, what, place(""));
        }
        Some(refusal) => {
            let field = match listener.binds.is_empty() && listener.spec.protocol != "TCP" {
                true => ".protocol",
                false => ".port",
            };
            let does = match listener.is_bound {
                true => "it listens on a part of its addresses only",
                false => "it does not listen",
            };
            let what = format!("{does} ({}): {}", refusal.reason, refusal.message);
            story.tell(depth, Verdict::No, what, place(field));
        }
        None if gateway.refusal.is_some() => {
            let what = "it does not listen: its Gateway is not accepted";
            story.tell(depth, Verdict::No, what, place(""));
        }
        None if listener.binds.is_empty() => {
            let what = "it does not listen: no address of its Gateway can be bound";
            let place = gateway.source.origin.place("spec.addresses");
            story.tell(depth, Verdict::No, what, place);
        }
        None => {
            let what = format!("it listens on {}", words::names(&listener.open));
            story.tell(depth, Verdict::Yes, what, place(".port"));
        }
    }
}

/// Whether a listener is refused for nothing but its conflict.
fn is_same(listener: &ListenerPlan<'_>) -> bool {
    let reason = |refusal: &Option<crate::translate::plan::Refusal>| {
        refusal.as_ref().map(|refusal| refusal.reason)
    };
    reason(&listener.refusal) == reason(&listener.conflict)
}

fn tell_routes(
    story: &mut Story,
    depth: u8,
    decided: &Decided<'_>,
    gateway: &GatewayPlan<'_>,
    listener: &ListenerPlan<'_>,
) {
    let Some(winner) = listener.winner.map(|at| &decided.routes[at]) else {
        let place = gateway.listener_place(listener.index, "");
        story.tell(depth, Verdict::No, "no route is attached to it", place);
        return;
    };
    let name = winner.short_name();
    let what = match listener.routes.len() {
        1 => format!("its only route is TCPRoute `{name}`"),
        n => format!("of its {n} routes the oldest, TCPRoute `{name}`, gets the connections"),
    };
    story.tell(depth, Verdict::Yes, what, winner.source.origin.place(""));
    for loser in listener.routes.iter().map(|at| &decided.routes[*at]) {
        if !std::ptr::eq(loser, winner) {
            let what = format!(
                "TCPRoute `{}` gets none: it is younger {}",
                loser.short_name(),
                winner.age.why_older(loser.age)
            );
            story.tell(depth + 1, Verdict::No, what, loser.source.origin.place(""));
        }
    }
}

/// What a client that connects to it gets, in a sentence.
pub(super) fn outcome(decided: &Decided<'_>, listener: &ListenerPlan<'_>) -> String {
    if !listener.is_bound {
        return "a connection is refused: nothing listens".to_owned();
    }
    let Some(winner) = listener.winner else {
        return "a connection is accepted and reset: no route is attached".to_owned();
    };
    let backends = &decided.backends[winner];
    let route = decided.routes[winner].short_name();
    super::backends::shares(backends, &format!("TCPRoute `{route}`"))
}

/// Where a listener is declared.
pub(super) fn place(gateway: &GatewayPlan<'_>, listener: &ListenerPlan<'_>) -> Place {
    gateway.listener_place(listener.index, "")
}
