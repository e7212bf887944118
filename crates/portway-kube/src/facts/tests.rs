//! What is said of proxies, and when.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use portway_feed::ProxyFacts;
use serde_json::{Value, json};

use super::{Newest, Serving, addresses, of_gateway};

fn proxy(pod: &str, acknowledged: Option<u64>) -> ProxyFacts {
    ProxyFacts {
        pod: pod.into(),
        uid: "u".into(),
        acknowledged,
        refused: None,
        unbound: Vec::new(),
    }
}

/// Table 7 is the newest for `seconds`, and we lead for a minute.
fn serving(ready: &[&str], proxies: &[ProxyFacts], seconds: u64) -> Serving {
    let led_since = Instant::now();
    let since = led_since + Duration::from_secs(60);
    let newest = Newest {
        generation: 7,
        since,
        led_since,
    };
    let ready = ready.iter().copied().collect();
    let now = since + Duration::from_secs(seconds);
    of_gateway(None, &ready, proxies, newest, now)
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
    let led_since = Instant::now();
    let newest = Newest {
        generation: 1,
        since: led_since,
        led_since,
    };
    let ready = ["a"].into();
    let early = led_since + Duration::from_secs(9);
    let serving = of_gateway(None, &ready, &[], newest, early);
    assert_eq!(serving.facts.missing, Vec::<String>::new());
    let late = led_since + Duration::from_secs(10);
    let serving = of_gateway(None, &ready, &[], newest, late);
    assert_eq!(serving.facts.missing.len(), 1);
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
            generation: 1,
            since: now,
            led_since: now,
        };
        of_gateway(Some(service), &BTreeSet::new(), &[], newest, now).facts
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
