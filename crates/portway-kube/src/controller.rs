//! The controller: who is connected to whom.
//!
//! ```text
//!  watches ─► Store ─► Snapshot ─► translate ─┬─► statuses ─► StatusWriter ─► API
//!                          ▲                  ├─► fleets ───► Provisioner ──► API
//!                        Facts                └─► tables ───► Feed ─────────► proxies
//!                          └──── Services, EndpointSlices, acknowledgements ◄────┘
//! ```
//!
//! In: a client and a [`Config`](crate::Config). Out: what the cluster shall be. One task owns the
//! state; calls run beside it, bounded, and come back as values. Never: a decision about routes or
//! statuses. Followers watch as leaders do, so that one takes over with everything at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use kube::Client;
use portway_control::api::Kind;
use portway_control::origin::ObjectKey;
use portway_control::provision::{Install, ProvisionKind};
use portway_control::snapshot::{ClusterFacts, Facts, Snapshot, Target};
use portway_control::status::Statuses;
use portway_control::translate::{Translation, translate_tables_first};
use portway_engine::table::TableSpec;
use portway_feed::{Feed, GatewayName, Leading};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, error, warn};

use crate::call::{self, CallError};
use crate::classes;
use crate::clock;
use crate::events::{self, Bucket, Event};
use crate::facts::{self, Newest, Serving, Way};
use crate::lease::Role;
use crate::limits::{ACKNOWLEDGE_MAX, ADOPTION, EVENTS_WAITING_MAX, PENDING_TABLES_MAX};
use crate::provisioner::{self, Apply, Job, JobOutcome, Provisioner};
use crate::retry::Retries;
use crate::reviewer::Accounts;
use crate::status_writer::{Gates, Outcome, StatusWriter, Write};
use crate::store::{FleetKey, Store};

/// A table that was handed to the feed.
#[derive(Debug)]
struct Published {
    /// The numbers of those before that not all proxies have, and of this one last, each with the
    /// time it was handed out; never empty.
    pending: Vec<(u64, Instant)>,
    spec: TableSpec,
}

impl Published {
    fn generation(&self) -> u64 {
        self.pending.last().map_or(0, |it| it.0)
    }
}

/// What a call beside came to.
#[derive(Debug)]
pub(crate) enum Done {
    Status(Box<Write>, Outcome),
    Fleet(Job, JobOutcome),
    Class(ObjectKey, Finalizer),
    Event,
}

/// What became of a class's finalizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finalizer {
    Written,
    Refused,
}

/// All state of a controller.
pub(crate) struct Controller {
    client: Client,
    controller_name: Arc<str>,
    /// What watches saw.
    pub(crate) store: Store,
    feed: Feed,
    accounts: watch::Sender<Accounts>,
    writer: StatusWriter,
    provisioner: Provisioner,
    published: BTreeMap<ObjectKey, Published>,
    serving: BTreeMap<ObjectKey, Serving>,
    facts: ClusterFacts,
    /// Classes of ours.
    classes: BTreeSet<ObjectKey>,
    classes_in_flight: BTreeSet<ObjectKey>,
    class_retries: Retries,
    /// Since when we lead, if we do.
    led_since: Option<Instant>,
    must_translate: bool,
    events: Bucket,
    n_events: u64,
    n_events_waiting: usize,
    calls: JoinSet<Done>,
}

impl Controller {
    /// Knows nothing yet and follows.
    pub(crate) fn new(
        client: Client,
        install: Install,
        feed: Feed,
        accounts: watch::Sender<Accounts>,
    ) -> Self {
        let now = Instant::now();
        Self {
            client,
            controller_name: Arc::clone(&install.controller_name),
            store: Store::default(),
            feed,
            accounts,
            writer: StatusWriter::new(Arc::clone(&install.controller_name)),
            provisioner: Provisioner::new(install),
            published: BTreeMap::new(),
            serving: BTreeMap::new(),
            facts: ClusterFacts::default(),
            classes: BTreeSet::new(),
            classes_in_flight: BTreeSet::new(),
            class_retries: Retries::default(),
            led_since: None,
            must_translate: true,
            events: Bucket::new(now),
            n_events: 0,
            n_events_waiting: 0,
            calls: JoinSet::new(),
        }
    }

    /// Takes or gives up the lead.
    pub(crate) fn become_role(&mut self, role: Role) {
        match (role, self.led_since) {
            (Role::Leader, None) => {
                self.led_since = Some(Instant::now());
                self.must_translate = true;
                let stored = self.store.all_stored().cloned();
                let stored: Vec<ObjectKey> = stored.collect();
                self.writer.look_at(stored, Instant::now());
            }
            (Role::Follower, Some(_)) => {
                self.led_since = None;
                self.feed.set_leading(Leading::No);
                // Calls in flight carry the version they were made from: a newer leader's win.
                self.writer.stop();
                self.provisioner.stop();
                self.calls.abort_all();
                self.calls = JoinSet::new();
                self.classes_in_flight.clear();
                self.class_retries = Retries::default();
                self.n_events_waiting = 0;
            }
            (Role::Leader, Some(_)) | (Role::Follower, None) => {}
        }
    }

    /// Takes other authorities of the feed.
    pub(crate) fn take_authorities(&mut self, pem: String) {
        self.provisioner.take_authorities(pem);
        self.must_translate = true;
    }

    /// Waits for a call to end.
    pub(crate) async fn next_done(&mut self) -> Option<Done> {
        loop {
            match self.calls.join_next().await? {
                Ok(done) => return Some(done),
                Err(error) => error!(%error, "a defect: a call ended early"),
            }
        }
    }

    /// Takes what other calls came to that ended meanwhile.
    pub(crate) fn take_more_done(&mut self) {
        while let Some(done) = self.calls.try_join_next() {
            match done {
                Ok(done) => self.take_done(done),
                Err(error) => error!(%error, "a defect: a call ended early"),
            }
        }
    }

    /// Takes what a call came to.
    pub(crate) fn take_done(&mut self, done: Done) {
        let now = Instant::now();
        match done {
            Done::Status(write, outcome) => {
                if matches!(outcome, Outcome::Written(_)) {
                    let refused = self.provisioner.problem(&write.key);
                    let events = events::of_write(&write, &self.controller_name, refused);
                    self.tell(events);
                }
                self.writer.done(&write, outcome, now);
            }
            Done::Fleet(job, outcome) => {
                self.must_translate |= self.provisioner.done(&job, outcome, now);
            }
            Done::Class(key, finalizer) => {
                self.classes_in_flight.remove(&key);
                match finalizer {
                    Finalizer::Written => self.class_retries.forget(&key),
                    Finalizer::Refused => _ = self.class_retries.failed(&key, now),
                }
            }
            Done::Event => self.n_events_waiting -= 1,
        }
    }

    /// Whether time alone can make something due.
    pub(crate) fn is_waiting(&self) -> bool {
        self.led_since.is_some()
            && (self.writer.is_waiting()
                || self.provisioner.is_waiting()
                || self.class_retries.is_waiting()
                || self.serving.values().any(|it| it.patience.is_some()))
    }

    /// Brings everything up to date with what is known, as far as we lead.
    pub(crate) fn act(&mut self) {
        let changes = self.store.take_changes();
        self.must_translate |= changes.meaning;
        let Some(led_since) = self.led_since else {
            return;
        };
        let now = Instant::now();
        if self.must_translate {
            self.must_translate = false;
            self.translate(led_since, now);
        }
        // What was published has changed what is to be acknowledged, and facts what is true.
        if self.learn(led_since, now) {
            self.translate(led_since, now);
        }
        if changes.fleets {
            self.publish_accounts();
            self.provisioner.look();
        }
        self.writer.look_at(changes.statuses, now);
        self.start_calls(now);
        self.feed.set_leading(Leading::Yes);
    }

    fn translate(&mut self, led_since: Instant, now: Instant) {
        self.facts.bundle = self.store.bundle().clone();
        let snapshot = Snapshot {
            target: Target::Cluster,
            controller_name: Arc::clone(&self.controller_name),
            objects: self.store.objects().clone(),
            facts: Facts {
                cluster: Some(self.facts.clone()),
                ..Facts::default()
            },
        };
        let Translation {
            statuses,
            diagnostics,
            ..
        } = translate_tables_first(&snapshot, |made| self.hand_out(made, now));
        debug!(
            objects = statuses.len(),
            findings = diagnostics.len(),
            elapsed = ?now.elapsed(),
            "translated"
        );
        self.classes = statuses
            .keys()
            .filter(|key| key.kind == Kind::GatewayClass)
            .cloned()
            .collect();
        self.want(statuses, led_since, now);
    }

    /// Has what was made become true, while it is still being worked out what to say of it.
    fn hand_out(&mut self, made: &mut Translation, now: Instant) {
        let mut tables = std::mem::take(&mut made.tables);
        let gateways = &self.store.objects().gateways;
        let ours = tables.keys().filter_map(|key| {
            let gateway = gateways.get(key)?;
            Some((key, gateway.object.spec.gateway_class_name.as_str()))
        });
        self.provisioner.want(&made.fleets, ours, &self.store);
        let ours: BTreeSet<ObjectKey> = tables.keys().cloned().collect();
        // One that is refused keeps its proxies, if it has any, and these need its table.
        let facts = &self.facts.gateways;
        tables.retain(|key, _| made.fleets.contains_key(key) || facts.contains_key(key));
        self.publish(tables, &ours, now);
        self.publish_accounts();
        debug!(elapsed = ?now.elapsed(), "tables handed out");
    }

    fn want(&mut self, statuses: Statuses, led_since: Instant, now: Instant) {
        let gates = self.published.iter().filter(|(key, _)| {
            let serving = self.serving.get(*key);
            serving.is_some_and(|it| it.facts.n_ready > 0)
        });
        let gates = gates.map(|(key, published)| (key.clone(), published.generation()));
        let until = (now + ACKNOWLEDGE_MAX).max(led_since + ADOPTION);
        self.writer.want(statuses, &gates.collect(), now, until);
    }

    fn publish(
        &mut self,
        tables: BTreeMap<ObjectKey, TableSpec>,
        ours: &BTreeSet<ObjectKey>,
        now: Instant,
    ) {
        for (key, spec) in tables {
            let before = self.published.get(&key);
            if before.is_some_and(|before| before.spec == spec) {
                continue;
            }
            let generation = before.map_or(1, |before| before.generation() + 1);
            let acknowledged = self.serving.get(&key).and_then(|it| it.acknowledged);
            let pending = before.map(|before| before.pending.iter());
            let pending = pending.into_iter().flatten().copied();
            let pending = pending.filter(|(generation, _)| Some(*generation) > acknowledged);
            // Who waits longest counts: of many, those in the middle are not needed.
            let pending = pending
                .take(PENDING_TABLES_MAX - 1)
                .chain([(generation, now)]);
            let pending = pending.collect();
            if let Err(error) = self.feed.publish(&gateway_name(&key), generation, &spec) {
                let error = crate::chain(&error);
                error!(gateway = %key, %error, "a defect: the table before stays");
                continue;
            }
            let published = Published { pending, spec };
            self.published.insert(key, published);
        }
        let gone = self.published.keys().filter(|key| !ours.contains(*key));
        let gone: Vec<ObjectKey> = gone.cloned().collect();
        for key in gone {
            self.feed.withdraw(&gateway_name(&key));
            self.published.remove(&key);
        }
    }

    fn publish_accounts(&self) {
        let accounts = self.provisioner.accounts(&self.store);
        self.accounts.send_if_modified(|known| {
            let changed = **known != accounts;
            if changed {
                *known = Arc::new(accounts);
            }
            changed
        });
    }

    /// Learns what Services and proxies say; true if a translation depends on what is new.
    fn learn(&mut self, led_since: Instant, now: Instant) -> bool {
        let mut serving = BTreeMap::new();
        for (key, name) in self.provisioner.named() {
            let of_kind = |kind| FleetKey {
                namespace: key.namespace.to_string(),
                name: name.clone(),
                kind,
            };
            let fleet = self.store.fleet();
            let newest = match self.published.get(key) {
                Some(published) => &published.pending[..],
                // Refused before we led: proxies that are there shall have their table.
                None if fleet.contains_key(&of_kind(ProvisionKind::Deployment)) => &[],
                None => continue,
            };
            let service = of_kind(ProvisionKind::Service);
            let mut ready = BTreeMap::<&str, BTreeSet<u16>>::new();
            for (endpoint, ports) in self.store.endpoints(&service.namespace, &service.name) {
                if endpoint.is_ready {
                    ready.entry(&endpoint.pod).or_default().extend(ports);
                }
            }
            let proxies = self.feed.proxies(&gateway_name(key));
            let way = Way {
                service: fleet.get(&service).map(Arc::as_ref),
                ports: self.provisioner.ports(key),
                ready,
                asked: self.provisioner.asked(key),
            };
            let newest = Newest {
                tables: newest,
                led_since,
            };
            let mut of = facts::of_gateway(&way, &proxies, newest, now);
            if let Some(problem) = self.provisioner.problem(key) {
                of.facts.refused = Some(problem.to_owned());
            }
            serving.insert(key.clone(), of);
        }
        let facts = serving
            .iter()
            .map(|(key, it)| (key.clone(), it.facts.clone()));
        let facts: BTreeMap<_, _> = facts.collect();
        self.serving = serving;
        let changed = facts != self.facts.gateways;
        self.facts.gateways = facts;
        changed
    }

    fn start_calls(&mut self, now: Instant) {
        let serving = &self.serving;
        let is_acknowledged = |(gateway, generation): &(ObjectKey, u64)| {
            let acknowledged = serving.get(gateway).and_then(|it| it.acknowledged);
            acknowledged >= Some(*generation)
        };
        let is_held = |gateway: &ObjectKey| serving.get(gateway).is_some_and(|it| it.is_held);
        let gates = Gates {
            is_acknowledged: &is_acknowledged,
            is_held: &is_held,
        };
        let writes = self.writer.due(&self.store, gates, now, &clock::now());
        for write in writes {
            self.calls.spawn(write_status(self.client.clone(), write));
        }
        for job in self.provisioner.due(&self.store, now) {
            self.calls.spawn(provision(self.client.clone(), job));
        }
        self.class_retries.keep(|key| self.classes.contains(key));
        for key in &self.classes {
            if self.classes_in_flight.contains(key) || !self.class_retries.may_try(key, now) {
                continue;
            }
            let Some((path, patch)) = classes::patch(key, &self.store) else {
                // What failed may be needless by now.
                self.class_retries.forget(key);
                continue;
            };
            self.classes_in_flight.insert(key.clone());
            let (client, key) = (self.client.clone(), key.clone());
            self.calls.spawn(write_finalizer(client, key, path, patch));
        }
    }

    fn tell(&mut self, events: Vec<Event>) {
        let now = Instant::now();
        for event in events {
            if self.n_events_waiting >= EVENTS_WAITING_MAX || !self.events.take(now) {
                debug!(object = %event.key, reason = event.reason, "too many events, one dropped");
                continue;
            }
            self.n_events_waiting += 1;
            self.n_events += 1;
            let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let nanos = nanos.map_or(0, |it| u64::try_from(it.as_nanos()).unwrap_or(0));
            let serial = nanos.wrapping_add(self.n_events);
            let (path, body) = events::body(&event, &self.controller_name, &clock::now(), serial);
            let client = self.client.clone();
            self.calls.spawn(async move {
                if let Err(error) = call::post(&client, &path, &body).await {
                    debug!(error = %crate::chain(&error), "event not written");
                }
                Done::Event
            });
        }
    }
}

async fn write_status(client: Client, write: Write) -> Done {
    let outcome = match call::merge(&client, &write.path, &write.patch).await {
        Ok(answer) => Outcome::Written(answer),
        Err(error) if error.is_conflict() => Outcome::Conflict,
        Err(error) if error.is_absent() => Outcome::Gone,
        Err(error) => {
            warn!(object = %write.key, error = %crate::chain(&error), "status not written");
            Outcome::Failed
        }
    };
    Done::Status(Box::new(write), outcome)
}

async fn write_finalizer(client: Client, key: ObjectKey, path: String, patch: Value) -> Done {
    let finalizer = match call::merge(&client, &path, &patch).await {
        Ok(_) => Finalizer::Written,
        // Somebody else wrote in between, or it is gone: what the watch shows next decides.
        Err(error) if error.is_conflict() || error.is_absent() => Finalizer::Refused,
        Err(error) => {
            warn!(class = %key, error = %crate::chain(&error), "finalizer not written");
            Finalizer::Refused
        }
    };
    Done::Class(key, finalizer)
}

async fn provision(client: Client, job: Job) -> Done {
    let mut outcome = JobOutcome {
        applied: Vec::new(),
        refused: None,
    };
    for wanted in &job.apply {
        match apply(&client, wanted).await {
            Ok(answer) => outcome.applied.push((wanted.key.clone(), answer)),
            Err(why) => {
                let kind = wanted.key.kind.name();
                warn!(gateway = %job.gateway, kind, why, "not provisioned");
                outcome.refused = Some(format!("{kind} not provisioned: {why}"));
                // Nor is anything deleted: what was there before may be all that serves.
                return Done::Fleet(job, outcome);
            }
        }
    }
    for (key, uid) in &job.delete {
        let path = provisioner::place(key).one(&key.name);
        match call::delete(&client, &path, uid).await {
            Ok(_) => {}
            Err(error) if error.is_absent() || error.is_conflict() => {}
            Err(error) => {
                let error = crate::chain(&error);
                let kind = key.kind.name();
                warn!(gateway = %job.gateway, kind, %error, "not deleted");
                outcome.refused = Some(format!("{kind} not deleted: {error}"));
            }
        }
    }
    Done::Fleet(job, outcome)
}

/// Applies an object, unless it is somebody else's.
async fn apply(client: &Client, wanted: &Apply) -> Result<Value, String> {
    let Apply {
        key,
        object,
        is_new,
        ..
    } = wanted;
    let in_words = |error: CallError| crate::chain(&error);
    if *is_new && is_foreign(client, wanted).await.map_err(in_words)? {
        return Err(format!(
            "`{}` exists, and Portway did not make it for this Gateway: remove it, or give the \
             Gateway another name",
            key.name
        ));
    }
    let path = provisioner::place(key).one(&key.name);
    let applied = call::apply(client, &path, object).await;
    applied.map_err(in_words)
}

/// Whether there is an object of this name that is not the Gateway's. Labels may have been lost while
/// nobody led, but not the owner: who writes that in means it.
async fn is_foreign(client: &Client, wanted: &Apply) -> Result<bool, CallError> {
    let path = provisioner::place(&wanted.key).one(&wanted.key.name);
    let found = call::unpatched(client, &path).await?;
    Ok(found.is_some_and(|it| !wanted.is_over(&it)))
}

fn gateway_name(key: &ObjectKey) -> GatewayName {
    GatewayName {
        namespace: Arc::clone(&key.namespace),
        name: Arc::clone(&key.name),
    }
}

#[cfg(test)]
mod tests;
