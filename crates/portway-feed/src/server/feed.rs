//! The tables, and who has them.
//!
//! In: a table for each Gateway, and whether this controller leads. Out: streams attach here and
//! get what is newest; what each proxy has. Never: a table that was not published. A controller
//! that has just started knows no tables yet, and then says nothing, rather than that there is
//! nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portway_engine::table::{RoutingTable, TableError, TableSpec, TableVersion};
use tokio::sync::{oneshot, watch};

use crate::follower::Published;
use crate::identity::{GatewayName, Identity};
use crate::limits::{DRAINS_PER_ROUTE_MAX, PROXIES_PER_GATEWAY_MAX};
use crate::resources::Resources;

/// The tables and who has them. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Feed {
    state: Arc<Mutex<State>>,
    changes: Arc<watch::Sender<u64>>,
}

/// Whether this controller serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leading {
    /// It does.
    Yes,
    /// Another one does: proxies are sent away, to try that.
    No,
}

/// What is known of a proxy that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyFacts {
    /// Name of its pod.
    pub pod: Arc<str>,
    /// What makes the pod unique.
    pub uid: Arc<str>,
    /// The newest generation that all its workers route by.
    pub acknowledged: Option<u64>,
    /// The generation it refused since, and why.
    pub refused: Option<(u64, String)>,
    /// Sockets it could not bind, and why.
    pub unbound: Vec<(SocketAddr, String)>,
}

/// Why a table cannot be published. It is a defect of whoever made the table; the one before stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It breaks a rule of tables.
    #[error("publish the table of Gateway `{gateway}`")]
    Table {
        /// Whose.
        gateway: GatewayName,
        /// Which rule.
        source: Box<TableError>,
    },
    /// More drains of one route than [`DRAINS_PER_ROUTE_MAX`].
    #[error("publish the table of Gateway `{gateway}`: too many drains of route `{route}`")]
    TooManyDrains {
        /// Whose.
        gateway: GatewayName,
        /// Of which route.
        route: Arc<str>,
    },
}

/// Why a stream ends from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    NotLeading,
    Withdrawn,
    Replaced,
    Stopping,
}

/// Why a stream does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAttached {
    NotLeading,
    TooMany,
}

/// A stream's share of the state.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) newest: watch::Receiver<Option<Arc<Published>>>,
    pub(super) end: oneshot::Receiver<End>,
    pub(super) ticket: Ticket,
}

/// By what a stream speaks of its proxy. An older stream of the same proxy has another one, so that
/// what it says late counts for nothing.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    gateway: GatewayName,
    uid: Arc<str>,
    number: u64,
}

#[derive(Debug)]
struct State {
    leading: Leading,
    gateways: BTreeMap<GatewayName, Gateway>,
    n_attached: u64,
}

#[derive(Debug)]
struct Gateway {
    newest: watch::Sender<Option<Arc<Published>>>,
    /// By uid.
    proxies: BTreeMap<Arc<str>, Proxy>,
}

#[derive(Debug)]
struct Proxy {
    number: u64,
    end: Option<oneshot::Sender<End>>,
    facts: ProxyFacts,
}

impl Feed {
    /// Nothing is published, and nobody leads. What is received changes with every change of what
    /// [`Self::proxies`] gives.
    pub fn new() -> (Self, watch::Receiver<u64>) {
        let (changes, receiver) = watch::channel(0);
        let state = State {
            leading: Leading::No,
            gateways: BTreeMap::new(),
            n_attached: 0,
        };
        let feed = Self {
            state: Arc::new(Mutex::new(state)),
            changes: Arc::new(changes),
        };
        (feed, receiver)
    }

    /// This is the table of `gateway` now; newest wins. A table equal to the one before with
    /// another `generation` makes its proxies acknowledge that, and costs them nothing.
    ///
    /// # Errors
    /// When `table` is none; the one before stays.
    pub fn publish(
        &self,
        gateway: &GatewayName,
        generation: u64,
        table: &TableSpec,
    ) -> Result<(), PublishError> {
        check(gateway, table)?;
        let mut state = self.state();
        let entry = state.gateway(gateway);
        let before = entry.newest.borrow().clone();
        let nothing = Resources::default();
        let before = before.as_ref().map_or(&nothing, |it| &it.resources);
        let resources = Arc::new(Resources::of(table, before));
        entry.newest.send_replace(Some(Arc::new(Published {
            generation,
            resources,
        })));
        Ok(())
    }

    /// The Gateway is gone: the streams of its proxies end.
    pub fn withdraw(&self, gateway: &GatewayName) {
        let gone = self.state().gateways.remove(gateway);
        if let Some(mut gone) = gone {
            gone.end_all(End::Withdrawn);
            self.changed();
        }
    }

    /// Whether this controller serves from now on. When it no longer does all streams end; what was
    /// published stays.
    pub fn set_leading(&self, leading: Leading) {
        self.state().leading = leading;
        if leading == Leading::No {
            self.end_all(End::NotLeading);
        }
    }

    /// What is known of the proxies that follow `gateway`.
    pub fn proxies(&self, gateway: &GatewayName) -> Vec<ProxyFacts> {
        let state = self.state();
        let gateway = state.gateways.get(gateway);
        let proxies = gateway.into_iter().flat_map(|it| it.proxies.values());
        proxies.map(|it| it.facts.clone()).collect()
    }

    pub(super) fn leading(&self) -> Leading {
        self.state().leading
    }

    /// Ends every stream.
    pub(super) fn end_all(&self, end: End) {
        let mut state = self.state();
        for gateway in state.gateways.values_mut() {
            gateway.end_all(end);
        }
        state.gateways.retain(|_, it| !it.is_unused());
        drop(state);
        self.changed();
    }

    /// A stream begins; one that the proxy had before ends.
    pub(super) fn attach(&self, identity: &Identity) -> Result<Attached, NotAttached> {
        let mut state = self.state();
        if state.leading == Leading::No {
            return Err(NotAttached::NotLeading);
        }
        state.n_attached += 1;
        let number = state.n_attached;
        let Identity { gateway, pod, uid } = identity.clone();
        let entry = state.gateway(&gateway);
        let is_new = !entry.proxies.contains_key(&uid);
        if is_new && entry.proxies.len() >= PROXIES_PER_GATEWAY_MAX {
            return Err(NotAttached::TooMany);
        }
        let (end, ended) = oneshot::channel();
        let proxy = Proxy {
            number,
            end: Some(end),
            facts: ProxyFacts {
                pod,
                uid: Arc::clone(&uid),
                acknowledged: None,
                refused: None,
                unbound: Vec::new(),
            },
        };
        let newest = entry.newest.subscribe();
        if let Some(mut older) = entry.proxies.insert(Arc::clone(&uid), proxy) {
            older.end(End::Replaced);
        }
        drop(state);
        self.changed();
        let ticket = Ticket {
            gateway,
            uid,
            number,
        };
        Ok(Attached {
            newest,
            end: ended,
            ticket,
        })
    }

    /// A stream is over.
    pub(super) fn detach(&self, ticket: &Ticket) {
        let mut state = self.state();
        let Some(gateway) = state.gateways.get_mut(&ticket.gateway) else {
            return;
        };
        let is_its = |proxy: &Proxy| proxy.number == ticket.number;
        if gateway.proxies.get(&ticket.uid).is_some_and(is_its) {
            gateway.proxies.remove(&ticket.uid);
        }
        if gateway.is_unused() {
            state.gateways.remove(&ticket.gateway);
        }
        drop(state);
        self.changed();
    }

    /// Something became known of a proxy.
    pub(super) fn learn(&self, ticket: &Ticket, learn: impl FnOnce(&mut ProxyFacts)) {
        let mut state = self.state();
        let gateway = state.gateways.get_mut(&ticket.gateway);
        let proxy = gateway.and_then(|it| it.proxies.get_mut(&ticket.uid));
        let Some(proxy) = proxy.filter(|it| it.number == ticket.number) else {
            return;
        };
        learn(&mut proxy.facts);
        drop(state);
        self.changed();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is whole before anything in it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }
}

impl State {
    fn gateway(&mut self, name: &GatewayName) -> &mut Gateway {
        self.gateways
            .entry(name.clone())
            .or_insert_with(|| Gateway {
                newest: watch::Sender::new(None),
                proxies: BTreeMap::new(),
            })
    }
}

impl Gateway {
    fn end_all(&mut self, end: End) {
        for (_, mut proxy) in std::mem::take(&mut self.proxies) {
            proxy.end(end);
        }
    }

    /// Nobody follows it, and there is nothing to follow.
    fn is_unused(&self) -> bool {
        self.proxies.is_empty() && self.newest.borrow().is_none()
    }
}

impl Proxy {
    fn end(&mut self, end: End) {
        let ended = self.end.take().map(|it| it.send(end));
        if matches!(ended, Some(Err(_))) {
            tracing::trace!(pod = %self.facts.pod, "the stream had ended by itself");
        }
    }
}

/// Proxies would refuse it one by one; whoever made it should hear of it first.
fn check(gateway: &GatewayName, table: &TableSpec) -> Result<(), PublishError> {
    RoutingTable::build(TableVersion(0), table, None).map_err(|source| PublishError::Table {
        gateway: gateway.clone(),
        source: source.into(),
    })?;
    let of_route = table.drains.chunk_by(|one, next| one.route == next.route);
    let mut too_many = of_route.filter(|it| it.len() > DRAINS_PER_ROUTE_MAX);
    match too_many.next().and_then(|it| it.first()) {
        Some(drain) => Err(PublishError::TooManyDrains {
            gateway: gateway.clone(),
            route: Arc::clone(&drain.route),
        }),
        None => Ok(()),
    }
}
