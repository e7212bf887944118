//! Who leads, by a Lease: of several controllers one writes.
//!
//! In: the Lease as it is stored, our name, the time. Out: whether we lead. Never: trust in another's
//! clock. A holder is gone when the Lease did not change for as long as it says while we looked, by our
//! own clock. Writes are compare and swap on the resource version.
//! Spec: coordination.k8s.io/v1 Lease.

use std::time::{Duration, Instant};

use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::call::{self, CallError, Place};
use crate::clock;
use crate::limits::{LEASE, LEASE_GIVE_UP, LEASE_LOOK, LEASE_RENEW};

/// Whether we lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We write statuses, provision, and serve the feed.
    Leader,
    /// We only watch, to take over at once.
    Follower,
}

/// What to do with the Lease.
#[derive(Debug, PartialEq)]
enum Step {
    Create(Value),
    Replace(Value),
    Wait,
}

/// What was seen of the Lease, and when.
#[derive(Debug)]
pub(crate) struct Election {
    identity: String,
    namespace: String,
    name: String,
    seen: Option<(String, Instant)>,
    led_until: Option<Instant>,
}

impl Election {
    /// Takes part in the election of a namespace.
    pub(crate) fn new(namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            identity: identity.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            seen: None,
            led_until: None,
        }
    }

    /// Takes part until `stop` says so, then gives the lead away.
    pub(crate) async fn run(
        mut self,
        client: Client,
        role: watch::Sender<Role>,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            let wait = self.look(&client, &role).await;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        if *role.borrow() == Role::Leader {
            role.send_replace(Role::Follower);
            self.release(&client).await;
        }
    }

    async fn look(&mut self, client: &Client, role: &watch::Sender<Role>) -> Duration {
        let leads = match self.try_lead(client).await {
            Ok(leads) => {
                self.led_until = leads.then(|| Instant::now() + LEASE_GIVE_UP);
                leads
            }
            Err(error) => {
                warn!(error = %crate::chain(&error), "lease not renewed");
                // Nobody else can take it before it is over.
                self.led_until.is_some_and(|until| Instant::now() < until)
            }
        };
        let now = if leads { Role::Leader } else { Role::Follower };
        let changed = role.send_if_modified(|role| std::mem::replace(role, now) != now);
        if changed {
            info!(role = ?now, identity = self.identity, "role changed");
        }
        if leads { LEASE_RENEW } else { LEASE_LOOK }
    }

    async fn try_lead(&mut self, client: &Client) -> Result<bool, CallError> {
        let stored = match call::get(client, &self.place().one(&self.name)).await {
            Ok(stored) => Some(stored),
            Err(error) if error.is_absent() => None,
            Err(error) => return Err(error),
        };
        let step = self.step(stored.as_ref(), Instant::now(), &clock::now_micros());
        let written = match &step {
            Step::Wait => return Ok(false),
            Step::Create(lease) => call::post(client, &self.place().all(), lease).await,
            Step::Replace(lease) => call::put(client, &self.place().one(&self.name), lease).await,
        };
        match written {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives the lead away, so that another takes it at once.
    async fn release(&self, client: &Client) {
        let path = self.place().one(&self.name);
        let Ok(mut lease) = call::get(client, &path).await else {
            return;
        };
        if lease["spec"]["holderIdentity"] == *self.identity {
            lease["spec"]["holderIdentity"] = "".into();
            lease["spec"]["leaseDurationSeconds"] = 1.into();
            if let Err(error) = call::put(client, &path, &lease).await {
                warn!(error = %crate::chain(&error), "lease not given away");
            }
        }
    }

    fn step(&mut self, stored: Option<&Value>, now: Instant, now_text: &str) -> Step {
        let Some(stored) = stored else {
            return Step::Create(json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.name, "namespace": self.namespace},
                "spec": self.spec(now_text, now_text, 0),
            }));
        };
        let version = stored["metadata"]["resourceVersion"].as_str();
        let version = version.unwrap_or_default();
        let since = match &self.seen {
            Some((seen, since)) if seen == version => *since,
            _ => {
                self.seen = Some((version.to_owned(), now));
                now
            }
        };
        let spec = &stored["spec"];
        let holder = spec["holderIdentity"].as_str().unwrap_or_default();
        let seconds = spec["leaseDurationSeconds"].as_u64();
        let lease = seconds.map_or(LEASE, Duration::from_secs);
        let n_transitions = spec["leaseTransitions"].as_u64().unwrap_or_default();
        let mut next = stored.clone();
        if holder == self.identity {
            let acquired = spec["acquireTime"].as_str().unwrap_or(now_text);
            next["spec"] = self.spec(acquired, now_text, n_transitions);
        } else if holder.is_empty() || now >= since + lease {
            next["spec"] = self.spec(now_text, now_text, n_transitions + 1);
        } else {
            return Step::Wait;
        }
        Step::Replace(next)
    }

    fn spec(&self, acquired: &str, renewed: &str, n_transitions: u64) -> Value {
        json!({
            "holderIdentity": self.identity,
            "leaseDurationSeconds": LEASE.as_secs(),
            "acquireTime": acquired,
            "renewTime": renewed,
            "leaseTransitions": n_transitions,
        })
    }

    fn place(&self) -> Place<'_> {
        Place {
            group: "coordination.k8s.io",
            version: "v1",
            plural: "leases",
            namespace: Some(&self.namespace),
        }
    }
}

#[cfg(test)]
mod tests;
