//! What a proxy has, said so that a controller that never saw it can tell what differs.
//!
//! In: [`Resources`]. Out: names with versions; and on the other side what of it still holds. A
//! version is made of the content alone, so it means the same to every controller and after every
//! restart. An endpoint has no content beside its address, so it has no version of its own: those
//! of a route are part of the route's. Never: a number that two controllers count differently.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use portway_engine::limits::{LISTENERS_MAX, ROUTES_MAX};
use portway_engine::table::{DrainSpec, GrantSpec, ListenerSpec, RouteSpec};
use prost::Message;

use crate::diff::Step;
use crate::limits::{KNOWN_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::resources::Resources;
use crate::wire::{
    self, Kind, Known, KnownResource, addr_to_bytes, drains_to_wire, grants_to_wire,
    listener_to_wire, route_to_wire,
};

/// Tag and length of a resource in a message.
const RESOURCE_FRAME_BYTES_MAX: usize = 4;

/// The messages a stream begins with.
pub(crate) fn announce(held: &Resources) -> Vec<Known> {
    let known = |kind: Kind, name: &Arc<str>, version| KnownResource {
        kind: kind.into(),
        name: name.to_string(),
        version,
    };
    let listeners = held.listeners.iter();
    let listeners = listeners.map(|(name, it)| known(Kind::Listener, name, listener_version(it)));
    let routes = held.routes.iter();
    let routes = routes.map(|(name, it)| known(Kind::Route, name, route_version(it)));
    let drains = held.drains.iter();
    let drains = drains.map(|(name, it)| known(Kind::Drains, name, drains_version(it)));
    let grants = held.grants.iter();
    let grants = grants.map(|it| known(Kind::Grants, &Arc::from(""), grants_version(it)));
    let mut messages = vec![Known::default()];
    let (mut n_bytes, mut n_bytes_all) = (0, 0);
    for resource in listeners.chain(routes).chain(drains).chain(grants) {
        let n = RESOURCE_FRAME_BYTES_MAX + resource.encoded_len();
        (n_bytes, n_bytes_all) = (n_bytes + n, n_bytes_all + n);
        if n_bytes > MESSAGE_BYTES_MAX / 2 {
            n_bytes = n;
            messages.push(Known::default());
        }
        if let Some(message) = messages.last_mut() {
            message.resources.push(resource);
        }
    }
    if n_bytes_all > KNOWN_BYTES_MAX {
        messages = vec![Known::default()];
    }
    if let Some(message) = messages.last_mut() {
        message.is_last = true;
    }
    messages
}

/// What a proxy said it has, compared with a table.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    resources: Vec<KnownResource>,
    n_bytes: usize,
}

/// What a proxy has, as the controller sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resumed {
    /// What it has just as the table has it.
    pub(crate) same: Resources,
    /// What takes away that of which only the name is known.
    pub(crate) stale: Vec<Step>,
    /// Whether it has grants, and not those of the table.
    pub(crate) has_other_grants: bool,
}

/// A proxy announces more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more known resources than a table may hold")]
pub(crate) struct TooMuchKnown;

impl Announced {
    /// Takes one more message.
    pub(crate) fn take(&mut self, message: Known) -> Result<(), TooMuchKnown> {
        self.n_bytes += message.encoded_len();
        self.resources.extend(message.resources);
        let is_too_much = self.n_bytes > KNOWN_BYTES_MAX + MESSAGE_BYTES_MAX
            || self.resources.len() > LISTENERS_MAX + 2 * ROUTES_MAX + 1;
        if is_too_much {
            return Err(TooMuchKnown);
        }
        Ok(())
    }

    /// Compares with the table that is to be sent.
    pub(crate) fn compare(self, table: &Resources) -> Resumed {
        let mut resumed = Resumed::default();
        let Resumed {
            same,
            stale,
            has_other_grants,
        } = &mut resumed;
        for known in &self.resources {
            let gone = || Arc::<str>::from(&*known.name);
            match known.kind() {
                Kind::Listener => {
                    let (all, same) = (&table.listeners, &mut same.listeners);
                    if !is_same(known, all, same, listener_version) {
                        stale.push(Step::RemoveListener(gone()));
                    }
                }
                Kind::Route => {
                    let (all, same) = (&table.routes, &mut same.routes);
                    if !is_same(known, all, same, route_version) {
                        stale.push(Step::RemoveRoute(gone()));
                    }
                }
                Kind::Drains => {
                    let (all, same) = (&table.drains, &mut same.drains);
                    if !is_same(known, all, same, |it| drains_version(it)) {
                        stale.push(Step::RemoveDrains(gone()));
                    }
                }
                Kind::Grants => {
                    let grants = table.grants.as_ref();
                    let grants = grants.filter(|it| grants_version(it) == known.version);
                    *has_other_grants = grants.is_none();
                    same.grants = grants.map(Arc::clone);
                }
                Kind::Unspecified => {}
            }
        }
        resumed
    }
}

/// Whether the table has just this; then it is noted as the same.
fn is_same<T>(
    known: &KnownResource,
    table: &BTreeMap<Arc<str>, Arc<T>>,
    same: &mut BTreeMap<Arc<str>, Arc<T>>,
    version: impl Fn(&T) -> Vec<u8>,
) -> bool {
    let Some((name, it)) = table.get_key_value(&*known.name) else {
        return false;
    };
    if version(it) != known.version {
        return false;
    }
    same.insert(Arc::clone(name), Arc::clone(it));
    true
}

fn listener_version(listener: &ListenerSpec) -> Vec<u8> {
    version(&listener_to_wire(listener).encode_to_vec())
}

fn route_version(route: &RouteSpec) -> Vec<u8> {
    let mut bytes = route_to_wire(route, |_| None).encode_length_delimited_to_vec();
    for (backend, place) in route.backends.iter().zip(0..) {
        let endpoints = wire::EndpointsChange {
            backend: place,
            added: backend
                .target
                .endpoints()
                .iter()
                .map(|it| addr_to_bytes(*it))
                .collect(),
            ..wire::EndpointsChange::default()
        };
        bytes.extend(endpoints.encode_length_delimited_to_vec());
    }
    version(&bytes)
}

fn drains_version(drains: &[DrainSpec]) -> Vec<u8> {
    version(&drains_to_wire(drains).encode_to_vec())
}

fn grants_version(grants: &[GrantSpec]) -> Vec<u8> {
    version(&grants_to_wire(Some(grants)).encode_to_vec())
}

fn version(content: &[u8]) -> Vec<u8> {
    let digest = digest(&SHA256, content);
    digest.as_ref().iter().take(16).copied().collect()
}
