//! What the cluster and its proxies say, as facts for a translation.
//!
//! In: Services, EndpointSlices, what the feed knows of proxies. Out: [`GatewayFacts`], and which
//! table every proxy that serves has. Never: a word about a condition, which is translate's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use portway_control::api::GatewayAddress;
use portway_control::provision::FleetPort;
use portway_control::snapshot::GatewayFacts;
use portway_feed::ProxyFacts;
use serde_json::Value;

use crate::limits::{ACKNOWLEDGE_MAX, ADOPTION, HOLDERS_SHOWN_MAX};
use crate::provisioner::Asked;
use crate::watched::is_ending;

/// What is said as long as the API has not taken all.
const UNANSWERED: &str = "the cluster has not taken yet what its proxies are to be";

/// How connections come to a Gateway's proxies, as far as the cluster shows it.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    /// Its Service.
    pub(crate) service: Option<&'a Value>,
    /// The ports that its listeners need there.
    pub(crate) ports: &'a [FleetPort],
    /// The Pods that its Service sends connections to, and to which of their ports.
    pub(crate) ready: BTreeMap<&'a str, BTreeSet<u16>>,
    /// Whether the API has been asked for what is wanted now.
    pub(crate) asked: Asked,
}

/// The newest tables of a Gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest<'a> {
    /// Their numbers, and since when each has been out: from the first that not all proxies have on to
    /// the last. Empty = none was made since we lead.
    pub(crate) tables: &'a [(u64, Instant)],
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
    /// Nothing is said yet of what is wanted now: it is to be asked for first, and answered in time.
    pub(crate) is_held: bool,
}

impl Newest<'_> {
    /// The last one's number.
    fn generation(&self) -> u64 {
        self.tables.last().map_or(0, |it| it.0)
    }

    /// Since when the last one has been out.
    fn since(&self) -> Instant {
        self.tables.last().map_or(self.led_since, |it| it.1)
    }

    /// Since when there has been a newer one than this.
    fn since_after(&self, acknowledged: Option<u64>) -> Instant {
        let mut newer = self.tables.iter().filter(|it| Some(it.0) > acknowledged);
        newer.next().map_or_else(|| self.since(), |it| it.1)
    }

    /// The one before all of them.
    fn before(&self) -> Option<u64> {
        self.tables.first().map(|it| it.0.saturating_sub(1))
    }
}

/// Puts together what is known of a Gateway's proxies. A Service that is being deleted has no address
/// that lasts.
pub(crate) fn of_gateway(
    way: &Way<'_>,
    proxies: &[ProxyFacts],
    newest: Newest<'_>,
    now: Instant,
) -> Serving {
    let (refused, addresses) = match way.service {
        None => (None, Vec::new()),
        Some(service) if is_ending(service) => (Some(ending(service)), Vec::new()),
        Some(service) => (None, addresses(service)),
    };
    let mut serving = Serving {
        facts: GatewayFacts {
            refused,
            addresses,
            n_ready: way.ready.len(),
            ..GatewayFacts::default()
        },
        acknowledged: Some(u64::MAX),
        patience: None,
        is_held: false,
    };
    let mut found = Vec::new();
    for pod in way.ready.keys() {
        let proxy = proxies.iter().filter(|proxy| &*proxy.pod == *pod);
        let proxy = proxy.max_by_key(|proxy| proxy.acknowledged);
        let acknowledged = proxy.and_then(|proxy| proxy.acknowledged);
        serving.acknowledged = serving.acknowledged.min(acknowledged);
        found.extend(match proxy {
            None => Some((
                format!("proxy `{pod}` is not connected to the controller"),
                newest.led_since + ADOPTION,
            )),
            Some(proxy) => told(pod, proxy, newest),
        });
    }
    let closed = way.closed().map(|why| {
        let since = newest.since_after(newest.before());
        (why, since + ACKNOWLEDGE_MAX)
    });
    // A table that no connection comes to, or not as it is to be, is as good as none.
    if closed.is_some() || way.asked != Asked::Answered {
        serving.acknowledged = serving.acknowledged.min(newest.before());
    }
    found.extend(closed);
    match way.asked {
        Asked::Answered => {}
        Asked::NotYet => serving.is_held = true,
        Asked::Since(since) => {
            let from = (since + ACKNOWLEDGE_MAX).max(newest.led_since + ADOPTION);
            serving.is_held = now < from;
            found.push((UNANSWERED.to_owned(), from));
        }
    }
    for (why, from) in found {
        if now >= from {
            serving.facts.missing.push(why);
        } else {
            serving.patience = Some(serving.patience.map_or(from, |at| at.min(from)));
        }
    }
    serving
}

impl Way<'_> {
    /// Why connections to one of the ports reach no proxy, or not each of them.
    fn closed(&self) -> Option<String> {
        let service = self.service.filter(|it| !is_ending(it))?;
        let has = |wanted: &FleetPort| {
            let mut ports = service["spec"]["ports"].as_array().into_iter().flatten();
            let (port, pod_port) = (Value::from(wanted.port), Value::from(wanted.pod_port));
            ports.any(|it| it["port"] == port && it["targetPort"] == pod_port)
        };
        self.ports.iter().find_map(|wanted| {
            let port = wanted.port;
            if !has(wanted) {
                return Some(format!("its Service does not have port {port} yet"));
            }
            let mut ready = self.ready.iter();
            let (pod, _) = ready.find(|(_, ports)| !ports.contains(&wanted.pod_port))?;
            Some(format!(
                "its Service does not send port {port} to proxy `{pod}` yet"
            ))
        })
    }
}

/// What is wrong with a proxy that is connected, and from when on it counts.
fn told(pod: &str, proxy: &ProxyFacts, newest: Newest<'_>) -> Option<(String, Instant)> {
    if let Some((generation, why)) = &proxy.refused
        && *generation >= newest.generation()
    {
        let what = format!("proxy `{pod}` refused the newest table: {why}");
        return Some((what, newest.since()));
    }
    if proxy.acknowledged < Some(newest.generation()) {
        let what = format!("proxy `{pod}` has not applied the newest table");
        let from = newest.since_after(proxy.acknowledged) + ACKNOWLEDGE_MAX;
        let from = match proxy.acknowledged {
            None => from.max(newest.led_since + ADOPTION),
            Some(_) => from,
        };
        return Some((what, from));
    }
    let (socket, why) = proxy.unbound.first()?;
    // It is tried again every second; a moment of it is no news.
    let what = format!("proxy `{pod}` cannot listen on {socket}: {why}");
    Some((what, newest.since() + Duration::from_secs(1)))
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
