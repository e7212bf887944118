//! What the cluster and its proxies say, as facts for a translation.
//!
//! In: Services, EndpointSlices, what the feed knows of proxies. Out: [`GatewayFacts`], and which
//! table every proxy that serves has. Never: a word about a condition, which is translate's.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use portway_control::api::GatewayAddress;
use portway_control::snapshot::GatewayFacts;
use portway_feed::ProxyFacts;
use serde_json::Value;

use crate::limits::{ACKNOWLEDGE_MAX, ADOPTION, HOLDERS_SHOWN_MAX};
use crate::watched::is_ending;

/// The newest table of a Gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest {
    /// Its number.
    pub(crate) generation: u64,
    /// Since when it is the newest.
    pub(crate) since: Instant,
    /// Since when we lead.
    pub(crate) led_since: Instant,
}

/// What became of the newest table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Serving {
    /// For the translation.
    pub(crate) facts: GatewayFacts,
    /// The newest table that all proxies that serve have; `None` = one of them has none of ours.
    pub(crate) acknowledged: Option<u64>,
    /// When to look again: a proxy that is still in time by then is missing.
    pub(crate) patience: Option<Instant>,
}

/// Puts together what is known of a Gateway's proxies. `ready` are the Pods that its Service sends
/// connections to. A Service that is being deleted has no address that lasts.
pub(crate) fn of_gateway(
    service: Option<&Value>,
    ready: &BTreeSet<&str>,
    proxies: &[ProxyFacts],
    newest: Newest,
    now: Instant,
) -> Serving {
    let (refused, addresses) = match service {
        None => (None, Vec::new()),
        Some(service) if is_ending(service) => (Some(ending(service)), Vec::new()),
        Some(service) => (None, addresses(service)),
    };
    let mut serving = Serving {
        facts: GatewayFacts {
            refused,
            addresses,
            n_ready: ready.len(),
            ..GatewayFacts::default()
        },
        acknowledged: Some(u64::MAX),
        patience: None,
    };
    for pod in ready {
        let proxy = proxies.iter().filter(|proxy| &*proxy.pod == *pod);
        let proxy = proxy.max_by_key(|proxy| proxy.acknowledged);
        let acknowledged = proxy.and_then(|proxy| proxy.acknowledged);
        serving.acknowledged = serving.acknowledged.min(acknowledged);
        let found = match proxy {
            None => Some((
                format!("proxy `{pod}` is not connected to the controller"),
                newest.led_since + ADOPTION,
            )),
            Some(proxy) => told(pod, proxy, newest),
        };
        match found {
            Some((why, from)) if now >= from => serving.facts.missing.push(why),
            Some((_, from)) => {
                serving.patience = Some(serving.patience.map_or(from, |at| at.min(from)));
            }
            None => {}
        }
    }
    serving
}

/// What is wrong with a proxy that is connected, and from when on it counts.
fn told(pod: &str, proxy: &ProxyFacts, newest: Newest) -> Option<(String, Instant)> {
    if let Some((generation, why)) = &proxy.refused
        && *generation >= newest.generation
    {
        let what = format!("proxy `{pod}` refused the newest table: {why}");
        return Some((what, newest.since));
    }
    if proxy.acknowledged < Some(newest.generation) {
        let what = format!("proxy `{pod}` has not applied the newest table");
        let adopted = newest.led_since + ADOPTION;
        let from = match proxy.acknowledged {
            None => adopted.max(newest.since + ACKNOWLEDGE_MAX),
            Some(_) => newest.since + ACKNOWLEDGE_MAX,
        };
        return Some((what, from));
    }
    let (socket, why) = proxy.unbound.first()?;
    // It is tried again every second; a moment of it is no news.
    let what = format!("proxy `{pod}` cannot listen on {socket}: {why}");
    Some((what, newest.since + Duration::from_secs(1)))
}

/// What is said of a Service that is being deleted. Whoever waits for it may have to look after what
/// holds it.
fn ending(service: &Value) -> String {
    let holders = service["metadata"]["finalizers"].as_array();
    let holders = holders.into_iter().flatten().filter_map(Value::as_str);
    let holders: Vec<String> = holders
        .take(HOLDERS_SHOWN_MAX)
        .map(|it| format!("`{it}`"))
        .collect();
    let what = "its Service is being deleted";
    match &holders[..] {
        [] => what.to_owned(),
        _ => format!("{what}, held by finalizer {}", holders.join(", ")),
    }
}

/// The addresses a Service got: of its load balancer, or else its own.
fn addresses(service: &Value) -> Vec<GatewayAddress> {
    let address = |kind: &str, value: &str| GatewayAddress {
        kind: kind.to_owned(),
        value: value.to_owned(),
    };
    if service["spec"]["type"] != "LoadBalancer" {
        let own = service["spec"]["clusterIPs"]
            .as_array()
            .into_iter()
            .flatten();
        let own = own.filter_map(Value::as_str);
        return own.map(|ip| address("IPAddress", ip)).collect();
    }
    let given = service["status"]["loadBalancer"]["ingress"].as_array();
    let given = given.into_iter().flatten().filter_map(|ingress| {
        let ip = ingress["ip"].as_str().map(|ip| address("IPAddress", ip));
        ip.or_else(|| Some(address("Hostname", ingress["hostname"].as_str()?)))
    });
    given.collect()
}

#[cfg(test)]
mod tests;
