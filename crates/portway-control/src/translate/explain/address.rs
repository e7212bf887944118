//! An address: which listener takes a connection to it, and what that connection gets.

use std::net::{IpAddr, SocketAddr};

use super::{Explanation, Story, Verdict, left_out, listener};
use crate::translate::Decided;
use crate::translate::plan::{GatewayPlan, ListenerPlan};

pub(super) fn explain(decided: &Decided<'_>, ip: Option<IpAddr>, port: u16) -> Explanation {
    let title = match ip {
        Some(ip) => SocketAddr::new(ip, port).to_string(),
        None => format!("port {port}"),
    };
    let mut story = Story::default();
    let declared = decided.gateways.iter().flat_map(|gateway| {
        let listeners = gateway.listeners.iter();
        let on_port = listeners.filter(|listener| listener.spec.port == port);
        on_port.map(move |listener| (gateway, listener))
    });
    let (mut outcomes, mut n_declared) = (Vec::new(), 0);
    for (gateway, listener) in declared {
        n_declared += 1;
        let is_meant = ip.is_none_or(|ip| takes(&listener.binds, ip));
        tell(&mut story, decided, (gateway, listener), is_meant);
        let is_open = match ip {
            Some(ip) => takes(&listener.open, ip),
            None => listener.is_bound,
        };
        if is_open {
            outcomes.push(listener::outcome(decided, listener));
        }
    }
    if n_declared == 0 {
        let what = format!("no listener of Portway is declared on port {port}");
        story.tell(0, Verdict::No, what, crate::origin::Place::default());
    }
    left_out::tell_gateways(&mut story, decided.index.snapshot);
    let outcome = match outcomes.as_slice() {
        [] => "a connection is refused, unless another program listens there".to_owned(),
        outcomes => outcomes.join("; "),
    };
    story.end(title, outcome)
}

fn tell(
    story: &mut Story,
    decided: &Decided<'_>,
    (gateway, listener): (&GatewayPlan<'_>, &ListenerPlan<'_>),
    takes: bool,
) {
    let what = format!("listener `{}` has this port", listener.name);
    story.tell(0, Verdict::Fact, what, listener::place(gateway, listener));
    if !takes && !listener.binds.is_empty() {
        let what = "it listens on other addresses";
        let place = gateway.source.origin.place("spec.addresses");
        story.tell(1, Verdict::No, what, place);
    }
    listener::tell(story, 1, decided, gateway, listener);
}

/// Whether one of these sockets takes connections to `ip`.
fn takes(sockets: &[SocketAddr], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let mut bound = sockets.iter().map(SocketAddr::ip);
    bound.any(|bound| bound == ip || bound.is_unspecified() && bound.is_ipv4() == ip.is_ipv4())
}
