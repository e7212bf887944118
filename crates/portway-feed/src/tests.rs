//! From table to table through messages, without a socket: what a controller sends to a proxy makes
//! there just what was published, whatever the proxy had, and costs what changed.

mod random;

use std::sync::Arc;

use portway_engine::table::{
    BackendSpec, GrantSpec, ListenerSpec, Protocol, RejectReason, RouteSpec, TableSpec, TargetSpec,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use self::random::{spec, spec_near};
use crate::follower::{Follower, Published};
use crate::known::{Announced, announce};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::wire;
use crate::wire::change::Kind;
use crate::{Refusal, Replica, Resources, Taken};

fn published(generation: u64, spec: &TableSpec) -> Arc<Published> {
    let resources = Arc::new(Resources::of(spec, &Resources::default()));
    Arc::new(Published {
        generation,
        resources,
    })
}

/// A stream begins: the proxy says what it has, through bytes as on the wire.
fn follow(replica: &Replica, newest: &Published) -> Follower {
    let mut announced = Announced::default();
    for known in announce(replica.held()) {
        let bytes = known.encode_to_vec();
        announced
            .take(wire::Known::decode(&*bytes).unwrap())
            .unwrap();
    }
    Follower::new(announced, newest)
}

/// What one update cost, and how it ended.
#[derive(Debug, Default)]
struct Delivered {
    n_bytes: usize,
    n_chunks: usize,
    refusal: Option<Refusal>,
}

/// Carries the next update over, through bytes as on the wire.
fn deliver(follower: &mut Follower, replica: &mut Replica, newest: &Arc<Published>) -> Delivered {
    let mut delivered = Delivered::default();
    for chunk in follower.next(newest).expect("an update is due") {
        let bytes = chunk.encode_to_vec();
        assert!(bytes.len() <= MESSAGE_BYTES_MAX);
        delivered.n_bytes += bytes.len();
        delivered.n_chunks += 1;
        match replica.take(&wire::Chunk::decode(&*bytes).unwrap()) {
            Taken::Waiting => {}
            Taken::Complete(complete) => {
                assert_eq!(complete.generation, newest.generation);
                assert_eq!(
                    follower.acknowledged(complete.nonce),
                    Some(newest.generation)
                );
            }
            Taken::Refused { nonce, refusal } => {
                assert_eq!(follower.refused(nonce), Some(newest.generation));
                delivered.refusal = Some(refusal);
            }
        }
    }
    delivered
}

/// A replica that has just this.
fn replica_of(spec: &TableSpec) -> Replica {
    let mut replica = Replica::default();
    let published = published(0, spec);
    let mut follower = follow(&replica, &published);
    assert_eq!(
        deliver(&mut follower, &mut replica, &published).refusal,
        None
    );
    replica
}

/// 1,000 routes with ten endpoints each, named as usual.
fn thousand_routes() -> TableSpec {
    let route = |n: u16| RouteSpec {
        name: format!("shop-{n}/orders").into(),
        backends: vec![BackendSpec {
            name: format!("shop-{n}/orders:5432").into(),
            weight: 1,
            target: TargetSpec::Endpoints(
                (0..10_u8)
                    .map(|at| ([10, (n >> 8) as u8, n as u8, at], 5432).into())
                    .collect(),
            ),
        }],
    };
    let listener = |n: u16| ListenerSpec {
        name: format!("infra/edge/sql-{n}").into(),
        protocol: Protocol::Tcp,
        binds: vec![([0, 0, 0, 0], 10_000 + n).into()],
        route: Some(format!("shop-{n}/orders").into()),
    };
    TableSpec {
        listeners: (0..1000).map(listener).collect(),
        routes: (0..1000).map(route).collect(),
        drains: Vec::new(),
        grants: None,
    }
}

proptest! {
    /// Any two tables: what differs, applied to the one, makes the other.
    #[test]
    fn a_diff_applied_to_one_table_makes_the_other(a in spec(), b in spec()) {
        let mut replica = replica_of(&a);
        let (from, to) = (published(1, &a), published(2, &b));
        let mut follower = follow(&replica, &from);
        prop_assert!(deliver(&mut follower, &mut replica, &from).n_bytes < 12, "it has that");
        prop_assert_eq!(deliver(&mut follower, &mut replica, &to).refusal, None);
        prop_assert_eq!(replica.held(), &*to.resources);
        prop_assert_eq!(replica.held().to_spec(), b, "random specs have their lists in order");
    }

    /// From whatever a proxy has, resuming leads to what a proxy without anything is sent.
    #[test]
    fn a_resume_from_any_state_equals_a_full_send(a in spec(), b in spec_near()) {
        let (a, b) = if a.routes.is_empty() { (b.0, b.1) } else { (a, b.1) };
        let mut resumed = replica_of(&a);
        let newest = published(7, &b);
        let mut follower = follow(&resumed, &newest);
        prop_assert_eq!(deliver(&mut follower, &mut resumed, &newest).refusal, None);
        let full = replica_of(&b);
        prop_assert_eq!(resumed.held(), full.held());
        prop_assert!(follower.next(&newest).is_none(), "it has everything");
    }

    /// Neighbours in time: weights, backends and endpoints change a little at each step.
    #[test]
    fn a_walk_over_many_tables_ends_at_the_last(walk in vec(spec_near(), 1..5)) {
        let mut replica = Replica::default();
        let first = published(0, &walk[0].0);
        let mut follower = follow(&replica, &first);
        for ((before, after), generation) in walk.iter().zip((1_u64..).step_by(2)) {
            for (spec, generation) in [(before, generation), (after, generation + 1)] {
                let newest = published(generation, spec);
                prop_assert_eq!(deliver(&mut follower, &mut replica, &newest).refusal, None);
                prop_assert_eq!(replica.held(), &*newest.resources);
            }
        }
    }
}

#[test]
fn one_endpoint_of_ten_thousand_costs_one_endpoint() {
    let mut spec = thousand_routes();
    let mut replica = replica_of(&spec);
    let before = published(1, &spec);
    let mut follower = follow(&replica, &before);
    deliver(&mut follower, &mut replica, &before);
    let TargetSpec::Endpoints(endpoints) = &mut spec.routes[500].backends[0].target else {
        unreachable!();
    };
    endpoints[3] = "10.9.9.9:5432".parse().unwrap();
    let after = published(2, &spec);
    let delivered = deliver(&mut follower, &mut replica, &after);
    // Two addresses of 8 bytes with their tags, the name of the route, nonce and commit.
    assert_eq!(delivered.n_bytes, 43);
    assert_eq!(replica.held(), &*after.resources);
    let full = deliver(
        &mut follow(&Replica::default(), &after),
        &mut Replica::default(),
        &after,
    );
    assert!(full.n_bytes > 190_000, "{} bytes", full.n_bytes);
}

#[test]
fn a_new_weight_sends_no_endpoints() {
    let mut spec = thousand_routes();
    let endpoints = (0..60_000_u32).map(|n| (n.to_be_bytes(), 80).into());
    spec.routes[0].backends[0].target = TargetSpec::Endpoints(endpoints.collect());
    let mut replica = replica_of(&spec);
    let before = published(1, &spec);
    let mut follower = follow(&replica, &before);
    deliver(&mut follower, &mut replica, &before);
    spec.routes[0].backends[0].weight = 7;
    let other = BackendSpec {
        name: "shop-0/none:1".into(),
        weight: 3,
        target: TargetSpec::Reject(RejectReason::NoEndpoint),
    };
    spec.routes[0].backends.insert(0, other);
    let after = published(2, &spec);
    assert!(deliver(&mut follower, &mut replica, &after).n_bytes < 100);
    assert_eq!(replica.held(), &*after.resources);
}

#[test]
fn a_resume_of_a_large_table_sends_what_differs() {
    let mut spec = thousand_routes();
    let mut replica = replica_of(&spec);
    spec.routes[1].backends[0].weight = 9;
    spec.listeners.remove(2);
    let after = published(2, &spec);
    let mut follower = follow(&replica, &after);
    let delivered = deliver(&mut follower, &mut replica, &after);
    assert!(delivered.n_bytes < 300, "{} bytes", delivered.n_bytes);
    assert_eq!(replica.held(), &*after.resources);
}

#[test]
fn a_large_table_comes_in_chunks_and_only_the_commit_builds() {
    let mut spec = thousand_routes();
    for (route, n) in spec.routes.iter_mut().zip(0_u32..) {
        let endpoints = (0..200).map(|at| ((n * 1000 + at).to_be_bytes(), 80).into());
        route.backends[0].target = TargetSpec::Endpoints(endpoints.collect());
    }
    let newest = published(1, &spec);
    let mut replica = Replica::default();
    let mut chunks: Vec<_> = follow(&replica, &newest).next(&newest).unwrap().collect();
    assert!(chunks.len() > 1);
    let last = chunks.pop().unwrap();
    for chunk in &chunks {
        assert!(matches!(replica.take(chunk), Taken::Waiting));
        assert!(replica.table().is_none() && *replica.held() == Resources::default());
    }
    assert!(matches!(replica.take(&last), Taken::Complete(_)));
    assert_eq!(replica.held(), &*newest.resources);
}

#[test]
fn an_update_that_was_cut_off_leaves_no_trace() {
    let spec = thousand_routes();
    let mut replica = replica_of(&spec);
    let cut = wire::Chunk {
        nonce: 2,
        changes: vec![wire::Change {
            kind: Some(Kind::RemoveRoute("shop-0/orders".into())),
        }],
        commit: None,
    };
    assert!(matches!(replica.take(&cut), Taken::Waiting));
    replica.abandon();
    assert_eq!(replica.held().to_spec().routes.len(), 1000);
    // The same without the stream's end: another nonce means that the first is given up.
    assert!(matches!(replica.take(&cut), Taken::Waiting));
    let empty = wire::Chunk {
        nonce: 3,
        changes: Vec::new(),
        commit: Some(wire::Commit {
            generation: 1,
            grants: None,
        }),
    };
    assert!(matches!(replica.take(&empty), Taken::Complete(_)));
    assert_eq!(replica.held().to_spec().routes.len(), 1000);
}

#[test]
fn a_refused_update_is_not_sent_again_and_the_next_starts_before_it() {
    let good = thousand_routes();
    let mut replica = replica_of(&good);
    let first = published(1, &good);
    let mut follower = follow(&replica, &first);
    deliver(&mut follower, &mut replica, &first);
    let mut bad = good.clone();
    bad.routes.remove(0);
    let bad = published(2, &bad);
    let refusal = deliver(&mut follower, &mut replica, &bad).refusal.unwrap();
    assert!(
        refusal.to_string().contains("names route `shop-0/orders`"),
        "{refusal}"
    );
    assert_eq!(replica.held(), &*first.resources, "what was before");
    assert!(follower.next(&bad).is_none(), "not again");
    let mut better = good;
    better.listeners.remove(5);
    let better = published(3, &better);
    assert_eq!(deliver(&mut follower, &mut replica, &better).refusal, None);
    assert_eq!(replica.held(), &*better.resources);
}

#[test]
fn one_update_is_on_its_way_and_the_newest_follows() {
    let tables: Vec<_> = (1_u16..50)
        .map(|n| {
            let mut spec = thousand_routes();
            spec.listeners.truncate(usize::from(n));
            published(u64::from(n), &spec)
        })
        .collect();
    let mut replica = Replica::default();
    let mut follower = follow(&replica, &tables[0]);
    let first: Vec<_> = follower.next(&tables[0]).unwrap().collect();
    for table in &tables[1..] {
        assert!(follower.next(table).is_none(), "the first is not answered");
    }
    assert!(matches!(replica.take(&first[0]), Taken::Complete(_)));
    assert_eq!(follower.acknowledged(9), None, "a nonce that was not sent");
    assert_eq!(follower.acknowledged(1), Some(1));
    let newest = tables.last().unwrap();
    assert_eq!(deliver(&mut follower, &mut replica, newest).refusal, None);
    assert_eq!(replica.held(), &*newest.resources);
}

fn check_refused(kind: Option<Kind>, want: &str) {
    let mut replica = replica_of(&thousand_routes());
    let chunk = |changes, commit| wire::Chunk {
        nonce: 2,
        changes,
        commit,
    };
    let taken = replica.take(&chunk(vec![wire::Change { kind }], None));
    let Taken::Refused { nonce: 2, refusal } = taken else {
        panic!("{taken:?}, not refused: {want}");
    };
    assert!(refusal.to_string().contains(want), "{refusal}, not {want}");
    let end = chunk(
        Vec::new(),
        Some(wire::Commit {
            generation: 2,
            grants: None,
        }),
    );
    assert!(
        matches!(replica.take(&end), Taken::Waiting),
        "the rest counts for nothing"
    );
    assert_eq!(
        replica.held().to_spec(),
        thousand_routes_in_order(),
        "{want}"
    );
}

#[test]
fn endpoints_that_do_not_fit_are_refused() {
    let check = |route: &str, backend, added: &[&[u8]], removed: &[&[u8]], want: &str| {
        let change = wire::EndpointsChange {
            route: route.into(),
            backend,
            added: added.iter().map(|it| it.to_vec()).collect(),
            removed: removed.iter().map(|it| it.to_vec()).collect(),
        };
        check_refused(Some(Kind::Endpoints(change)), want);
    };
    let held: &[u8] = &[10, 0, 0, 0, 21, 56];
    let other: &[u8] = &[10, 9, 9, 9, 21, 56];
    check("nowhere", 0, &[other], &[], "a change of endpoints");
    check("shop-0/orders", 1, &[other], &[], "a change of endpoints");
    check("shop-0/orders", 0, &[held], &[], "a change of endpoints");
    check(
        "shop-0/orders",
        0,
        &[other, other],
        &[],
        "a change of endpoints",
    );
    check("shop-0/orders", 0, &[], &[other], "a change of endpoints");
    check(
        "shop-0/orders",
        0,
        &[b"abc"],
        &[],
        "bytes that are no address",
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    check_refused(
        Some(Kind::RemoveListener("x".into())),
        "a change of a listener",
    );
    check_refused(Some(Kind::RemoveRoute("x".into())), "a change of a route");
    check_refused(Some(Kind::RemoveDrains("x".into())), "a change of drains");
    check_refused(
        Some(Kind::SetListener(wire::Listener::default())),
        "unknown protocol",
    );
    check_refused(None, "unknown change");
    let route = |name: String, n_backends| wire::Route {
        name,
        backends: vec![wire::Backend::default(); n_backends],
    };
    let long = route("n".repeat(641), 0);
    check_refused(
        Some(Kind::SetRoute(long)),
        "a name that is empty or too long",
    );
    let many = route("r".to_owned(), 17);
    check_refused(Some(Kind::SetRoute(many)), "too many backends");
    let drains = wire::Drains {
        route: "r".into(),
        drains: vec![wire::Drain::default(); 65],
    };
    check_refused(Some(Kind::SetDrains(drains)), "too many drains");
}

fn thousand_routes_in_order() -> TableSpec {
    Resources::of(&thousand_routes(), &Resources::default()).to_spec()
}

fn grants(n: usize, n_bytes: usize) -> TableSpec {
    let grant = |at| GrantSpec {
        routes: format!("{at:0n_bytes$}").into(),
        backends: "b".into(),
    };
    TableSpec {
        grants: Some((0..n).map(grant).collect()),
        ..TableSpec::default()
    }
}

/// A controller or proxy of a version that knows no grants says nothing of them, and what was known
/// stays.
#[test]
fn a_commit_without_grants_leaves_them() {
    let mut replica = replica_of(&grants(1, 1));
    let commit = wire::Commit {
        generation: 2,
        grants: None,
    };
    replica.take(&wire::Chunk {
        nonce: 2,
        changes: Vec::new(),
        commit: Some(commit),
    });
    assert_eq!(replica.held().to_spec(), grants(1, 1));
}

/// Many travel in a chunk of their own, and too many not at all: then nothing is known.
#[test]
fn grants_fit_a_message_or_are_not_known() {
    let mut spec = thousand_routes();
    spec.grants = grants(1000, 500).grants;
    assert_eq!(replica_of(&spec).held().to_spec().grants, spec.grants);
    assert_eq!(replica_of(&grants(1200, 500)).held().to_spec().grants, None);
}
