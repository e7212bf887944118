//! A Gateway: whose it is, whether it is accepted, and its listeners.

use super::{Explanation, Story, Verdict, class, listener};
use crate::origin::ObjectKey;
use crate::translate::Decided;
use crate::translate::plan::{GatewayPlan, ListenerPlan};
use crate::translate::words;

pub(super) fn explain(decided: &Decided<'_>, key: &ObjectKey) -> Option<Explanation> {
    let source = decided.index.snapshot.objects.gateways.get(key)?;
    let mut story = Story::default();
    class::tell_class(&mut story, 0, decided, source);
    let Some(at) = decided.gateway(key) else {
        let class = source.object.spec.gateway_class_name.as_str();
        let outcome = match decided.classes.contains_key(class) {
            true => "Portway leaves it alone: another controller serves it",
            false => "no controller serves it: proxies that it has keep their last table",
        };
        return Some(story.end(key.to_string(), outcome));
    };
    let gateway = &decided.gateways[at];
    tell_accepted(&mut story, gateway);
    for listener in &gateway.listeners {
        let what = format!(
            "listener `{}`: {} on port {}",
            listener.spec.name, listener.spec.protocol, listener.spec.port
        );
        let place = listener::place(gateway, listener);
        story.tell(0, Verdict::Fact, what, place);
        listener::tell(&mut story, 1, decided, gateway, listener);
    }
    let outcome = outcome(gateway);
    Some(story.end(key.to_string(), outcome))
}

fn tell_accepted(story: &mut Story, gateway: &GatewayPlan<'_>) {
    if let Some(refusal) = &gateway.refusal {
        let what = format!(
            "it is not accepted ({}): {}",
            refusal.reason, refusal.message
        );
        story.tell(0, Verdict::No, what, gateway.source.origin.place("spec"));
    }
    if !gateway.unusable.is_empty() {
        let what = format!(
            "not an address of this host: {}",
            words::names(&gateway.unusable)
        );
        let place = gateway.source.origin.place("spec.addresses");
        story.tell(0, Verdict::No, what, place);
    }
}

fn outcome(gateway: &GatewayPlan<'_>) -> String {
    let (bound, not): (Vec<_>, Vec<_>) = gateway.listeners.iter().partition(|it| it.is_bound);
    let (whole, part): (Vec<_>, Vec<_>) = bound.into_iter().partition(|it| it.refusal.is_none());
    let names = |of: &[&ListenerPlan<'_>]| words::listeners(of.iter().map(|it| &it.spec.name));
    let served = [
        (!whole.is_empty()).then(|| names(&whole)),
        (!part.is_empty()).then(|| format!("{} on a part of its addresses only", names(&part))),
    ];
    let served: Vec<String> = served.into_iter().flatten().collect();
    match (served.is_empty(), part.is_empty(), not.is_empty()) {
        (true, ..) => "none of its listeners listens".to_owned(),
        (false, true, true) => "all of its listeners listen".to_owned(),
        (false, _, true) => format!("it serves {}", served.join(" and ")),
        (false, _, false) => format!(
            "it serves {}, but not {}",
            served.join(" and "),
            names(&not)
        ),
    }
}
