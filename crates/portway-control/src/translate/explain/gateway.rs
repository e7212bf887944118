//! A Gateway: whose it is, whether it is accepted, and its listeners.

use super::{Explanation, Story, Verdict, class, listener};
use crate::origin::ObjectKey;
use crate::translate::Decided;
use crate::translate::plan::GatewayPlan;
use crate::translate::words;

pub(super) fn explain(decided: &Decided<'_>, key: &ObjectKey) -> Option<Explanation> {
    let source = decided.index.snapshot.objects.gateways.get(key)?;
    let mut story = Story::default();
    class::tell_class(&mut story, 0, decided, source);
    let Some(at) = decided.gateway(key) else {
        let outcome = "Portway leaves it alone: another controller serves it";
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
    let not_words = words::listeners(not.iter().map(|it| &it.spec.name));
    match (bound.is_empty(), not.is_empty()) {
        (true, _) => "none of its listeners listens".to_owned(),
        (false, true) => "all of its listeners listen".to_owned(),
        (false, false) => {
            let bound = words::listeners(bound.iter().map(|it| &it.spec.name));
            format!("it serves {bound}, but not {not_words}")
        }
    }
}
