//! The rules a [`TableSpec`] must keep to become a table.
//!
//! In: a spec. Out: nothing, or the first rule it breaks. Never: repair. Whoever makes specs knows
//! better than a constructor what was meant.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{
    BackendSpec, Drain, DrainSpec, GrantSpec, ListenerSpec, Protocol, Route, RouteSpec, TableSpec,
    TargetSpec,
};
use crate::limits::{
    BACKENDS_PER_ROUTE_MAX, BINDS_PER_LISTENER_MAX, DRAIN_SPREAD_MAX, DRAINS_MAX, ENDPOINTS_MAX,
    ENDPOINTS_PER_BACKEND_MAX, GRANTS_MAX, LISTENERS_MAX, NAME_BYTES_MAX, ROUTES_MAX, WEIGHT_MAX,
};

/// Why a spec is no table. It means a defect in what made the spec: keep the table before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// More listeners than [`LISTENERS_MAX`].
    #[error("the table has {n} listeners, more than {LISTENERS_MAX}")]
    TooManyListeners {
        /// How many.
        n: usize,
    },
    /// More routes than [`ROUTES_MAX`].
    #[error("the table has {n} routes, more than {ROUTES_MAX}")]
    TooManyRoutes {
        /// How many.
        n: usize,
    },
    /// More endpoints over all routes than [`ENDPOINTS_MAX`].
    #[error("the table has {n} endpoints, more than {ENDPOINTS_MAX}")]
    TooManyEndpoints {
        /// How many.
        n: usize,
    },
    /// More sockets than [`BINDS_PER_LISTENER_MAX`].
    #[error("listener `{listener}` has {n} sockets, more than {BINDS_PER_LISTENER_MAX}")]
    TooManyBinds {
        /// The listener.
        listener: Arc<str>,
        /// How many.
        n: usize,
    },
    /// More backends than [`BACKENDS_PER_ROUTE_MAX`].
    #[error("route `{route}` has {n} backends, more than {BACKENDS_PER_ROUTE_MAX}")]
    TooManyBackends {
        /// The route.
        route: Arc<str>,
        /// How many.
        n: usize,
    },
    /// More endpoints than [`ENDPOINTS_PER_BACKEND_MAX`].
    #[error(
        "backend `{backend}` of route `{route}` has {n} endpoints, \
         more than {ENDPOINTS_PER_BACKEND_MAX}"
    )]
    TooManyBackendEndpoints {
        /// The route.
        route: Arc<str>,
        /// The backend.
        backend: Arc<str>,
        /// How many.
        n: usize,
    },
    /// A name is empty or longer than [`NAME_BYTES_MAX`].
    #[error("the name `{start}…` has {n_bytes} bytes, not 1 to {NAME_BYTES_MAX}")]
    NameLength {
        /// How the name begins.
        start: String,
        /// How long it is.
        n_bytes: usize,
    },
    /// Two listeners have one name.
    #[error("two listeners are named `{listener}`")]
    ListenerTwice {
        /// The name.
        listener: Arc<str>,
    },
    /// Two routes have one name.
    #[error("two routes are named `{route}`")]
    RouteTwice {
        /// The name.
        route: Arc<str>,
    },
    /// A listener names a route that is not there.
    #[error("listener `{listener}` names route `{route}`, which the table does not have")]
    NoSuchRoute {
        /// The listener.
        listener: Arc<str>,
        /// The route it names.
        route: Arc<str>,
    },
    /// A route is to be amended that is not there.
    #[error("route `{route}` is to change, and the table does not have it")]
    NoRouteToAmend {
        /// The name.
        route: Arc<str>,
    },
    /// Two sockets cannot be bound at once: they are equal, or one is the wildcard of the other.
    #[error("`{second}` binds {second_addr}, which `{first}` claims by {first_addr}")]
    BindTwice {
        /// The listener that has the more general address.
        first: Arc<str>,
        /// Its address.
        first_addr: SocketAddr,
        /// The other listener, or the same.
        second: Arc<str>,
        /// Its address.
        second_addr: SocketAddr,
    },
    /// A weight above [`WEIGHT_MAX`].
    #[error("backend `{backend}` of route `{route}` has weight {weight}, more than {WEIGHT_MAX}")]
    WeightTooLarge {
        /// The route.
        route: Arc<str>,
        /// The backend.
        backend: Arc<str>,
        /// Its weight.
        weight: u32,
    },
    /// A backend with an empty list of endpoints; what is meant is a rejection.
    #[error("backend `{backend}` of route `{route}` has no endpoints and no reason to reject")]
    NoEndpoints {
        /// The route.
        route: Arc<str>,
        /// The backend.
        backend: Arc<str>,
    },
    /// A backend with one address twice: it would get two turns, and two tries.
    #[error("backend `{backend}` of route `{route}` has endpoint {endpoint} twice")]
    EndpointTwice {
        /// The route.
        route: Arc<str>,
        /// The backend.
        backend: Arc<str>,
        /// The address.
        endpoint: SocketAddr,
    },
    /// More drains than [`DRAINS_MAX`].
    #[error("the table has {n} drains, more than {DRAINS_MAX}")]
    TooManyDrains {
        /// How many.
        n: usize,
    },
    /// The drains are not in ascending order, or speak of one route and backend twice.
    #[error("the drain of route `{route}` is not in its place")]
    DrainOrder {
        /// The route of the first that is not.
        route: Arc<str>,
    },
    /// More grants than [`GRANTS_MAX`].
    #[error("the table has {n} grants, more than {GRANTS_MAX}")]
    TooManyGrants {
        /// How many.
        n: usize,
    },
    /// The grants are not in ascending order, or one is there twice.
    #[error("the grant of routes `{routes}…` is not in its place")]
    GrantOrder {
        /// The routes of the first that is not.
        routes: Arc<str>,
    },
    /// A drain is spread over more than [`DRAIN_SPREAD_MAX`].
    #[error("the drain of route `{route}` is spread over more than {DRAIN_SPREAD_MAX:?}")]
    SpreadTooLong {
        /// The route.
        route: Arc<str>,
    },
}

/// Checks everything but that the named routes exist: the builder finds that out by itself.
pub(super) fn check(spec: &TableSpec) -> Result<(), TableError> {
    check_counts(spec)?;
    for listener in &spec.listeners {
        check_listener(listener)?;
    }
    for route in &spec.routes {
        check_route(route)?;
    }
    check_drains(&spec.drains)?;
    check_grants(spec.grants.as_deref().unwrap_or_default())?;
    check_names_differ(spec)?;
    check_binds_differ(&spec.listeners)
}

/// Checks `amended`, which take the places of routes of their names in `routes`.
pub(super) fn check_amended(
    routes: &[Arc<Route>],
    amended: &[RouteSpec],
) -> Result<(), TableError> {
    amended.iter().try_for_each(check_route)?;
    if let Some(name) = first_repeated(amended.iter().map(|it| &it.name)) {
        let route = name.clone();
        return Err(TableError::RouteTwice { route });
    }
    let mut missing: BTreeMap<&str, &RouteSpec> =
        amended.iter().map(|it| (&*it.name, it)).collect();
    let n_endpoints = routes.iter().map(|route| {
        let amended = missing.remove(&*route.name).map(|it| &it.backends);
        n_endpoints(amended.unwrap_or(&route.backends))
    });
    let n = n_endpoints.sum();
    if n > ENDPOINTS_MAX {
        return Err(TableError::TooManyEndpoints { n });
    }
    match missing.pop_first() {
        Some((_, spec)) => Err(TableError::NoRouteToAmend {
            route: spec.name.clone(),
        }),
        None => Ok(()),
    }
}

fn n_endpoints(backends: &[BackendSpec]) -> usize {
    backends.iter().map(|it| it.target.endpoints().len()).sum()
}

fn check_counts(spec: &TableSpec) -> Result<(), TableError> {
    let n = spec.listeners.len();
    if n > LISTENERS_MAX {
        return Err(TableError::TooManyListeners { n });
    }
    let n = spec.routes.len();
    if n > ROUTES_MAX {
        return Err(TableError::TooManyRoutes { n });
    }
    let n = spec.routes.iter().map(|it| n_endpoints(&it.backends)).sum();
    if n > ENDPOINTS_MAX {
        return Err(TableError::TooManyEndpoints { n });
    }
    Ok(())
}

fn check_listener(listener: &ListenerSpec) -> Result<(), TableError> {
    check_name(&listener.name)?;
    let n = listener.binds.len();
    if n > BINDS_PER_LISTENER_MAX {
        let listener = listener.name.clone();
        return Err(TableError::TooManyBinds { listener, n });
    }
    Ok(())
}

fn check_route(route: &RouteSpec) -> Result<(), TableError> {
    check_name(&route.name)?;
    let n = route.backends.len();
    if n > BACKENDS_PER_ROUTE_MAX {
        let route = route.name.clone();
        return Err(TableError::TooManyBackends { route, n });
    }
    route
        .backends
        .iter()
        .try_for_each(|backend| check_backend(&route.name, backend))
}

fn check_backend(route: &Arc<str>, spec: &BackendSpec) -> Result<(), TableError> {
    check_name(&spec.name)?;
    let (route, backend) = (route.clone(), spec.name.clone());
    let weight = spec.weight;
    if weight > WEIGHT_MAX {
        return Err(TableError::WeightTooLarge {
            route,
            backend,
            weight,
        });
    }
    let TargetSpec::Endpoints(endpoints) = &spec.target else {
        return Ok(());
    };
    let n = endpoints.len();
    if n == 0 {
        return Err(TableError::NoEndpoints { route, backend });
    }
    if n > ENDPOINTS_PER_BACKEND_MAX {
        return Err(TableError::TooManyBackendEndpoints { route, backend, n });
    }
    match first_repeated(endpoints.iter()) {
        Some(&endpoint) => Err(TableError::EndpointTwice {
            route,
            backend,
            endpoint,
        }),
        None => Ok(()),
    }
}

fn check_drains(drains: &[DrainSpec]) -> Result<(), TableError> {
    let n = drains.len();
    if n > DRAINS_MAX {
        return Err(TableError::TooManyDrains { n });
    }
    let subject = |it: &DrainSpec| (it.route.clone(), it.backend.clone());
    for (at, it) in drains.iter().enumerate() {
        let route = it.route.clone();
        check_name(&route)?;
        it.backend.as_deref().map_or(Ok(()), check_name)?;
        let before = at.checked_sub(1).and_then(|at| drains.get(at));
        if before.is_some_and(|before| subject(before) >= subject(it)) {
            return Err(TableError::DrainOrder { route });
        }
        if matches!(it.drain, Drain::Spread(time) if time > DRAIN_SPREAD_MAX) {
            return Err(TableError::SpreadTooLong { route });
        }
    }
    Ok(())
}

fn check_grants(grants: &[GrantSpec]) -> Result<(), TableError> {
    let n = grants.len();
    if n > GRANTS_MAX {
        return Err(TableError::TooManyGrants { n });
    }
    for (at, it) in grants.iter().enumerate() {
        check_name(&it.routes)?;
        check_name(&it.backends)?;
        let before = at.checked_sub(1).and_then(|at| grants.get(at));
        if before.is_some_and(|before| before >= it) {
            let routes = it.routes.clone();
            return Err(TableError::GrantOrder { routes });
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), TableError> {
    let n_bytes = name.len();
    if (1..=NAME_BYTES_MAX).contains(&n_bytes) {
        return Ok(());
    }
    let start = name.chars().take(40).collect();
    Err(TableError::NameLength { start, n_bytes })
}

fn check_names_differ(spec: &TableSpec) -> Result<(), TableError> {
    if let Some(name) = first_repeated(spec.listeners.iter().map(|it| &it.name)) {
        let listener = name.clone();
        return Err(TableError::ListenerTwice { listener });
    }
    if let Some(name) = first_repeated(spec.routes.iter().map(|it| &it.name)) {
        let route = name.clone();
        return Err(TableError::RouteTwice { route });
    }
    Ok(())
}

fn first_repeated<T: Ord>(items: impl Iterator<Item = T> + Clone) -> Option<T> {
    // Mostly they come in order, and then nothing has to be remembered.
    if items.clone().is_sorted_by(|one, next| one < next) {
        return None;
    }
    let mut seen = BTreeSet::new();
    for item in items {
        if seen.contains(&item) {
            return Some(item);
        }
        seen.insert(item);
    }
    None
}

/// One socket of one listener, in the order that brings rivals together: sockets of one protocol,
/// family and port stand in a row, a wildcard before all others, equal addresses side by side.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Claim<'a> {
    space: (Protocol, bool, u16),
    specific: bool,
    ip: IpAddr,
    zone: u32,
    listener: &'a Arc<str>,
    addr: SocketAddr,
}

impl<'a> Claim<'a> {
    fn new(listener: &'a ListenerSpec, addr: SocketAddr) -> Self {
        Self {
            space: (listener.protocol, addr.is_ipv6(), addr.port()),
            specific: !addr.ip().is_unspecified(),
            ip: addr.ip(),
            zone: match addr {
                SocketAddr::V4(_) => 0,
                SocketAddr::V6(addr) => addr.scope_id(),
            },
            listener: &listener.name,
            addr,
        }
    }

    /// Whether the kernel refuses `other` while `self` listens. Port 0 means any free port, so two
    /// such sockets differ; only the very same address would make them one [`super::ListenerKey`].
    fn excludes(&self, other: &Self) -> bool {
        let same = (self.ip, self.zone) == (other.ip, other.zone);
        let covers = !self.specific && self.addr.port() != 0;
        self.space == other.space && (same || covers)
    }
}

/// As the kernel sees it, IPv6 sockets being IPv6 only: a wildcard excludes every address of its
/// family and port, and an address excludes itself.
fn check_binds_differ(listeners: &[ListenerSpec]) -> Result<(), TableError> {
    let all = listeners.iter();
    let mut claims: Vec<_> = all
        .flat_map(|listener| listener.binds.iter().map(|at| Claim::new(listener, *at)))
        .collect();
    claims.sort();
    let mut earlier: Option<&Claim<'_>> = None;
    for claim in &claims {
        let Some(rival) = earlier.filter(|it| it.excludes(claim)) else {
            earlier = Some(claim);
            continue;
        };
        return Err(TableError::BindTwice {
            first: rival.listener.clone(),
            first_addr: rival.addr,
            second: claim.listener.clone(),
            second_addr: claim.addr,
        });
    }
    Ok(())
}
