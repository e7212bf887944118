//! What listens where and goes where, as values: for `check`, `demo` and their tests.
//!
//! In: a [`Translation`]. Out: one [`ListenerLine`] a declared listener of ours, in order of
//! Gateways and listeners. Never: text layout, which is [`crate::render`]'s.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use portway_control::origin::ObjectKey;
use portway_control::snapshot::Objects;
use portway_control::status::reason::kind;
use portway_control::status::{Condition, ConditionStatus, GatewayStatus, ListenerStatus, Status};
use portway_control::translate::Translation;
use portway_engine::table::{
    BackendSpec, ListenerSpec, RejectReason, RouteSpec, TableSpec, TargetSpec,
};

/// One declared listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerLine {
    /// The Gateway it belongs to.
    pub(crate) gateway: ObjectKey,
    /// Its name in the Gateway.
    pub(crate) name: Arc<str>,
    /// As declared.
    pub(crate) protocol: String,
    /// As declared.
    pub(crate) port: u16,
    /// What becomes of its streams.
    pub(crate) fate: Fate,
}

/// What becomes of the streams of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It does not listen: reason and message of its condition.
    NotServed {
        /// One word.
        reason: String,
        /// For people.
        message: String,
    },
    /// It listens, and every stream is accepted and reset.
    Rejects(RejectReason),
    /// It listens, and a route gets its streams.
    Serves {
        /// The route, `namespace/name`.
        route: Arc<str>,
        /// Its weighted targets.
        backends: Vec<Share>,
    },
}

/// A backend with its part of the connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    /// `namespace/name:port`.
    pub(crate) backend: Arc<str>,
    /// Its weight.
    pub(crate) weight: u32,
    /// Sum of the weights of the route.
    pub(crate) of: u64,
    /// Where its connections go.
    pub(crate) target: Target,
}

/// Where the connections of a backend go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Each to one of these, in turn.
    Endpoints(Vec<SocketAddr>),
    /// To what these, `name:port`, give while Portway runs, and to these addresses.
    Names(Vec<String>, Vec<SocketAddr>),
    /// Accepted and reset; why, for machines and for people.
    Rejected(RejectReason, String),
}

/// The outline of a translation.
pub(crate) fn of(objects: &Objects, translation: &Translation) -> Vec<ListenerLine> {
    let planned = Planned::of(translation);
    let mut lines = Vec::new();
    for (key, status) in &translation.statuses {
        if let (Status::Gateway(status), Some(gateway)) = (status, objects.gateways.get(key)) {
            for listener in &gateway.object.spec.listeners {
                lines.push(ListenerLine {
                    gateway: key.clone(),
                    name: listener.name.as_str().into(),
                    protocol: listener.protocol.clone(),
                    port: listener.port,
                    fate: planned.fate(key, &listener.name, status),
                });
            }
        }
    }
    lines
}

/// What the tables hold, by name. Two tables of a cluster name the same route alike.
struct Planned<'a> {
    translation: &'a Translation,
    listeners: BTreeMap<&'a str, &'a ListenerSpec>,
    routes: BTreeMap<&'a str, &'a RouteSpec>,
}

impl<'a> Planned<'a> {
    fn of(translation: &'a Translation) -> Self {
        let tables = || std::iter::once(&translation.host_table).chain(translation.tables.values());
        let listeners = tables().flat_map(|table: &TableSpec| &table.listeners);
        let routes = tables().flat_map(|table: &TableSpec| &table.routes);
        Self {
            translation,
            listeners: listeners.map(|it| (&*it.name, it)).collect(),
            routes: routes.map(|it| (&*it.name, it)).collect(),
        }
    }

    fn fate(&self, gateway: &ObjectKey, listener: &str, status: &GatewayStatus) -> Fate {
        let name = format!("{}/{}/{listener}", gateway.namespace, gateway.name);
        if let Some(refusal) = refusal(listener, status) {
            return Fate::NotServed {
                reason: refusal.reason.clone().into_owned(),
                message: refusal.message.to_string(),
            };
        }
        let spec = self.listeners.get(name.as_str());
        let route = spec.and_then(|spec| self.routes.get(spec.route.as_deref()?));
        let Some(route) = route else {
            return Fate::Rejects(RejectReason::NoRoute);
        };
        let of = route.backends.iter().map(|it| u64::from(it.weight)).sum();
        if of == 0 {
            return Fate::Rejects(RejectReason::NoWeight);
        }
        Fate::Serves {
            route: Arc::clone(&route.name),
            backends: route
                .backends
                .iter()
                .map(|it| self.share(route, it, of))
                .collect(),
        }
    }

    fn share(&self, route: &RouteSpec, backend: &BackendSpec, of: u64) -> Share {
        let names = self.translation.unasked.get(&backend.name);
        let names = names.map(|names| names.iter().cloned().collect());
        Share {
            backend: Arc::clone(&backend.name),
            weight: backend.weight,
            of,
            target: match (&backend.target, names) {
                (TargetSpec::Endpoints(sockets), None) => Target::Endpoints(sockets.clone()),
                (TargetSpec::Endpoints(sockets), Some(names)) => {
                    Target::Names(names, sockets.clone())
                }
                (TargetSpec::Reject(_), Some(names)) => Target::Names(names, Vec::new()),
                (TargetSpec::Reject(reason), None) => {
                    let name = (Arc::clone(&route.name), Arc::clone(&backend.name));
                    let why = self.translation.faults.get(&name).cloned();
                    let why = why.unwrap_or_else(|| reason.sentence().to_owned());
                    Target::Rejected(*reason, why)
                }
            },
        }
    }
}

/// The condition that says why a listener does not listen, of itself or of its Gateway.
fn refusal<'a>(listener: &str, status: &'a GatewayStatus) -> Option<&'a Condition> {
    let refuses = |it: &&Condition| {
        matches!(&*it.kind, kind::ACCEPTED | kind::PROGRAMMED)
            && it.status == ConditionStatus::False
    };
    let own = |it: &&ListenerStatus| it.name == listener;
    let listener = status.listeners.iter().find(own);
    let own = listener.and_then(|it| it.conditions.iter().find(refuses));
    let accepted = |it: &&Condition| it.kind == kind::ACCEPTED && refuses(it);
    own.or_else(|| status.conditions.iter().find(accepted))
}
