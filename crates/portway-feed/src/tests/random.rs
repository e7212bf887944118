//! Random tables, their lists in the feed's order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use portway_engine::table::{
    BackendSpec, Drain, DrainSpec, GrantSpec, ListenerSpec, Protocol, RejectReason, RouteSpec,
    TableSpec, TargetSpec,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn reason() -> impl Strategy<Value = RejectReason> {
    select(vec![
        RejectReason::InvalidBackend,
        RejectReason::NotPermitted,
        RejectReason::NoEndpoint,
        RejectReason::Loop,
    ])
}

/// From a small set, so that two tables often have some in common.
fn endpoint() -> impl Strategy<Value = SocketAddr> {
    let v4 = (0..12_u32).prop_map(|it| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 | it)));
    let v6 = (0..4_u128).prop_map(|it| IpAddr::from(Ipv6Addr::from_bits(0xfd00 << 112 | it)));
    (prop_oneof![3 => v4, 1 => v6], 80..82_u16).prop_map(SocketAddr::from)
}

fn target() -> impl Strategy<Value = TargetSpec> {
    let endpoints = btree_set(endpoint(), 1..8).prop_map(|it| it.into_iter().collect());
    prop_oneof![
        3 => endpoints.prop_map(TargetSpec::Endpoints),
        1 => reason().prop_map(TargetSpec::Reject),
    ]
}

/// Names repeat, as a route may name one backend twice.
fn backend() -> impl Strategy<Value = BackendSpec> {
    ("[ab]", 0..=3_u32, target()).prop_map(|(name, weight, target)| BackendSpec {
        name: name.into(),
        weight,
        target,
    })
}

fn drain() -> impl Strategy<Value = Drain> {
    let spread = (0..86_400_000_000_000_u64).prop_map(|it| Drain::Spread(Duration::from_nanos(it)));
    prop_oneof![Just(Drain::Keep), spread, Just(Drain::Now)]
}

fn drains() -> impl Strategy<Value = Vec<DrainSpec>> {
    btree_map(("route-[0-6]", option::of("[ab]")), drain(), 0..6).prop_map(|it| {
        let spec = |((route, backend), drain): ((String, Option<String>), Drain)| DrainSpec {
            route: route.into(),
            backend: backend.map(Arc::from),
            drain,
        };
        it.into_iter().map(spec).collect()
    })
}

fn listeners(
    chosen: Vec<(Option<Index>, bool)>,
    routes: &[RouteSpec],
) -> impl Iterator<Item = ListenerSpec> {
    let listener = |((route, both), n): ((Option<Index>, bool), u16)| {
        let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8000 + n));
        let v6 = both.then(|| SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8000 + n)));
        let route = route.filter(|_| !routes.is_empty());
        ListenerSpec {
            name: format!("listener-{n}").into(),
            protocol: Protocol::Tcp,
            binds: [v4].into_iter().chain(v6).collect(),
            route: route.map(|it| Arc::clone(&it.get(routes).name)),
        }
    };
    chosen.into_iter().zip(0..).map(listener)
}

fn grants() -> impl Strategy<Value = Option<Vec<GrantSpec>>> {
    let grant = |(routes, backends): (String, String)| GrantSpec {
        routes: routes.into(),
        backends: backends.into(),
    };
    let all = btree_set(("route-[0-3]?", "[ab]"), 0..4);
    option::of(all.prop_map(move |it| it.into_iter().map(grant).collect()))
}

/// Up to nine listeners, some of up to seven routes, some drains, some grants or none known.
pub(super) fn spec() -> impl Strategy<Value = TableSpec> {
    let routes = btree_map(0..7_u8, vec(backend(), 0..5), 0..7);
    let chosen = vec((option::of(any::<Index>()), any::<bool>()), 0..9);
    (routes, chosen, drains(), grants()).prop_map(|(routes, chosen, drains, grants)| {
        let route = |(n, backends)| RouteSpec {
            name: format!("route-{n}").into(),
            backends,
        };
        let routes: Vec<_> = routes.into_iter().map(route).collect();
        TableSpec {
            listeners: listeners(chosen, &routes).collect(),
            routes,
            drains,
            grants: grants.map(Arc::from),
        }
    })
}

/// Two tables of which the second differs in one backend or two.
pub(super) fn spec_near() -> impl Strategy<Value = (TableSpec, TableSpec)> {
    (
        spec(),
        vec((any::<Index>(), any::<Index>(), backend()), 1..3),
    )
        .prop_map(|(spec, edits)| {
            let mut near = spec.clone();
            for (route, place, backend) in edits {
                if near.routes.is_empty() {
                    break;
                }
                let n = near.routes.len();
                let backends = &mut near.routes[route.index(n)].backends;
                let place = place.index(backends.len() + 1);
                match backends.get_mut(place) {
                    Some(old) => *old = backend,
                    None => backends.push(backend),
                }
            }
            (spec, near)
        })
}
