//! Backends of a route: each with its share, and what all of them come to.

use portway_engine::table::{BackendSpec, TargetSpec};

use super::{Story, Verdict};
use crate::api::TcpRoute;
use crate::limits::NAMES_SHOWN_MAX;
use crate::origin::Sourced;
use crate::translate::backend::Backends;
use crate::translate::words;

pub(super) fn tell(story: &mut Story, source: &Sourced<TcpRoute>, backends: &Backends) {
    let sum: u64 = backends.resolved.iter().map(weight).sum();
    for (index, backend) in backends.resolved.iter().enumerate() {
        let field = format!("spec.rules[0].backendRefs[{index}]");
        let place = source.origin.place(&field);
        let share = match (weight(backend), sum) {
            (0, _) => "no connections, its weight is 0".to_owned(),
            (all, sum) if all == sum => "every connection".to_owned(),
            (weight, sum) => format!("{} connections", words::share(weight, sum)),
        };
        let what = format!("backendRefs[{index}], `{}`: {share}", backend.name);
        story.tell(0, Verdict::Fact, what, place.clone());
        if let Some(names) = backends.unasked(index) {
            let what = format!("to {}, resolved while Portway runs", words::names(names));
            story.tell(1, Verdict::Yes, what, place.clone());
            if matches!(backend.target, TargetSpec::Reject(_)) {
                continue;
            }
        }
        match (&backend.target, backends.fault(index)) {
            (TargetSpec::Endpoints(endpoints), _) => {
                let what = format!("to {}", endpoints_in_turn(endpoints));
                story.tell(1, Verdict::Yes, what, place);
            }
            (TargetSpec::Reject(reason), fault) => {
                let why = fault.unwrap_or(reason.sentence());
                let what = format!("accepted and reset: {why}");
                story.tell(1, Verdict::No, what, place);
            }
        }
    }
}

fn weight(backend: &BackendSpec) -> u64 {
    u64::from(backend.weight)
}

fn endpoints_in_turn(endpoints: &[std::net::SocketAddr]) -> String {
    match endpoints {
        [one] => format!("`{one}`"),
        several => format!("{} in turn", words::names(several)),
    }
}

/// What the connections of a route get, in a sentence that begins with who sends them.
pub(super) fn shares(backends: &Backends, route: &str) -> String {
    let sum: u64 = backends.resolved.iter().map(weight).sum();
    if sum == 0 {
        return format!("a connection is accepted and reset: {route} has no weight to give");
    }
    let all = backends.resolved.iter().enumerate();
    let used = all.filter(|(_, it)| it.weight > 0);
    let shares = used.take(NAMES_SHOWN_MAX).map(|(at, backend)| {
        let share = match weight(backend) {
            all if all == sum => "all".to_owned(),
            part => words::share(part, sum),
        };
        match &backend.target {
            _ if backends.unasked(at).is_some() => format!("{share} to `{}`", backend.name),
            TargetSpec::Endpoints(_) => format!("{share} to `{}`", backend.name),
            TargetSpec::Reject(_) => {
                format!("{share} accepted and reset instead of `{}`", backend.name)
            }
        }
    });
    let shares: Vec<String> = shares.collect();
    format!("{route} sends its connections: {}", shares.join(", "))
}
