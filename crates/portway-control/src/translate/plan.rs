//! What the steps hand on: Gateways and routes as far as they are decided.
//!
//! In and out: each step fills the fields it is named for. Never: a decision of its own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::age::Age;
use crate::api::{Gateway, Listener, ParentReference, RouteGroupKind, TcpRoute};
use crate::origin::{Place, Sourced};

/// Why something is not accepted: a condition's reason and its message.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// A Gateway of ours.
#[derive(Debug)]
pub(super) struct GatewayPlan<'a> {
    pub(super) source: &'a Sourced<Gateway>,
    pub(super) age: Age<'a>,
    /// Why the whole Gateway is not accepted; none of its listeners is bound then.
    pub(super) refusal: Option<Refusal>,
    /// What its listeners bind.
    pub(super) addresses: Vec<IpAddr>,
    /// Addresses it asks for that are not this host's.
    pub(super) unusable: Vec<&'a str>,
    pub(super) listeners: Vec<ListenerPlan<'a>>,
}

/// A listener of such a Gateway.
#[derive(Debug)]
pub(super) struct ListenerPlan<'a> {
    /// Its place in the spec.
    pub(super) index: usize,
    pub(super) spec: &'a Listener,
    /// `namespace/gateway/listener`, its name in tables, logs and metrics.
    pub(super) name: Arc<str>,
    /// Kinds that may attach.
    pub(super) kinds: Vec<RouteGroupKind>,
    /// Kinds asked for that may not.
    pub(super) unknown_kinds: Vec<String>,
    /// With which listeners of its Gateway it cannot be told apart.
    pub(super) conflict: Option<Refusal>,
    /// Why it is not accepted.
    pub(super) refusal: Option<Refusal>,
    /// Sockets to bind; none = it is not in the table.
    pub(super) binds: Vec<SocketAddr>,
    /// Those of them that are open, as far as the facts say.
    pub(super) open: Vec<SocketAddr>,
    /// Whether at least one of them is.
    pub(super) is_bound: bool,
    /// Routes that are attached, in order of their names: indices of the route plans.
    pub(super) routes: Vec<usize>,
    /// The one of them that gets the connections.
    pub(super) winner: Option<usize>,
}

impl GatewayPlan<'_> {
    /// The place of a field of one of its listeners; `field` is empty or starts with a dot.
    pub(super) fn listener_place(&self, index: usize, field: &str) -> Place {
        let path = format!("spec.listeners[{index}]{field}");
        self.source.origin.place(&path)
    }
}

/// A route with at least one parent of ours.
#[derive(Debug)]
pub(super) struct RoutePlan<'a> {
    pub(super) source: &'a Sourced<TcpRoute>,
    pub(super) age: Age<'a>,
    /// `TCPRoute namespace/name`, its name in tables, logs and metrics.
    pub(super) name: Arc<str>,
    pub(super) parents: Vec<ParentPlan<'a>>,
}

impl RoutePlan<'_> {
    /// `namespace/name`, for people.
    pub(super) fn short_name(&self) -> String {
        format!("{}/{}", self.source.key.namespace, self.source.key.name)
    }
}

/// One parentRef that names a Gateway of ours.
#[derive(Debug)]
pub(super) struct ParentPlan<'a> {
    /// Its place in the spec.
    pub(super) index: usize,
    pub(super) reference: &'a ParentReference,
    /// Index of the Gateway's plan.
    pub(super) gateway: usize,
    /// How many listeners the reference selects.
    pub(super) n_selected: usize,
    /// The listeners it is attached to (indices in the Gateway's plan), or why to none.
    pub(super) attached: Result<Vec<usize>, Refusal>,
}
