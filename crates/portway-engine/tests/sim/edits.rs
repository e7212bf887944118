//! Random tables and random edits, most of them valid.
//!
//! Backends of one route have addresses of their own, so a dial tells its backend; routes share
//! addresses, so what one learns of an endpoint matters to the other.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use portway_engine::limits::WEIGHT_MAX;
use portway_engine::table::{
    BackendSpec, Drain, DrainSpec, ListenerSpec, Protocol, RejectReason, RouteSpec, TableSpec,
    TargetSpec,
};

use super::random::Random;

/// Whether the table can be built after an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    Fine,
    Broken,
}

const ROUTES: u64 = 4;
const LISTENERS: u16 = 6;
const BACKEND_SLOTS: u8 = 6;
const ENDPOINTS_PER_SLOT: u8 = 5;

/// A table to begin with: two routes, three listeners.
pub(crate) fn first_spec(random: &mut Random) -> TableSpec {
    let mut spec = TableSpec::default();
    spec.routes.push(route(0, random));
    spec.routes.push(route(1, random));
    for n in 0..3 {
        spec.listeners.push(listener(n, &spec.routes, random));
    }
    spec
}

/// Changes one thing.
pub(crate) fn edit(spec: &mut TableSpec, random: &mut Random) -> Validity {
    type Edit = fn(&mut TableSpec, &mut Random) -> Validity;
    let edits: &[(u64, Edit)] = &[
        (30, edit_backend),
        (10, add_or_remove_backend),
        (10, add_or_remove_listener),
        (20, repoint_listener),
        (6, add_or_remove_route),
        (14, edit_drains),
        (4, break_something),
    ];
    random.weighted(edits)(spec, random)
}

fn edit_backend(spec: &mut TableSpec, random: &mut Random) -> Validity {
    let Some(route) = one_of(&mut spec.routes, random) else {
        return Validity::Fine;
    };
    let Some(backend) = one_of(&mut route.backends, random) else {
        return Validity::Fine;
    };
    if random.chance(40) {
        backend.weight = weight(random);
    } else {
        backend.target = target(slot(backend), random);
    }
    Validity::Fine
}

fn add_or_remove_backend(spec: &mut TableSpec, random: &mut Random) -> Validity {
    let Some(route) = one_of(&mut spec.routes, random) else {
        return Validity::Fine;
    };
    let free = (0..BACKEND_SLOTS).find(|n| route.backends.iter().all(|it| slot(it) != *n));
    match free {
        Some(free) if random.chance(60) => route.backends.push(backend(free, random)),
        _ => remove_one(&mut route.backends, random),
    }
    Validity::Fine
}

fn add_or_remove_listener(spec: &mut TableSpec, random: &mut Random) -> Validity {
    let taken = |n: u16| {
        spec.listeners
            .iter()
            .any(|it| *it.name == *listener_name(n))
    };
    match (0..LISTENERS).find(|n| !taken(*n)) {
        Some(free) if random.chance(60) => {
            let listener = listener(free, &spec.routes, random);
            spec.listeners.push(listener);
        }
        _ => remove_one(&mut spec.listeners, random),
    }
    Validity::Fine
}

fn repoint_listener(spec: &mut TableSpec, random: &mut Random) -> Validity {
    let route = any_route(&spec.routes, random);
    if let Some(listener) = one_of(&mut spec.listeners, random) {
        listener.route = route;
    }
    Validity::Fine
}

fn add_or_remove_route(spec: &mut TableSpec, random: &mut Random) -> Validity {
    let taken = |n: u64| spec.routes.iter().any(|it| *it.name == *route_name(n));
    match (0..ROUTES).find(|n| !taken(*n)) {
        Some(free) if random.chance(60) => spec.routes.push(route(free, random)),
        _ => {
            remove_one(&mut spec.routes, random);
            let names: Vec<_> = spec.routes.iter().map(|it| it.name.clone()).collect();
            let gone =
                |it: &&mut ListenerSpec| it.route.as_ref().is_some_and(|it| !names.contains(it));
            for listener in spec.listeners.iter_mut().filter(gone) {
                listener.route = any_route(&spec.routes, random);
            }
        }
    }
    Validity::Fine
}

/// Somebody says, or no longer says, what connections get that lose their place; also of routes
/// that are not in the table.
fn edit_drains(spec: &mut TableSpec, random: &mut Random) -> Validity {
    let route = route_name(random.below(ROUTES));
    let backend = (0..BACKEND_SLOTS).nth(random.index(usize::from(BACKEND_SLOTS)));
    let backend = backend.filter(|_| random.chance(50)).map(backend_name);
    spec.drains
        .retain(|it| (&it.route, &it.backend) != (&route, &backend));
    if random.chance(75) {
        let ms = random.below(4000);
        let spread = Drain::Spread(Duration::from_millis(ms));
        let drain = random.pick(&[Drain::Keep, Drain::Now, spread, spread]);
        spec.drains.push(DrainSpec {
            route,
            backend,
            drain,
        });
        spec.drains.sort();
    }
    Validity::Fine
}

/// One of the mistakes a table must refuse.
fn break_something(spec: &mut TableSpec, random: &mut Random) -> Validity {
    let mut broken = listener(LISTENERS, &spec.routes, random);
    match random.below(3) {
        0 => broken.route = Some("no such route".into()),
        1 => broken.binds.push(broken.binds[0]),
        _ => spec.routes.push(RouteSpec {
            name: "empty".into(),
            backends: vec![BackendSpec {
                name: "empty".into(),
                weight: 1,
                target: TargetSpec::Endpoints(Vec::new()),
            }],
        }),
    }
    spec.listeners.push(broken);
    Validity::Broken
}

fn listener(n: u16, routes: &[RouteSpec], random: &mut Random) -> ListenerSpec {
    ListenerSpec {
        name: listener_name(n),
        protocol: Protocol::Tcp,
        binds: vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8000 + n))],
        route: any_route(routes, random),
    }
}

fn listener_name(n: u16) -> Arc<str> {
    format!("listener-{n}").into()
}

fn any_route(routes: &[RouteSpec], random: &mut Random) -> Option<Arc<str>> {
    let some = routes.get(random.index(routes.len()))?;
    (!random.chance(5)).then(|| some.name.clone())
}

fn route(n: u64, random: &mut Random) -> RouteSpec {
    let mut backends: Vec<_> = (0..BACKEND_SLOTS).map(|n| backend(n, random)).collect();
    backends.truncate(random.pick(&[0, 1, 2, 2, 3, 3, 4, 4, 5, 6]));
    RouteSpec {
        name: route_name(n),
        backends,
    }
}

fn route_name(n: u64) -> Arc<str> {
    format!("route-{n}").into()
}

fn backend(slot: u8, random: &mut Random) -> BackendSpec {
    BackendSpec {
        name: backend_name(slot),
        weight: weight(random),
        target: target(slot, random),
    }
}

fn backend_name(slot: u8) -> Arc<str> {
    char::from(b'a' + slot).to_string().into()
}

/// Backends are named by their slot, and their addresses follow from it.
fn slot(backend: &BackendSpec) -> u8 {
    backend.name.as_bytes()[0] - b'a'
}

fn weight(random: &mut Random) -> u32 {
    let some = u32::try_from(random.below(100)).unwrap();
    random.pick(&[0, 1, 1, 1, 2, 3, 30, 70, some, some, WEIGHT_MAX])
}

fn target(slot: u8, random: &mut Random) -> TargetSpec {
    if random.chance(15) {
        return TargetSpec::Reject(random.pick(&[
            RejectReason::InvalidBackend,
            RejectReason::NotPermitted,
            RejectReason::NoEndpoint,
            RejectReason::Loop,
        ]));
    }
    let endpoint = |n| SocketAddr::from(([10, 0, slot, n], 5432));
    let mut endpoints: Vec<_> = (1..=ENDPOINTS_PER_SLOT).map(endpoint).collect();
    let n = endpoints.len();
    endpoints.rotate_left(random.index(n));
    endpoints.truncate(1 + random.index(n));
    TargetSpec::Endpoints(endpoints)
}

fn one_of<'a, T>(items: &'a mut [T], random: &mut Random) -> Option<&'a mut T> {
    let index = random.index(items.len());
    items.get_mut(index)
}

fn remove_one<T>(items: &mut Vec<T>, random: &mut Random) {
    if !items.is_empty() {
        items.remove(random.index(items.len()));
    }
}
