//! Properties of tables over random specs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::diff::{diff, unshared_listeners, unshared_routes};
use super::super::{
    BackendSpec, Drain, DrainSpec, ListenerKey, ListenerSpec, Protocol, RejectReason, Route,
    RouteSpec, RoutingTable, TableSpec, TableVersion, TargetSpec,
};

fn reason() -> impl Strategy<Value = RejectReason> {
    select(vec![
        RejectReason::InvalidBackend,
        RejectReason::NotPermitted,
        RejectReason::NoEndpoint,
        RejectReason::Loop,
    ])
}

fn endpoint() -> impl Strategy<Value = SocketAddr> {
    let v4 = any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)));
    let v6 = any::<u128>().prop_map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits)));
    let ip = prop_oneof![v4, v6];
    (ip, 1..u16::MAX).prop_map(SocketAddr::from)
}

fn target() -> impl Strategy<Value = TargetSpec> {
    let endpoints = btree_set(endpoint(), 1..5).prop_map(|it| it.into_iter().collect());
    prop_oneof![
        3 => endpoints.prop_map(TargetSpec::Endpoints),
        1 => reason().prop_map(TargetSpec::Reject),
    ]
}

fn backend() -> impl Strategy<Value = BackendSpec> {
    ("[a-z]{1,8}", 0..=100_u32, target()).prop_map(|(name, weight, target)| BackendSpec {
        name: name.into(),
        weight,
        target,
    })
}

/// Up to eight listeners with ports and names of their own, and up to six routes.
fn spec() -> impl Strategy<Value = TableSpec> {
    let routes = vec(vec(backend(), 0..5), 0..6);
    let listeners = vec(
        (option::of(any::<prop::sample::Index>()), any::<bool>()),
        0..8,
    );
    (routes, listeners).prop_map(|(routes, listeners)| {
        let named = routes.into_iter().zip(0..);
        let routes: Vec<_> = named
            .map(|(backends, n)| RouteSpec {
                name: format!("route-{n}").into(),
                backends,
            })
            .collect();
        let listener = |((route, both), n): ((Option<prop::sample::Index>, bool), u16)| {
            let port = 8000 + n;
            let v6 = both.then(|| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
            let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            let route = route.filter(|_| !routes.is_empty());
            ListenerSpec {
                name: format!("listener-{n}").into(),
                protocol: Protocol::Tcp,
                binds: [v4].into_iter().chain(v6).collect(),
                route: route.map(|it| Arc::clone(&it.get(&routes).name)),
            }
        };
        let listeners = listeners.into_iter().zip(0..).map(listener).collect();
        let drains = drains(&routes);
        TableSpec {
            listeners,
            routes,
            drains,
            grants: None,
        }
    })
}

/// For some of the routes and backends, and for a route that is not there.
fn drains(routes: &[RouteSpec]) -> Vec<DrainSpec> {
    let all = [
        Drain::Keep,
        Drain::Now,
        Drain::Spread(Duration::from_millis(1500)),
    ];
    let backends = routes.iter().flat_map(|route| {
        let named = route.backends.iter().map(|it| Some(Arc::clone(&it.name)));
        named.chain([None]).map(|it| (Arc::clone(&route.name), it))
    });
    let absent = ("route-absent".into(), None);
    let subjects: BTreeSet<_> = backends.chain([absent]).collect();
    let drain = |((route, backend), drain)| DrainSpec {
        route,
        backend,
        drain,
    };
    let some = subjects.into_iter().step_by(2);
    some.zip(all.into_iter().cycle()).map(drain).collect()
}

fn build(spec: &TableSpec, before: Option<&RoutingTable>) -> RoutingTable {
    RoutingTable::build(TableVersion(1), spec, before).unwrap()
}

proptest! {
    #[test]
    fn the_same_spec_shows_the_same(spec in spec(), other in spec()) {
        let text = build(&spec, None).to_string();
        prop_assert_eq!(&build(&spec, None).to_string(), &text);
        let before = build(&other, None);
        prop_assert_eq!(build(&spec, Some(&before)).to_string(), text, "whatever was before");
    }

    #[test]
    fn a_rebuilt_table_shares_everything(spec in spec()) {
        let before = build(&spec, None);
        let after = build(&spec, Some(&before));
        prop_assert!(before.routes().iter().zip(after.routes()).all(|(a, b)| Arc::ptr_eq(a, b)));
        let mut both = before.listeners().zip(after.listeners());
        prop_assert!(both.all(|((_, a), (_, b))| Arc::ptr_eq(a, b)));
        prop_assert!(diff(Some(&before), &after).is_empty());
    }

    /// Routes that change alone make the table that is built from all, and share what it shares.
    #[test]
    fn an_amended_table_is_the_table_of_the_whole(spec in spec(), other in spec()) {
        let before = build(&spec, None);
        let is_there = |it: &&RouteSpec| spec.routes.iter().any(|own| own.name == it.name);
        let amended: Vec<RouteSpec> = other.routes.iter().filter(is_there).cloned().collect();
        let mut whole = spec.clone();
        for route in &mut whole.routes {
            let other = amended.iter().find(|it| it.name == route.name);
            *route = other.unwrap_or(route).clone();
        }
        let want = build(&whole, Some(&before));
        let table = before.amended(TableVersion(1), &amended).unwrap();
        prop_assert_eq!(table.to_string(), want.to_string());
        let own = unshared_listeners(Some(&before), &table);
        prop_assert!(own.after.iter().all(|it| it.route.is_some()), "only routes are others");
        let names = |table: &RoutingTable| -> Vec<Arc<str>> {
            let own = unshared_routes(Some(&before), table);
            own.after.iter().map(|it| Arc::clone(&it.name)).collect()
        };
        prop_assert_eq!(names(&table), names(&want));
    }

    /// What is in neither list is the same value in both tables, wherever it stands.
    #[test]
    fn what_is_not_listed_as_unshared_is_shared(one in spec(), other in spec()) {
        let before = build(&one, None);
        let after = build(&other, Some(&before));
        let routes = unshared_routes(Some(&before), &after);
        let pointers = |all: &[Arc<Route>]| all.iter().map(Arc::as_ptr).collect::<BTreeSet<_>>();
        let (old, new) = (pointers(before.routes()), pointers(after.routes()));
        let listed =
            |all: &[&Arc<Route>]| all.iter().map(|it| Arc::as_ptr(it)).collect::<BTreeSet<_>>();
        let rest: BTreeSet<_> = old.difference(&listed(&routes.before)).copied().collect();
        prop_assert!(rest.is_subset(&new));
        let rest: BTreeSet<_> = new.difference(&listed(&routes.after)).copied().collect();
        prop_assert!(rest.is_subset(&old));
    }

    /// A worker that follows the diffs has exactly the sockets of the last table.
    #[test]
    fn diffs_lead_from_table_to_table(specs in vec(spec(), 1..6)) {
        let mut open = BTreeMap::new();
        let mut before: Option<RoutingTable> = None;
        for spec in &specs {
            let after = build(spec, before.as_ref());
            let diff = diff(before.as_ref(), &after);
            for (key, _) in &diff.closed {
                prop_assert!(open.remove(key).is_some());
            }
            for (key, listener) in &diff.kept {
                prop_assert!(open.insert(*key, Arc::clone(&listener.name)).is_some());
            }
            for (key, listener) in &diff.opened {
                prop_assert!(open.insert(*key, Arc::clone(&listener.name)).is_none());
            }
            let want: BTreeMap<ListenerKey, _> = after
                .listeners()
                .flat_map(|(_, it)| it.keys.iter().map(|key| (*key, Arc::clone(&it.name))))
                .collect();
            prop_assert_eq!(&open, &want);
            before = Some(after);
        }
    }

    #[test]
    fn a_spec_survives_serialization(spec in spec()) {
        let text = serde_json::to_string(&spec).unwrap();
        prop_assert_eq!(serde_json::from_str::<TableSpec>(&text).unwrap(), spec);
    }
}
