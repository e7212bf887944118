//! Who has lost its place, what it gets then, and when.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::{Drains, Pace};
use crate::conn::{Connection, Event};
use crate::health::Avoidance;
use crate::limits::{DIAL_TIMEOUT, DRAIN_CLOSES_PER_SECOND};
use crate::record::DialError;
use crate::table::{
    BackendSpec, Drain, DrainSpec, GrantSpec, ListenerSpec, Protocol, RejectReason, RouteSpec,
    RoutingTable, TableSpec, TableVersion, TargetSpec,
};
use crate::time::Moment;

const HERE: &str = "10.0.0.1:1";

/// A table by lines: `route`, then its backends as `weight name endpoint…` or `weight name
/// !reason`, then `drain [backend] keep|now|5s`, then `grants`, none being known otherwise, or
/// `grant routes backends`. The one listener leads to the route, if there is
/// one.
fn table(lines: &[&str]) -> RoutingTable {
    let mut spec = TableSpec::default();
    let mut grants: Option<Vec<GrantSpec>> = None;
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["route"] => spec.routes.push(RouteSpec {
                name: "route".into(),
                backends: Vec::new(),
            }),
            ["grant", routes, backends] => grants.get_or_insert_default().push(GrantSpec {
                routes: routes.into(),
                backends: backends.into(),
            }),
            ["grants"] => _ = grants.get_or_insert_default(),
            ["drain", drain] => spec.drains.push(drain_of(None, drain)),
            ["drain", backend, drain] => spec.drains.push(drain_of(Some(backend), drain)),
            [weight, name, ref target @ ..] => {
                spec.routes[0].backends.push(BackendSpec {
                    name: name.into(),
                    weight: weight.parse().unwrap(),
                    target: target_of(target),
                });
            }
            _ => panic!("what is `{line}`?"),
        }
    }
    spec.grants = grants.map(Arc::from);
    spec.listeners.push(ListenerSpec {
        name: "listener".into(),
        protocol: Protocol::Tcp,
        binds: vec!["0.0.0.0:80".parse().unwrap()],
        route: spec.routes.first().map(|it| it.name.clone()),
    });
    RoutingTable::build(TableVersion(1), &spec, None).unwrap()
}

fn drain_of(backend: Option<&str>, drain: &str) -> DrainSpec {
    DrainSpec {
        route: "route".into(),
        backend: backend.map(Into::into),
        drain: match drain {
            "keep" => Drain::Keep,
            "now" => Drain::Now,
            spread => Drain::Spread(Duration::from_secs(
                spread.trim_end_matches('s').parse().unwrap(),
            )),
        },
    }
}

fn target_of(words: &[&str]) -> TargetSpec {
    match words {
        ["!gone"] => TargetSpec::Reject(RejectReason::InvalidBackend),
        ["!none"] => TargetSpec::Reject(RejectReason::NoEndpoint),
        ["!denied"] => TargetSpec::Reject(RejectReason::NotPermitted),
        endpoints => {
            TargetSpec::Endpoints(endpoints.iter().map(|it| it.parse().unwrap()).collect())
        }
    }
}

/// A connection to the first endpoint of the first backend of `table`.
fn connection(table: &RoutingTable) -> Connection {
    let (_, listener) = table.listeners().next().unwrap();
    let client: SocketAddr = "192.0.2.1:40000".parse().unwrap();
    let avoid = Avoidance::new(DIAL_TIMEOUT);
    let connection = Connection::new(listener, client, 0, &avoid, Moment::default());
    assert_eq!(connection.endpoint(), Some(HERE.parse().unwrap()));
    connection
}

/// What `connection` gets on the way between two tables, of which it is told.
fn pass(connection: &mut Connection, before: &RoutingTable, after: &RoutingTable) -> Option<Drain> {
    let drains = Drains::between(Some(before), after);
    let verdict = drains.verdict(connection);
    let ends = matches!(verdict, Some(Drain::Now | Drain::Spread(_)));
    assert!(!ends || drains.may_end(), "{before}\n{after}");
    if let Some(drain) = verdict {
        let event = Event::Drain(drain.end(7, Moment::default()));
        connection.handle(&mut Avoidance::new(DIAL_TIMEOUT), event, Moment::default());
    }
    verdict
}

/// What a connection born with `tables[0]` gets on the last way, having gone all others.
fn check(tables: &[&[&str]], want: Option<Drain>) {
    let built: Vec<RoutingTable> = tables.iter().map(|it| table(it)).collect();
    let mut connection = connection(&built[0]);
    let ways = built.windows(2);
    let got = ways.map(|it| pass(&mut connection, &it[0], &it[1])).last();
    assert_eq!(got, Some(want), "{tables:#?}");
}

const SPREAD: Option<Drain> = Some(Drain::Spread(Duration::from_secs(5)));
const KEEP: Option<Drain> = Some(Drain::Keep);
const NOW: Option<Drain> = Some(Drain::Now);

#[test]
fn who_is_not_concerned_is_not_judged() {
    let with_both = ["route", "1 a 10.0.0.1:1 10.0.0.2:1"];
    check(&[&with_both, &with_both], None);
}

const GRANT: &str = "grant rou db/";

/// With the grant its route or backendRef may go in one save.
#[test]
fn a_grant_revoked_together_with_what_used_it_ends_connections() {
    let before = ["route", "1 db/a:1 10.0.0.1:1", GRANT];
    check(&[&before, &["grants"]], NOW);
    check(&[&before, &["route", "1 b 10.0.0.2:1", "grants"]], NOW);
    let keeps = ["route", "1 b 10.0.0.2:1", "drain keep", "grants"];
    check(&[&before, &keeps], NOW);
}

#[test]
fn a_grant_revoked_later_ends_the_connections_that_were_kept() {
    let before = ["route", "1 db/a:1 10.0.0.1:1", GRANT];
    let without = ["route", "1 b 10.0.0.2:1", GRANT];
    check(&[&before, &without], KEEP);
    check(&[&before, &without, &without], None);
    check(
        &[&before, &without, &["route", "1 b 10.0.0.2:1", "grants"]],
        NOW,
    );
    check(&[&before, &[GRANT], &["grants"]], NOW);
}

#[test]
fn a_grant_revokes_no_more_than_it_gave() {
    let before = ["route", "1 db/a:1 10.0.0.1:1", GRANT, "grant rou db/a:"];
    check(&[&before, &["grant rou db/"]], KEEP);
    check(&[&before, &["grant rou db/a:"]], KEEP);
    check(&[&before, &["grant r d"]], KEEP);
    check(&[&before, &["grant rou db/b:"]], NOW);
    let of_others = [
        "route",
        "1 db/a:1 10.0.0.1:1",
        "grant rou db/b:",
        "grant x db/",
    ];
    check(&[&of_others, &["grants"]], KEEP);
    // What is not known is not revoked.
    check(&[&before, &[]], KEEP);
    check(&[&["route", "1 db/a:1 10.0.0.1:1"], &["grants"]], KEEP);
}

/// Its endpoint is there by another backend, for which the grant was not needed.
#[test]
fn who_has_its_endpoint_without_the_grant_stays() {
    let before = ["route", "1 db/a:1 10.0.0.1:1", "1 b 10.0.0.1:1", GRANT];
    check(&[&before, &["route", "1 b 10.0.0.1:1", "grants"]], KEEP);
    let without = ["route", "1 b 10.0.0.1:1", GRANT];
    let revoked = ["route", "1 b 10.0.0.1:1", "grants"];
    check(&[&before, &without, &revoked], KEEP);
}

#[test]
fn a_removed_endpoint_gets_what_is_said_and_nothing_by_default() {
    let (before, after) = ("1 a 10.0.0.1:1 10.0.0.2:1", "1 a 10.0.0.2:1");
    check(&[&["route", before], &["route", after]], KEEP);
    check(&[&["route", before], &["route", after, "drain now"]], NOW);
    check(
        &[&["route", before], &["route", after, "drain a 5s"]],
        SPREAD,
    );
    check(
        &[&["route", before], &["route", after, "drain b now"]],
        KEEP,
    );
    let both = ["route", after, "drain now", "drain a 5s"];
    check(&[&["route", before], &both], SPREAD);
    check(
        &[&["route", before], &["route", "1 a !none", "drain now"]],
        NOW,
    );
}

#[test]
fn who_still_has_its_endpoint_stays() {
    let before = ["route", "1 a 10.0.0.1:1", "drain now"];
    let no_weight = ["route", "0 a 10.0.0.1:1", "1 b 10.0.0.2:1", "drain now"];
    check(&[&before, &no_weight], KEEP);
    let renamed = ["route", "1 b 10.0.0.1:1", "drain now"];
    check(&[&before, &renamed], KEEP);
}

#[test]
fn of_what_is_gone_the_last_word_holds() {
    let before = ["route", "1 a 10.0.0.1:1", "1 b 10.0.0.2:1", "drain a 5s"];
    check(&[&before, &[]], SPREAD);
    check(&[&before, &["route", "1 b 10.0.0.2:1"]], SPREAD);
    check(
        &[&before, &["route", "1 a !gone", "1 b 10.0.0.2:1"]],
        SPREAD,
    );
    check(&[&["route", "1 a 10.0.0.1:1"], &[]], KEEP);
    let once_more = ["route", "1 b 10.0.0.3:1"];
    check(&[&before, &["route", "1 b 10.0.0.2:1"], &once_more], None);
}

#[test]
fn a_route_that_exists_without_connections_speaks_for_itself() {
    let before = ["route", "1 a 10.0.0.1:1", "drain now"];
    check(&[&before, &["drain keep"]], KEEP);
    check(&[&before, &["drain 5s"]], SPREAD);
}

#[test]
fn a_changed_drain_acts_on_those_that_drain() {
    let before = ["route", "1 a 10.0.0.1:1", "drain now"];
    let (keep, spread) = (["route", "1 a !none"], ["route", "1 a !none", "drain 5s"]);
    let now = ["route", "1 a !none", "drain now"];
    check(&[&before, &keep, &spread], SPREAD);
    check(&[&before, &spread, &now], NOW);
    check(&[&before, &now, &keep], KEEP);
    check(&[&before, &spread, &before], KEEP);
    check(&[&before, &["route", "1 a !denied", "drain a now"]], NOW);
}

#[test]
fn who_drains_keeps_its_first_end_while_the_same_is_said() {
    let before = ["route", "1 a 10.0.0.1:1 10.0.0.2:1 10.0.0.3:1"];
    let one_gone = ["route", "1 a 10.0.0.2:1 10.0.0.3:1", "drain 5s"];
    let two_gone = ["route", "1 a 10.0.0.3:1", "drain 5s"];
    check(&[&before, &one_gone], SPREAD);
    check(&[&before, &one_gone, &two_gone], None);
    let weight = ["route", "2 a 10.0.0.2:1 10.0.0.3:1", "drain 5s"];
    check(&[&before, &one_gone, &weight], None);
    let elsewhere = ["route", "1 a 10.0.0.3:1", "drain a 5s"];
    check(&[&before, &one_gone, &elsewhere], None);
    check(&[&before, &one_gone, &[]], None);
    let now = ["route", "1 a 10.0.0.3:1", "drain now"];
    check(&[&before, &one_gone, &two_gone, &now], NOW);
    let keep = ["route", "1 a 10.0.0.3:1"];
    check(&[&before, &one_gone, &keep], KEEP);
    check(&[&before, &one_gone, &keep, &one_gone], SPREAD);
    let back = ["route", "1 a 10.0.0.1:1", "drain 5s"];
    check(&[&before, &one_gone, &back], KEEP);
    check(&[&before, &one_gone, &back, &two_gone], SPREAD);
}

/// It was not told to drain when the endpoint went that it came to only later.
#[test]
fn who_dials_its_way_to_an_endpoint_that_is_gone_drains_with_the_next_change() {
    let tables = [
        table(&["route", "1 a 10.0.0.1:1 10.0.0.2:1"]),
        table(&["route", "1 a 10.0.0.1:1", "drain 5s"]),
        table(&["route", "2 a 10.0.0.1:1", "drain 5s"]),
    ];
    let mut connection = connection(&tables[0]);
    assert_eq!(pass(&mut connection, &tables[0], &tables[1]), KEEP);
    let failed = Event::DialFailed(DialError::Refused);
    connection.handle(&mut Avoidance::new(DIAL_TIMEOUT), failed, Moment::default());
    assert_eq!(connection.endpoint(), Some("10.0.0.2:1".parse().unwrap()));
    assert_eq!(pass(&mut connection, &tables[1], &tables[2]), SPREAD);
}

#[test]
fn a_table_without_a_word_about_drains_ends_nobody() {
    let before = table(&["route", "1 a 10.0.0.1:1"]);
    assert!(!Drains::between(Some(&before), &table(&[])).may_end());
    assert!(!Drains::between(None, &before).may_end());
}

#[test]
fn ends_are_spread_evenly_over_the_time() {
    let (time, now) = (Duration::from_secs(10), Moment::from_nanos(7));
    let mut seconds = [0_u32; 10];
    for seed in 0..10_000 {
        let end = Drain::Spread(time).end(seed, now).unwrap();
        let index = usize::try_from(end.since(now).as_secs()).unwrap();
        seconds[index] += 1;
    }
    assert!(
        seconds.iter().all(|it| (900..1100).contains(it)),
        "{seconds:?}"
    );
    assert_eq!(Drain::Now.end(3, now), Some(now));
    assert_eq!(Drain::Keep.end(3, now), None);
}

proptest! {
    /// Whoever asks however often: in no second more than its part.
    #[test]
    fn a_worker_ends_no_more_than_its_part_a_second(
        waits in prop::collection::vec(0..50_000_000_u64, 0..400),
        n_workers in 1..8_u32,
    ) {
        let mut pace = Pace::shared_by(n_workers);
        let (mut now, mut ended) = (0, BTreeMap::<u64, u32>::new());
        for wait in waits {
            now += wait;
            for _ in 0..40 {
                let n = u32::from(pace.take(Moment::from_nanos(now)));
                *ended.entry(now / 1_000_000_000).or_default() += n;
            }
        }
        let most = DRAIN_CLOSES_PER_SECOND / n_workers;
        prop_assert!(ended.values().all(|it| *it <= most));
        prop_assert!(ended.is_empty() || ended.values().any(|it| *it > 0));
    }
}

#[test]
fn so_many_workers_that_none_has_a_part_end_one_a_second_each() {
    let mut pace = Pace::shared_by(DRAIN_CLOSES_PER_SECOND * 2);
    let second = Moment::from_nanos(1_000_000_000);
    assert!(pace.take(Moment::default()) && !pace.take(Moment::default()));
    assert!(pace.take(second));
}
