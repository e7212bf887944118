//! Tables: what is refused, how they show, what they share, how they differ.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::diff::{Changes, diff};
use super::show::show;
use super::{
    BackendSpec, Drain, DrainSpec, GrantSpec, ListenerSpec, Protocol, RejectReason, RouteSpec,
    RoutingTable, TableError, TableSpec, TableVersion, TargetSpec,
};
use crate::limits::{
    BACKENDS_PER_ROUTE_MAX, BINDS_PER_LISTENER_MAX, DRAINS_MAX, ENDPOINTS_MAX,
    ENDPOINTS_PER_BACKEND_MAX, GRANTS_MAX, LISTENERS_MAX, NAME_BYTES_MAX, ROUTES_MAX, WEIGHT_MAX,
};

mod random;

/// A spec from its `show` notation, with weights for shares: `30% a -> …` or `1 a -> …`.
fn spec(text: &str) -> TableSpec {
    let mut spec = TableSpec::default();
    let mut grants: Option<Vec<GrantSpec>> = None;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["listen", name, "tcp", ref rest @ ..] => spec.listeners.push(listener(name, rest)),
            ["route", name, ..] => spec.routes.push(RouteSpec {
                name: name.into(),
                backends: Vec::new(),
            }),
            ["grant", routes, "->", backends] => {
                grants.get_or_insert_default().push(grant(routes, backends));
            }
            [weight, name, "->", ref target @ ..] => {
                let route = spec.routes.last_mut().unwrap();
                route.backends.push(backend(weight, name, target));
            }
            ["drain", route, ref rest @ ..] => spec.drains.push(drain(route, rest)),
            _ => panic!("what is `{line}`?"),
        }
    }
    spec.grants = grants.map(Arc::from);
    spec
}

fn listener(name: &str, rest: &[&str]) -> ListenerSpec {
    let (binds, to) = rest.split_at(rest.iter().position(|it| *it == "->").unwrap());
    ListenerSpec {
        name: name.into(),
        protocol: Protocol::Tcp,
        binds: binds.iter().map(|it| it.parse().unwrap()).collect(),
        route: match to {
            ["->", "reject", _] => None,
            _ => Some(to[1].into()),
        },
    }
}

fn grant(routes: &str, backends: &str) -> GrantSpec {
    GrantSpec {
        routes: routes.trim_end_matches('*').into(),
        backends: backends.trim_end_matches('*').into(),
    }
}

fn backend(weight: &str, name: &str, target: &[&str]) -> BackendSpec {
    BackendSpec {
        name: name.into(),
        weight: weight.trim_end_matches('%').parse().unwrap(),
        target: match target {
            ["reject", _] => TargetSpec::Reject(RejectReason::NoEndpoint),
            _ => TargetSpec::Endpoints(target.iter().map(|it| it.parse().unwrap()).collect()),
        },
    }
}

fn drain(route: &str, rest: &[&str]) -> DrainSpec {
    let (drain, backend) = rest.split_last().unwrap();
    DrainSpec {
        route: route.into(),
        backend: backend.first().map(|it| (*it).into()),
        drain: match *drain {
            "keep" => Drain::Keep,
            "now" => Drain::Now,
            spread => {
                let seconds = spread.trim_start_matches("spread=").trim_end_matches('s');
                Drain::Spread(Duration::from_secs(seconds.parse().unwrap()))
            }
        },
    }
}

fn build(text: &str) -> RoutingTable {
    RoutingTable::build(TableVersion(1), &spec(text), None).unwrap()
}

fn build_after(before: &RoutingTable, text: &str) -> RoutingTable {
    RoutingTable::build(TableVersion(2), &spec(text), Some(before)).unwrap()
}

const TWO_APPS: &str = "
listen gw/foo tcp 0.0.0.0:8080 [::]:8080 -> app/one
listen gw/bar tcp 0.0.0.0:8090 [::]:8090 -> app/two
listen gw/new tcp 127.0.0.1:9000 -> reject no_route
route app/one
  100% foo:6000 -> 127.0.0.1:6000
route app/two
  70% blue:6000 -> 10.0.0.1:6000 [2001:db8::1]:6000
  30% green:6000 -> reject no_endpoint
  0% idle:6000 -> 10.0.0.9:6000
";

#[test]
fn a_table_shows_one_fact_a_line() {
    assert_eq!(build(TWO_APPS).to_string(), TWO_APPS.trim_start());
    assert_eq!(show(&spec(TWO_APPS)), build(TWO_APPS).to_string());
}

#[test]
fn shares_are_shown_exactly() {
    let check = |backends: &str, want: Expect| {
        let table = build(&format!("route r\n{backends}"));
        want.assert_eq(&table.to_string());
    };
    check(
        "1 a -> 1.1.1.1:1 \n 3 b -> 1.1.1.2:1",
        expect![[r#"
            route r
              25% a -> 1.1.1.1:1
              75% b -> 1.1.1.2:1
        "#]],
    );
    check(
        "2 a -> 1.1.1.1:1 \n 4 b -> 1.1.1.2:1",
        expect![[r#"
            route r
              2/6 a -> 1.1.1.1:1
              4/6 b -> 1.1.1.2:1
        "#]],
    );
    check(
        "0 a -> 1.1.1.1:1",
        expect![[r#"
            route r -> reject no_weight
              0% a -> 1.1.1.1:1
        "#]],
    );
    check(
        "",
        expect![[r#"
            route r -> reject no_weight
        "#]],
    );
}

#[test]
fn a_broken_spec_is_refused_with_its_reason() {
    let check = |text: &str, want: Expect| {
        let error = RoutingTable::build(TableVersion(1), &spec(text), None).unwrap_err();
        want.assert_eq(&error.to_string());
    };
    check(
        "listen a tcp 0.0.0.0:80 -> r",
        expect!["listener `a` names route `r`, which the table does not have"],
    );
    check(
        "listen a tcp 0.0.0.0:80 -> reject x \n listen a tcp 0.0.0.0:81 -> reject x",
        expect!["two listeners are named `a`"],
    );
    check("route r \n route r", expect!["two routes are named `r`"]);
    check(
        "route r \n 1 a -> ",
        expect!["backend `a` of route `r` has no endpoints and no reason to reject"],
    );
    check(
        "route r \n 1 a -> 1.1.1.1:1 1.1.1.2:1 1.1.1.1:1",
        expect!["backend `a` of route `r` has endpoint 1.1.1.1:1 twice"],
    );
    check(
        "drain b now \n drain a now",
        expect!["the drain of route `a` is not in its place"],
    );
    check(
        "drain a x now \n drain a x keep",
        expect!["the drain of route `a` is not in its place"],
    );
    check(
        "grant b/* -> x/* \n grant a/* -> x/*",
        expect!["the grant of routes `a/…` is not in its place"],
    );
    check(
        "grant a/* -> x/* \n grant a/* -> x/*",
        expect!["the grant of routes `a/…` is not in its place"],
    );
    check(
        "grant a/* -> *",
        expect!["the name `…` has 0 bytes, not 1 to 640"],
    );
    check(
        "drain a spread=86401s",
        expect!["the drain of route `a` is spread over more than 86400s"],
    );
    check(
        "route r \n 1000001 a -> 1.1.1.1:1",
        expect!["backend `a` of route `r` has weight 1000001, more than 1000000"],
    );
}

/// Whether two listeners, or one with both, can bind these at the same time.
#[test]
fn sockets_conflict_as_in_the_kernel() {
    let check = |first: &str, second: &str, want: &str| {
        let text = format!("listen a tcp {first} -> reject x \n listen b tcp {second} -> reject x");
        let two = RoutingTable::build(TableVersion(1), &spec(&text), None);
        let text = format!("listen a tcp {first} {second} -> reject x");
        let one = RoutingTable::build(TableVersion(1), &spec(&text), None);
        assert_eq!(one.is_ok(), two.is_ok());
        let got = two.map_or_else(|error| error.to_string(), |_| "fine".into());
        assert_eq!(got, want, "{first} and {second}");
    };
    check("1.1.1.1:80", "1.1.1.1:81", "fine");
    check("1.1.1.1:80", "1.1.1.2:80", "fine");
    check("0.0.0.0:80", "[::]:80", "fine");
    check("0.0.0.0:80", "[::1]:80", "fine");
    check("[fe80::1%1]:80", "[fe80::1%2]:80", "fine");
    check("127.0.0.1:0", "0.0.0.0:0", "fine");
    let same = "`b` binds 1.1.1.1:80, which `a` claims by 1.1.1.1:80";
    check("1.1.1.1:80", "1.1.1.1:80", same);
    let covered = "`b` binds 1.1.1.1:80, which `a` claims by 0.0.0.0:80";
    check("0.0.0.0:80", "1.1.1.1:80", covered);
    let covering = "`a` binds [::1]:80, which `b` claims by [::]:80";
    check("[::1]:80", "[::]:80", covering);
    let one_key = "`b` binds 127.0.0.1:0, which `a` claims by 127.0.0.1:0";
    check("127.0.0.1:0", "127.0.0.1:0", one_key);
}

/// At each bound a table is built, one above it is refused.
#[test]
fn every_bound_holds() {
    let check = |max: usize, make: &dyn Fn(usize) -> TableSpec, is: fn(&TableError) -> bool| {
        let at = RoutingTable::build(TableVersion(1), &make(max), None);
        assert!(at.is_ok(), "{:?}", at.err());
        let above = RoutingTable::build(TableVersion(1), &make(max + 1), None).unwrap_err();
        assert!(is(&above), "{above}");
    };
    use TableError as E;
    let listeners = |n| TableSpec {
        drains: Vec::new(),
        grants: None,
        listeners: (0..n)
            .map(|i| listener(&i.to_string(), &["->", "reject", "x"]))
            .collect(),
        routes: Vec::new(),
    };
    check(LISTENERS_MAX, &listeners, |it| {
        matches!(it, E::TooManyListeners { .. })
    });
    let routes = |n| TableSpec {
        drains: Vec::new(),
        grants: None,
        listeners: Vec::new(),
        routes: (0..n).map(|i| route(&i.to_string(), 1, 1)).collect(),
    };
    check(ROUTES_MAX, &routes, |it| {
        matches!(it, E::TooManyRoutes { .. })
    });
    let backends = |n| one_route(route("r", n, 1));
    check(BACKENDS_PER_ROUTE_MAX, &backends, |it| {
        matches!(it, E::TooManyBackends { .. })
    });
    let endpoints = |n| one_route(route("r", 1, n));
    check(ENDPOINTS_PER_BACKEND_MAX, &endpoints, |it| {
        matches!(it, E::TooManyBackendEndpoints { .. })
    });
    let binds = |n| {
        let binds: Vec<String> = (1..=n).map(|port| format!("0.0.0.0:{port}")).collect();
        spec(&format!("listen a tcp {} -> reject x", binds.join(" ")))
    };
    check(BINDS_PER_LISTENER_MAX, &binds, |it| {
        matches!(it, E::TooManyBinds { .. })
    });
    let name = |n| one_route(route(&format!("é{}", "x".repeat(n - 2)), 1, 1));
    check(NAME_BYTES_MAX, &name, |it| {
        matches!(it, E::NameLength { .. })
    });
    let drains = |n| TableSpec {
        drains: (0..n).map(|i| drain(&format!("{i:7}"), &["now"])).collect(),
        ..TableSpec::default()
    };
    check(DRAINS_MAX, &drains, |it| {
        matches!(it, E::TooManyDrains { .. })
    });
    let grants = |n| TableSpec {
        grants: Some((0..n).map(|i| grant(&format!("{i:7}"), "b")).collect()),
        ..TableSpec::default()
    };
    check(GRANTS_MAX, &grants, |it| {
        matches!(it, E::TooManyGrants { .. })
    });
    let weight = |n| spec(&format!("route r \n {n} a -> 1.1.1.1:1"));
    let weight_max = usize::try_from(WEIGHT_MAX).unwrap();
    check(weight_max, &weight, |it| {
        matches!(it, E::WeightTooLarge { .. })
    });
}

#[test]
fn endpoints_are_bounded_over_all_routes() {
    let full = ENDPOINTS_MAX / ENDPOINTS_PER_BACKEND_MAX;
    let mut spec = one_route(route("r", full, ENDPOINTS_PER_BACKEND_MAX));
    spec.routes.push(route("one more", 1, 1));
    let error = RoutingTable::build(TableVersion(1), &spec, None).unwrap_err();
    let n = ENDPOINTS_MAX + 1;
    assert_eq!(error, TableError::TooManyEndpoints { n });
}

#[test]
fn what_cannot_be_amended_is_refused() {
    let full = ENDPOINTS_MAX / ENDPOINTS_PER_BACKEND_MAX;
    let mut spec = one_route(route("r", full, ENDPOINTS_PER_BACKEND_MAX));
    spec.routes.push(route("other", 0, 0));
    let before = RoutingTable::build(TableVersion(1), &spec, None).unwrap();
    let amend = |routes: &[RouteSpec]| before.amended(TableVersion(2), routes).map(|_| ());
    let n = ENDPOINTS_MAX + 1;
    let one_more = route("other", 1, 1);
    assert_eq!(
        amend(std::slice::from_ref(&one_more)),
        Err(TableError::TooManyEndpoints { n })
    );
    let less = route("r", 1, 1);
    assert_eq!(amend(&[one_more, less.clone()]), Ok(()));
    let twice = Err(TableError::RouteTwice { route: "r".into() });
    assert_eq!(amend(&[less.clone(), less]), twice);
    let nowhere = Err(TableError::NoRouteToAmend { route: "x".into() });
    assert_eq!(amend(&[route("x", 1, 1)]), nowhere);
    let heavy = &mut route("r", 1, 1);
    heavy.backends[0].weight = WEIGHT_MAX + 1;
    let heavy = amend(std::slice::from_ref(heavy));
    assert!(matches!(heavy, Err(TableError::WeightTooLarge { .. })));
}

#[test]
fn an_empty_name_is_refused() {
    let error = RoutingTable::build(TableVersion(1), &one_route(route("", 1, 1)), None);
    let start = String::new();
    assert_eq!(
        error.unwrap_err(),
        TableError::NameLength { start, n_bytes: 0 }
    );
}

fn one_route(route: RouteSpec) -> TableSpec {
    TableSpec {
        drains: Vec::new(),
        grants: None,
        listeners: Vec::new(),
        routes: vec![route],
    }
}

fn route(name: &str, n_backends: usize, n_endpoints: usize) -> RouteSpec {
    let endpoint = |n| {
        let host = u32::try_from(n).unwrap().to_be_bytes();
        SocketAddr::from((host, 80))
    };
    let backend = |n: usize| BackendSpec {
        name: n.to_string().into(),
        weight: 1,
        target: TargetSpec::Endpoints((0..n_endpoints).map(endpoint).collect()),
    };
    RouteSpec {
        name: name.into(),
        backends: (0..n_backends).map(backend).collect(),
    }
}

#[test]
fn one_target_may_stand_twice_in_a_route() {
    build("route r \n 1 a -> 1.1.1.1:1 \n 2 a -> 1.1.1.1:1");
}

/// Memory and work follow what changed: everything else is the very same object.
#[test]
fn what_did_not_change_is_shared_with_the_table_before() {
    let before = build(TWO_APPS);
    let after = build_after(
        &before,
        &TWO_APPS.replace("70%", "60%").replace("30%", "40%"),
    );
    let shared = |i: usize, j: usize| Arc::ptr_eq(&before.routes()[i], &after.routes()[j]);
    assert!(shared(0, 0), "app/one stayed");
    assert!(!shared(1, 1), "app/two changed");
    let same: Vec<bool> = before
        .listeners()
        .zip(after.listeners())
        .map(|((_, old), (_, new))| Arc::ptr_eq(old, new))
        .collect();
    assert_eq!(
        same,
        [true, false, true],
        "a listener changes with its route"
    );
}

#[test]
fn a_diff_tells_sockets_and_names() {
    let before = build(TWO_APPS);
    let after = build_after(
        &before,
        "
        listen gw/foo tcp 0.0.0.0:8080 -> app/one
        listen gw/bar2 tcp 0.0.0.0:8090 [::]:8090 -> app/two
        listen gw/new tcp 127.0.0.1:9001 -> reject no_route
        route app/one
          100% foo:6000 -> 127.0.0.1:6000 127.0.0.2:6000
        route app/two
          70% blue:6000 -> 10.0.0.1:6000 [2001:db8::1]:6000
          30% green:6000 -> reject no_endpoint
          0% idle:6000 -> 10.0.0.9:6000
        route app/three
        ",
    );
    expect![[r#"
        keep tcp 0.0.0.0:8080 for gw/foo
        keep tcp 0.0.0.0:8090 for gw/bar2
        keep tcp [::]:8090 for gw/bar2
        open tcp 127.0.0.1:9001 for gw/new
        close tcp 127.0.0.1:9000 for gw/new
        close tcp [::]:8080 for gw/foo
        listeners: added gw/bar2; changed gw/foo gw/new; removed gw/bar
        routes: added app/three; changed app/one; removed 
    "#]]
    .assert_eq(&describe(Some(&before), &after));
}

#[test]
fn the_first_table_opens_everything() {
    expect![[r#"
        open tcp 0.0.0.0:80 for a
        listeners: added a; changed ; removed 
        routes: added r; changed ; removed 
    "#]]
    .assert_eq(&describe(
        None,
        &build("listen a tcp 0.0.0.0:80 -> r \n route r"),
    ));
}

#[test]
fn equal_tables_do_not_differ() {
    let before = build(TWO_APPS);
    assert!(diff(Some(&before), &build_after(&before, TWO_APPS)).is_empty());
    assert!(
        diff(Some(&before), &build(TWO_APPS)).is_empty(),
        "even if nothing is shared"
    );
}

fn describe(before: Option<&RoutingTable>, after: &RoutingTable) -> String {
    let diff = diff(before, after);
    let mut text = String::new();
    for (verb, sockets) in [
        ("keep", &diff.kept),
        ("open", &diff.opened),
        ("close", &diff.closed),
    ] {
        for (key, listener) in sockets {
            text.push_str(&format!("{verb} {key} for {}\n", listener.name));
        }
    }
    for (what, changes) in [("listeners", &diff.listeners), ("routes", &diff.routes)] {
        let Changes {
            added,
            changed,
            removed,
        } = changes;
        let [added, changed, removed] = [added, changed, removed].map(|it| it.join(" "));
        let line = format!("{what}: added {added}; changed {changed}; removed {removed}\n");
        text.push_str(&line);
    }
    text
}
