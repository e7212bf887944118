//! A route: each parentRef to its end, then each backendRef.

use std::collections::BTreeSet;

use super::{Explanation, Story, Verdict, backends, class, left_out, listener};
use crate::api::{GATEWAY_GROUP, Kind, ParentReference, TcpRoute};
use crate::origin::{ObjectKey, Sourced};
use crate::translate::Decided;
use crate::translate::plan::{ParentPlan, RoutePlan};
use crate::translate::words;

pub(super) fn explain(decided: &Decided<'_>, key: &ObjectKey) -> Option<Explanation> {
    let source = decided.index.snapshot.objects.tcp_routes.get(key)?;
    let at = decided.routes.iter().position(|it| it.source.key == *key);
    let mut story = Story::default();
    let references = &source.object.spec.parent_refs;
    if references.is_empty() {
        let place = source.origin.place("spec.parentRefs");
        story.tell(
            0,
            Verdict::No,
            "it has no parentRefs: it is attached to nothing",
            place,
        );
    }
    for (index, reference) in references.iter().enumerate() {
        let place = source.origin.place(&format!("spec.parentRefs[{index}]"));
        let what = format!("parentRefs[{index}] names {}", named(source, reference));
        story.tell(0, Verdict::Fact, what, place);
        let plan = at.and_then(|at| {
            let parents = &decided.routes[at].parents;
            let parent = parents
                .iter()
                .find(|parent| parent.reference == reference)?;
            Some((at, parent))
        });
        match plan {
            Some((_, parent)) if parent.index != index => {
                let what = format!("it is the same as parentRefs[{}]", parent.index);
                let place = source.origin.place(&format!("spec.parentRefs[{index}]"));
                story.tell(1, Verdict::Fact, what, place);
            }
            Some((at, parent)) => tell_parent(&mut story, decided, at, parent),
            None => tell_foreign(&mut story, decided, source, index),
        }
    }
    let Some(at) = at else {
        return Some(story.end(key.to_string(), "it gets no connections from Portway"));
    };
    backends::tell(&mut story, source, &decided.backends[at]);
    let outcome = outcome(decided, at);
    Some(story.end(key.to_string(), outcome))
}

/// ``Gateway `a/b`, listener `c`, port 1``.
fn named(source: &Sourced<TcpRoute>, reference: &ParentReference) -> String {
    let own = &*source.key.namespace;
    let namespace = reference.namespace.as_deref().unwrap_or(own);
    let kind = words::kind(&reference.group, &reference.kind);
    let mut text = format!("{kind} `{namespace}/{}`", reference.name);
    if let Some(section) = &reference.section_name {
        text += &format!(", listener `{section}`");
    }
    if let Some(port) = reference.port {
        text += &format!(", port {port}");
    }
    text
}

/// A parentRef that is not ours to judge.
fn tell_foreign(
    story: &mut Story,
    decided: &Decided<'_>,
    source: &Sourced<TcpRoute>,
    index: usize,
) {
    let reference = &source.object.spec.parent_refs[index];
    let own = &*source.key.namespace;
    let namespace = reference.namespace.as_deref().unwrap_or(own);
    let place = |field: &str| {
        let path = format!("spec.parentRefs[{index}]{field}");
        source.origin.place(&path)
    };
    if reference.group != GATEWAY_GROUP || reference.kind != "Gateway" {
        let what = "it is no Gateway, so Portway does not judge it";
        return story.tell(1, Verdict::No, what, place(".kind"));
    }
    let known = &decided.index.gateways;
    if let Some(found) = known.get(&(namespace, reference.name.as_str())) {
        return class::tell_class(story, 1, decided, found);
    }
    let objects = &decided.index.snapshot.objects;
    match objects.find_left_out(Kind::Gateway, namespace, &reference.name) {
        Some((key, it)) => left_out::tell(story, 1, &key, it),
        None => {
            let what = format!("there is no Gateway `{namespace}/{}`", reference.name);
            story.tell(1, Verdict::No, what, place(".name"));
        }
    }
}

fn tell_parent(story: &mut Story, decided: &Decided<'_>, own: usize, parent: &ParentPlan<'_>) {
    let route = &decided.routes[own];
    let gateway = &decided.gateways[parent.gateway];
    let path = format!("spec.parentRefs[{}]", parent.index);
    let place = route.source.origin.place(&path);
    class::tell_class(story, 1, decided, gateway.source);
    let attached = match &parent.attached {
        Ok(attached) => attached,
        Err(refusal) => {
            let what = format!("not attached ({}): {}", refusal.reason, refusal.message);
            return story.tell(1, Verdict::No, what, place);
        }
    };
    let names = attached.iter().map(|at| &gateway.listeners[*at].spec.name);
    let mut what = format!("attached to {}", words::listeners(names));
    if attached.len() < parent.n_selected {
        what += &format!(
            ", {} of {} that it selects",
            attached.len(),
            parent.n_selected
        );
    } else if parent.n_selected < gateway.listeners.len() {
        what += &format!(", which it selects from {}", gateway.listeners.len());
    }
    story.tell(1, Verdict::Yes, what, place);
    for listener in attached.iter().map(|at| &gateway.listeners[*at]) {
        let what = format!("listener `{}`", listener.spec.name);
        story.tell(1, Verdict::Fact, what, listener::place(gateway, listener));
        listener::tell_listening(story, 2, gateway, listener);
        if let Some(winner) = listener.winner {
            tell_winner(story, route, &decided.routes[winner], listener.routes.len());
        }
    }
}

fn tell_winner(story: &mut Story, own: &RoutePlan<'_>, winner: &RoutePlan<'_>, n_routes: usize) {
    let place = winner.source.origin.place("");
    if !std::ptr::eq(own, winner) {
        let what = format!(
            "its connections go to TCPRoute `{}`, which comes first {}",
            winner.short_name(),
            winner.age.why_older(own.age)
        );
        return story.tell(2, Verdict::No, what, place);
    }
    let what = match n_routes {
        1 => "this is its only route".to_owned(),
        n => format!("this is the oldest of its {n} routes: it gets the connections"),
    };
    story.tell(2, Verdict::Yes, what, place);
}

fn outcome(decided: &Decided<'_>, own: usize) -> String {
    let mut served = BTreeSet::new();
    for parent in &decided.routes[own].parents {
        let listeners = &decided.gateways[parent.gateway].listeners;
        let attached = parent.attached.iter().flatten().map(|at| &listeners[*at]);
        let won = attached.filter(|it| it.is_bound && it.winner == Some(own));
        served.extend(won.map(|listener| &*listener.name));
    }
    if served.is_empty() {
        return "it gets no connections".to_owned();
    }
    let names = words::listeners(served);
    backends::shares(&decided.backends[own], &format!("from {names} it"))
}
