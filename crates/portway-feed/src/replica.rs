//! What a proxy has of its Gateway's table.
//!
//! In: chunks, in the order they were sent. Out: a [`RoutingTable`] each time an update is
//! complete, built through the same constructor as every other; or a [`Refusal`], and all is as
//! before the update. Never: half an update, nor more than a table may hold.
//!
//! The update that comes is staged beside what is held. What it does not touch the two share.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use portway_engine::limits::{DRAINS_MAX, ENDPOINTS_MAX, LISTENERS_MAX, ROUTES_MAX};
use portway_engine::table::{BackendSpec, RouteSpec, RoutingTable, TableVersion, TargetSpec};

use crate::refusal::Refusal;
use crate::resources::Resources;
use crate::wire::change::Kind;
use crate::wire::{
    self, addr_from_bytes, drains_from_wire, grants_from_wire, listener_from_wire, route_from_wire,
};

/// The state of one Gateway's table here.
#[derive(Debug, Default)]
pub struct Replica {
    held: Resources,
    table: Option<Arc<RoutingTable>>,
    staged: Option<Staged>,
}

/// What became of a chunk.
#[derive(Debug)]
pub enum Taken {
    /// More of the update is to come, or it was refused already.
    Waiting,
    /// The update is complete.
    Complete(Complete),
    /// The update makes no table; said once, however many chunks of it follow.
    Refused {
        /// Which update.
        nonce: u64,
        /// Why.
        refusal: Refusal,
    },
}

/// A table that came.
#[derive(Debug)]
pub struct Complete {
    /// Of the update it came with; what it is acknowledged by.
    pub nonce: u64,
    /// The controller's number for it.
    pub generation: u64,
    /// The table; the one before if nothing changed.
    pub table: Arc<RoutingTable>,
}

#[derive(Debug)]
struct Staged {
    nonce: u64,
    /// `Err`: refused, and what follows of it counts for nothing.
    resources: Result<Stage, ()>,
}

#[derive(Debug)]
struct Stage {
    resources: Resources,
    n_endpoints: usize,
}

impl Replica {
    /// What is held, without the update that is on its way.
    pub fn held(&self) -> &Resources {
        &self.held
    }

    /// The table that was built last.
    pub fn table(&self) -> Option<&Arc<RoutingTable>> {
        self.table.as_ref()
    }

    /// Forgets the update that was on its way: its stream is gone.
    pub fn abandon(&mut self) {
        self.staged = None;
    }

    /// Forgets what is held, so that everything is sent again. The table stays.
    pub fn distrust(&mut self) {
        self.staged = None;
        self.held = Resources::default();
    }

    /// Takes one chunk.
    pub fn take(&mut self, chunk: &wire::Chunk) -> Taken {
        let mut staged = match self.staged.take() {
            Some(staged) if staged.nonce == chunk.nonce => staged,
            // A new nonce before a commit: the controller gave the update up.
            Some(_) | None => Staged {
                nonce: chunk.nonce,
                resources: Ok(Stage::of(&self.held)),
            },
        };
        let Ok(stage) = &mut staged.resources else {
            self.staged = Some(staged);
            return Taken::Waiting;
        };
        let applied = chunk.changes.iter().try_for_each(|it| stage.change(it));
        let applied = applied.and_then(|()| {
            let grants = chunk.commit.as_ref().and_then(|it| it.grants.as_ref());
            grants.map_or(Ok(()), |it| stage.set_grants(it))
        });
        let outcome = match (applied, &chunk.commit) {
            (Err(refusal), _) => Err(refusal),
            (Ok(()), None) => Ok(None),
            (Ok(()), Some(commit)) => self.build(stage).map(|table| Some((table, commit))),
        };
        let nonce = staged.nonce;
        match outcome {
            Ok(None) => {
                self.staged = Some(staged);
                Taken::Waiting
            }
            Ok(Some((table, commit))) => Taken::Complete(Complete {
                nonce,
                generation: commit.generation,
                table,
            }),
            Err(refusal) => {
                staged.resources = Err(());
                self.staged = Some(staged);
                Taken::Refused { nonce, refusal }
            }
        }
    }

    fn build(&mut self, stage: &mut Stage) -> Result<Arc<RoutingTable>, Refusal> {
        if let Some(table) = &self.table
            && stage.resources == self.held
        {
            return Ok(Arc::clone(table));
        }
        let before = self.table.as_deref();
        let version = TableVersion(before.map_or(1, |table| table.version().0 + 1));
        let spec = stage.resources.to_spec();
        let table = Arc::new(RoutingTable::build(version, &spec, before)?);
        self.table = Some(Arc::clone(&table));
        self.held = std::mem::take(&mut stage.resources);
        Ok(table)
    }
}

impl Stage {
    fn of(held: &Resources) -> Self {
        Self {
            resources: held.clone(),
            n_endpoints: held.routes.values().map(|it| n_endpoints(it)).sum(),
        }
    }

    fn change(&mut self, change: &wire::Change) -> Result<(), Refusal> {
        let Resources {
            listeners,
            routes,
            drains,
            grants: _,
        } = &mut self.resources;
        match &change.kind {
            Some(Kind::SetListener(message)) => {
                let listener = listener_from_wire(message)?;
                listeners.insert(Arc::clone(&listener.name), Arc::new(listener));
                bound(listeners.len(), LISTENERS_MAX, "listeners")
            }
            Some(Kind::RemoveListener(name)) => {
                let gone = listeners.remove(&**name);
                gone.map(drop)
                    .ok_or(Refusal::NotHeld { what: "a listener" })
            }
            Some(Kind::SetRoute(message)) => self.set_route(message),
            Some(Kind::RemoveRoute(name)) => {
                let gone = routes.remove(&**name);
                let gone = gone.ok_or(Refusal::NotHeld { what: "a route" })?;
                self.count_endpoints(n_endpoints(&gone), 0)
            }
            Some(Kind::Endpoints(message)) => self.change_endpoints(message),
            Some(Kind::SetDrains(message)) => {
                let new = drains_from_wire(message)?;
                let Some(first) = new.first() else {
                    return Err(Refusal::NotHeld { what: "drains" });
                };
                drains.insert(Arc::clone(&first.route), Arc::new(new));
                bound(drains.len(), DRAINS_MAX, "drains")
            }
            Some(Kind::RemoveDrains(route)) => {
                let gone = drains.remove(&**route);
                gone.map(drop).ok_or(Refusal::NotHeld { what: "drains" })
            }
            None => Err(Refusal::Unknown { what: "change" }),
        }
    }

    fn set_grants(&mut self, message: &wire::Grants) -> Result<(), Refusal> {
        self.resources.grants = grants_from_wire(message)?.map(Arc::from);
        Ok(())
    }

    fn set_route(&mut self, message: &wire::Route) -> Result<(), Refusal> {
        let routes = &mut self.resources.routes;
        let before = routes.get(&*message.name);
        let n_before = before.map_or(0, |it| n_endpoints(it));
        let route = route_from_wire(message, before.map(|it| &**it))?;
        let n_after = n_endpoints(&route);
        routes.insert(Arc::clone(&route.name), Arc::new(route));
        bound(routes.len(), ROUTES_MAX, "routes")?;
        self.count_endpoints(n_before, n_after)
    }

    fn change_endpoints(&mut self, change: &wire::EndpointsChange) -> Result<(), Refusal> {
        const MISSING: Refusal = Refusal::NotHeld { what: "endpoints" };
        let place = usize::try_from(change.backend).unwrap_or(usize::MAX);
        let route = self.resources.routes.get_mut(&*change.route);
        let route = Arc::make_mut(route.ok_or(MISSING)?);
        let backend = route.backends.get_mut(place).ok_or(MISSING)?;
        let TargetSpec::Endpoints(endpoints) = &mut backend.target else {
            return Err(MISSING);
        };
        let n_before = endpoints.len();
        let removed = addrs(&change.removed)?;
        endpoints.retain(|it| !removed.contains(it));
        if n_before - endpoints.len() != removed.len() {
            return Err(MISSING);
        }
        let added = addrs(&change.added)?;
        if added.iter().any(|it| endpoints.binary_search(it).is_ok()) {
            return Err(MISSING);
        }
        endpoints.extend(added);
        endpoints.sort_unstable();
        let n_after = endpoints.len();
        self.count_endpoints(n_before, n_after)
    }

    fn count_endpoints(&mut self, n_before: usize, n_after: usize) -> Result<(), Refusal> {
        self.n_endpoints = self.n_endpoints - n_before + n_after;
        bound(self.n_endpoints, ENDPOINTS_MAX, "endpoints")
    }
}

fn bound(n: usize, n_max: usize, what: &'static str) -> Result<(), Refusal> {
    if n > n_max {
        return Err(Refusal::TooMany { what });
    }
    Ok(())
}

fn n_endpoints(route: &RouteSpec) -> usize {
    let n = |backend: &BackendSpec| backend.target.endpoints().len();
    route.backends.iter().map(n).sum()
}

/// One address twice is as wrong as one that is held already.
fn addrs(bytes: &[Vec<u8>]) -> Result<BTreeSet<SocketAddr>, Refusal> {
    let mut addrs = BTreeSet::new();
    for bytes in bytes {
        let addr = addr_from_bytes(bytes).ok_or(Refusal::Address)?;
        if !addrs.insert(addr) {
            return Err(Refusal::NotHeld { what: "endpoints" });
        }
    }
    Ok(addrs)
}
