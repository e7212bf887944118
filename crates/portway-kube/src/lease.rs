//! Who leads, by a Lease: of several controllers one writes.
//!
//! In: the Lease as it is stored, our name, the time. Out: whether we lead. Never: trust in another's
//! clock. A holder is gone when the Lease did not change for as long as it says while we looked, by our
//! own clock. Writes are compare and swap on the resource version.
//! Spec: coordination.k8s.io/v1 Lease.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use portway_control::provision::names;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{debug, info, warn};

use crate::call::{self, CallError, Place};
use crate::clock;
use crate::limits::{LEASE, LEASE_CALL, LEASE_GIVE_UP, LEASE_LOOK, LEASE_RELEASE, LEASE_RENEW};

/// Whether we lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We write statuses, provision, and serve the feed.
    Leader,
    /// We only watch, to take over at once.
    Follower,
}

/// What somebody who only reads the Lease can say of who leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// A controller does.
    Held,
    /// None does.
    Nobody {
        /// How long ago one last said so; `None` = no Lease says.
        renewed: Option<Duration>,
    },
    /// The API does not tell us.
    Unknown,
}

/// Who leads of the controllers of a name, in whichever namespace they are, by the clock of this
/// machine.
pub async fn lead(client: &Client, controller_name: &str) -> Lead {
    match call::named(client, &place(None).all(), &name(controller_name)).await {
        Ok(leases) => lead_of(&leases, Timestamp::now()),
        Err(error) => {
            debug!(error = %crate::chain(&error), "lease not read");
            Lead::Unknown
        }
    }
}

fn lead_of(leases: &[Value], now: Timestamp) -> Lead {
    let mut newest: Option<Duration> = None;
    for lease in leases {
        let spec = &lease["spec"];
        let renewed = spec["renewTime"].as_str().and_then(|it| it.parse().ok());
        let Some(renewed) = renewed.map(|it: Timestamp| now.duration_since(it)) else {
            continue;
        };
        // One from the future is of a clock that is ahead of ours.
        let age = Duration::try_from(renewed).unwrap_or_default();
        let seconds = spec["leaseDurationSeconds"].as_u64();
        let is_held = spec["holderIdentity"]
            .as_str()
            .is_some_and(|it| !it.is_empty());
        if is_held && age <= seconds.map_or(LEASE, Duration::from_secs) {
            return Lead::Held;
        }
        newest = Some(newest.map_or(age, |it| it.min(age)));
    }
    Lead::Nobody { renewed: newest }
}

/// What the Lease of the controllers of a name is called.
pub(crate) fn name(controller_name: &str) -> String {
    let name = names::label_value(controller_name).to_lowercase();
    name.replace('_', "-")
}

/// What to do with the Lease.
#[derive(Debug, PartialEq)]
enum Step {
    Create(Value),
    Replace(Value),
    Wait,
}

/// Why it is not known whether we lead.
#[derive(Debug, thiserror::Error)]
enum TryError {
    /// The API may answer all the same, on another connection.
    #[error("no answer within {LEASE_CALL:?}")]
    Hung(#[from] Elapsed),
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What was seen of the Lease, and when.
#[derive(Debug)]
pub(crate) struct Election {
    identity: String,
    namespace: String,
    name: String,
    seen: Option<(String, Instant)>,
    /// Until when we lead, if we do, though nothing more is heard.
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
            let turn = async {
                let again = self.look(&client, &role).await;
                sleep_until(again).await;
            };
            tokio::select! {
                () = turn => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        role.send_replace(Role::Follower);
        // Whoever follows may hold it, too, by a write that was under way.
        if timeout(LEASE_RELEASE, self.release(&client)).await.is_err() {
            warn!("lease not given away in time");
        }
    }

    /// Looks once, and says when to look again. A leader never waits beyond the end of its lead, and
    /// tries for as long as that lasts.
    async fn look(&mut self, client: &Client, role: &watch::Sender<Role>) -> Instant {
        self.settle(role);
        // Others count from when the Lease is written, which is later than this.
        let asked = Instant::now();
        let latest = self.led_until.unwrap_or(asked + LEASE_GIVE_UP);
        let mut wait = LEASE_LOOK;
        match timeout_at(latest, self.try_lead(client)).await {
            Ok(Ok(true)) => {
                self.led_until = Some(asked + LEASE_GIVE_UP);
                wait = LEASE_RENEW;
            }
            Ok(Ok(false)) => self.led_until = None,
            // Nobody else can take it before it is over.
            Ok(Err(error)) => {
                warn!(error = %crate::chain(&error), "lease not renewed");
                if matches!(error, TryError::Hung(_)) && self.led_until.is_some() {
                    wait = Duration::ZERO;
                }
            }
            Err(_) => warn!("lease not renewed in time"),
        }
        self.settle(role);
        let again = Instant::now() + wait;
        self.led_until.map_or(again, |until| until.min(again))
    }

    /// Ends the lead if it is over, and tells what we are if that changed.
    fn settle(&mut self, role: &watch::Sender<Role>) {
        let now = Instant::now();
        self.led_until = self.led_until.filter(|until| now < *until);
        let now = match self.led_until {
            Some(_) => Role::Leader,
            None => Role::Follower,
        };
        let changed = role.send_if_modified(|role| std::mem::replace(role, now) != now);
        if changed {
            info!(role = ?now, identity = self.identity, "role changed");
        }
    }

    async fn try_lead(&mut self, client: &Client) -> Result<bool, TryError> {
        match self.try_once(client).await {
            // Whoever wrote in between need not hold it: an annotation is no end of a lead.
            Err(TryError::Call(error)) if error.is_conflict() => self.try_once(client).await,
            tried => tried,
        }
    }

    async fn try_once(&mut self, client: &Client) -> Result<bool, TryError> {
        let path = self.place().one(&self.name);
        let stored = match timeout(LEASE_CALL, call::get(client, &path)).await? {
            Ok(stored) => Some(stored),
            Err(error) if error.is_absent() => None,
            Err(error) => return Err(error.into()),
        };
        match self.step(stored.as_ref(), Instant::now(), &clock::now_micros()) {
            Step::Wait => return Ok(false),
            Step::Create(lease) => {
                let all = self.place().all();
                timeout(LEASE_CALL, call::post(client, &all, &lease)).await??
            }
            Step::Replace(lease) => timeout(LEASE_CALL, call::put(client, &path, &lease)).await??,
        };
        Ok(true)
    }

    /// Gives the lead away, so that another takes it at once.
    async fn release(&self, client: &Client) {
        let released = match self.release_once(client).await {
            Err(error) if error.is_conflict() => self.release_once(client).await,
            released => released,
        };
        match released {
            Err(error) if !error.is_absent() => {
                warn!(error = %crate::chain(&error), "lease not given away");
            }
            Ok(()) | Err(_) => {}
        }
    }

    async fn release_once(&self, client: &Client) -> Result<(), CallError> {
        let path = self.place().one(&self.name);
        let mut lease = call::get(client, &path).await?;
        if lease["spec"]["holderIdentity"] == *self.identity {
            lease["spec"]["holderIdentity"] = "".into();
            lease["spec"]["leaseDurationSeconds"] = 1.into();
            call::put(client, &path, &lease).await?;
        }
        Ok(())
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
        place(Some(&self.namespace))
    }
}

fn place(namespace: Option<&str>) -> Place<'_> {
    Place {
        group: "coordination.k8s.io",
        version: "v1",
        plural: "leases",
        namespace,
    }
}

#[cfg(test)]
mod tests;
