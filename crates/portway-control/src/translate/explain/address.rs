//! An address: which listener takes a connection to it, and what that connection gets.

use std::net::{IpAddr, SocketAddr};

use super::{Explanation, Story, Verdict, listener};
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
        let takes = ip.is_none_or(|ip| sockets(listener, ip).next().is_some());
        tell(&mut story, decided, (gateway, listener), takes);
        let unbound = &decided.index.snapshot.facts.unbound;
        let is_open = match ip {
            Some(ip) => sockets(listener, ip).any(|socket| !unbound.contains_key(socket)),
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

/// The sockets of a listener that take connections to `ip`, if they are open.
fn sockets<'p>(listener: &'p ListenerPlan<'_>, ip: IpAddr) -> impl Iterator<Item = &'p SocketAddr> {
    let ip = ip.to_canonical();
    listener.binds.iter().filter(move |socket| {
        let bound = socket.ip();
        bound == ip || bound.is_unspecified() && bound.is_ipv4() == ip.is_ipv4()
    })
}
