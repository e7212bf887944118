//! What is said of proxies, and when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use portway_control::provision::FleetPort;
use portway_feed::ProxyFacts;
use serde_json::{Value, json};

use super::{Newest, Serving, UNANSWERED, Way, addresses, of_gateway};
use crate::limits::ADOPTION;
use crate::provisioner::Asked;

fn proxy(pod: &str, acknowledged: Option<u64>) -> ProxyFacts {
    ProxyFacts {
        pod: pod.into(),
        uid: "u".into(),
        acknowledged,
        refused: None,
        unbound: Vec::new(),
    }
}

/// A Gateway without ports whose Service sends connections to these.
fn way<'a>(service: Option<&'a Value>, ready: &[&'a str]) -> Way<'a> {
    let ready = ready.iter().map(|pod| (*pod, [80].into()));
    Way {
        service,
        ports: &[],
        ready: ready.collect(),
        asked: Asked::Answered,
    }
}

/// Table 7 is the newest for `seconds`, and we lead for a minute.
fn serving(ready: &[&str], proxies: &[ProxyFacts], seconds: u64) -> Serving {
    serving_since(&[(7, 60)], ready, proxies, 60 + seconds)
}

/// Tables that are out since so many seconds after we took the lead.
fn serving_since(
    tables: &[(u64, u64)],
    ready: &[&str],
    proxies: &[ProxyFacts],
    seconds: u64,
) -> Serving {
    let led_since = Instant::now();
    let at = |seconds| led_since + Duration::from_secs(seconds);
    let tables: Vec<_> = tables.iter().map(|it| (it.0, at(it.1))).collect();
    let newest = Newest {
        tables: &tables,
        led_since,
    };
    of_gateway(&way(None, ready), proxies, newest, at(seconds))
}

#[test]
fn proxies_that_acknowledged_are_not_missing() {
    let serving = serving(
        &["a", "b"],
        &[proxy("a", Some(7)), proxy("b", Some(8))],
        100,
    );
    assert_eq!(serving.facts.n_ready, 2);
    assert_eq!(serving.facts.missing, Vec::<String>::new());
    assert_eq!(serving.acknowledged, Some(7));
    assert_eq!(serving.patience, None);
}

#[test]
fn a_proxy_has_two_seconds_to_apply_a_table() {
    let proxies = [proxy("a", Some(7)), proxy("b", Some(6))];
    let early = serving(&["a", "b"], &proxies, 1);
    assert_eq!(early.facts.missing, Vec::<String>::new());
    assert_eq!(early.acknowledged, Some(6));
    assert!(early.patience.is_some());
    let late = serving(&["a", "b"], &proxies, 2);
    assert_eq!(
        late.facts.missing,
        ["proxy `b` has not applied the newest table"]
    );
}

#[test]
fn a_proxy_that_refuses_is_named_with_its_reason_at_once() {
    let mut refusing = proxy("a", Some(6));
    refusing.refused = Some((7, "no memory".into()));
    let serving = serving(&["a"], &[refusing], 0);
    assert_eq!(
        serving.facts.missing,
        ["proxy `a` refused the newest table: no memory"]
    );
}

#[test]
fn a_refusal_of_an_older_table_is_over() {
    let mut refusing = proxy("a", Some(7));
    refusing.refused = Some((6, "no memory".into()));
    let serving = serving(&["a"], &[refusing], 10);
    assert_eq!(serving.facts.missing, Vec::<String>::new());
}

#[test]
fn a_ready_proxy_that_follows_nobody_is_missing() {
    let serving = serving(&["a"], &[], 0);
    assert_eq!(
        serving.facts.missing,
        ["proxy `a` is not connected to the controller"]
    );
    assert_eq!(serving.acknowledged, None);
}

/// A new leader says nothing bad of proxies that are still on their way to it.
#[test]
fn proxies_have_ten_seconds_to_find_a_new_leader() {
    let early = serving_since(&[(1, 0)], &["a"], &[], 9);
    assert_eq!(early.facts.missing, Vec::<String>::new());
    let late = serving_since(&[(1, 0)], &["a"], &[], 10);
    assert_eq!(late.facts.missing.len(), 1);
}

/// Otherwise tables that come faster than every two seconds would hide it for ever.
#[test]
fn the_oldest_table_that_a_proxy_lacks_counts() {
    let tables = [(7, 60), (8, 61), (9, 62)];
    let of = |acknowledged| {
        let proxies = [proxy("a", Some(acknowledged))];
        serving_since(&tables, &["a"], &proxies, 62).facts.missing
    };
    assert_eq!(of(6), ["proxy `a` has not applied the newest table"]);
    assert_eq!(of(7), Vec::<String>::new());
}

/// Proxies that serve may not be what the Gateway wants them to be.
#[test]
fn what_the_api_has_not_answered_is_waited_for_and_told_later() {
    let led_since = Instant::now();
    let at = |seconds| led_since + Duration::from_secs(seconds);
    let newest = Newest {
        tables: &[(7, at(1))],
        led_since,
    };
    let of = |since, now| {
        let way = Way {
            asked: Asked::Since(at(since)),
            ..way(None, &["a"])
        };
        of_gateway(&way, &[proxy("a", Some(7))], newest, at(now))
    };
    let early = of(60, 61);
    assert_eq!(early.facts.missing, Vec::<String>::new());
    assert_eq!(early.acknowledged, Some(6));
    assert_eq!((early.patience, early.is_held), (Some(at(62)), true));
    let late = of(60, 62);
    assert_eq!(late.facts.missing, [UNANSWERED]);
    assert!(!late.is_held);
    // Who waits for others is waited for, and nothing is wrong.
    let queued = of_gateway(
        &Way {
            asked: Asked::NotYet,
            ..way(None, &["a"])
        },
        &[proxy("a", Some(7))],
        newest,
        at(600),
    );
    assert_eq!(queued.facts.missing, Vec::<String>::new());
    assert_eq!((queued.acknowledged, queued.is_held), (Some(6), true));
    // A new leader applies all there is, and what serves goes on.
    let new = of(0, 5);
    assert_eq!(new.facts.missing, Vec::<String>::new());
    assert_eq!(new.patience, Some(led_since + ADOPTION));
}

/// A listener's port is served when the Service has it and sends it to each proxy.
#[test]
fn a_table_without_a_way_to_it_is_not_served() {
    let service = |ports: Value| json!({"spec": {"clusterIPs": ["10.0.0.1"], "ports": ports}});
    let led_since = Instant::now();
    let since = led_since + Duration::from_secs(60);
    let newest = Newest {
        tables: &[(7, since)],
        led_since,
    };
    let ports = [(80, 80), (15021, 15022)].map(|(port, pod_port)| FleetPort { port, pod_port });
    let of = |service: &Value, pod_ports: &[u16], seconds| {
        let way = Way {
            service: Some(service),
            ports: &ports,
            ready: BTreeMap::from([("a", pod_ports.iter().copied().collect())]),
            asked: Asked::Answered,
        };
        let now = since + Duration::from_secs(seconds);
        of_gateway(&way, &[proxy("a", Some(7))], newest, now)
    };
    let http = json!({"port": 80, "targetPort": 80});
    let whole = service(json!([http, {"port": 15021, "targetPort": 15022}]));
    let served = of(&whole, &[80, 15022], 2);
    assert_eq!(served.facts.missing, Vec::<String>::new());
    assert_eq!(served.acknowledged, Some(7));
    for (service, pod_ports, why) in [
        (
            &service(json!([http])),
            &[80, 15022][..],
            "its Service does not have port 15021 yet",
        ),
        (
            &service(json!([http, {"port": 15021, "targetPort": 15021}])),
            &[80, 15022],
            "its Service does not have port 15021 yet",
        ),
        (
            &whole,
            &[80],
            "its Service does not send port 15021 to proxy `a` yet",
        ),
    ] {
        let early = of(service, pod_ports, 1);
        assert_eq!(early.facts.missing, Vec::<String>::new());
        assert_eq!(early.acknowledged, Some(6), "{service}");
        assert!(early.patience.is_some());
        assert_eq!(of(service, pod_ports, 2).facts.missing, [why]);
    }
}

#[test]
fn a_proxy_that_cannot_listen_is_missing() {
    let mut deaf = proxy("a", Some(7));
    deaf.unbound = vec![("0.0.0.0:80".parse().unwrap(), "permission denied".into())];
    let serving = serving(&["a"], &[deaf], 1);
    assert_eq!(
        serving.facts.missing,
        ["proxy `a` cannot listen on 0.0.0.0:80: permission denied"]
    );
}

fn check_addresses(service: Value, want: &[&str]) {
    let found: Vec<String> = addresses(&service)
        .into_iter()
        .map(|it| format!("{} {}", it.kind, it.value))
        .collect();
    assert_eq!(found, want, "{service}");
}

#[test]
fn the_addresses_are_those_clients_can_use() {
    let ingress = json!([{"ip": "192.0.2.1"}, {"hostname": "lb.example.com"}]);
    let service = json!({"spec": {"type": "LoadBalancer", "clusterIPs": ["10.0.0.1"]},
        "status": {"loadBalancer": {"ingress": ingress}}});
    check_addresses(service, &["IPAddress 192.0.2.1", "Hostname lb.example.com"]);
    let service = json!({"spec": {"type": "ClusterIP", "clusterIPs": ["10.0.0.1", "fd00::1"]}});
    check_addresses(service, &["IPAddress 10.0.0.1", "IPAddress fd00::1"]);
    let waiting = json!({"spec": {"type": "LoadBalancer", "clusterIPs": ["10.0.0.1"]}});
    check_addresses(waiting, &[]);
}

/// Nor is it said that it waits for one: somebody may have to look after what holds it.
#[test]
fn a_service_that_is_being_deleted_has_no_address() {
    let mut service = json!({"metadata": {"finalizers": ["example.com/cloud"]},
        "spec": {"clusterIPs": ["10.0.0.1"]}});
    let of = |service: &Value| {
        let now = Instant::now();
        let newest = Newest {
            tables: &[(1, now)],
            led_since: now,
        };
        of_gateway(&way(Some(service), &[]), &[], newest, now).facts
    };
    let facts = of(&service);
    assert_eq!((facts.addresses.len(), facts.refused), (1, None));
    service["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let facts = of(&service);
    assert_eq!(facts.addresses, []);
    assert_eq!(
        facts.refused.as_deref(),
        Some("its Service is being deleted, held by finalizer `example.com/cloud`")
    );
}
