//! A gateway without sockets: workers, clients, endpoints and a clock.
//!
//! Here is what there is, how a fact gets to a machine and its shadow, and what must hold. What
//! happens to it all, in which proportion, is drawn in [`moves`].

mod moves;

use std::collections::BTreeMap;
use std::mem::take;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use portway_engine::conn::{Action, Connection, Event, Farewell, Side};
use portway_engine::health::Avoidance;
use portway_engine::record::{CloseReason, ConnRecord, DialError};
use portway_engine::table::{Listener, RoutingTable, TableSpec, TableVersion};
use portway_engine::time::Moment;

use super::edits;
use super::pauses::Pauses;
use super::random::Random;
use super::shadow::{Shadow, State, Want};
use super::shares::Tallies;
use super::wire::Wire;

/// Steps of one run.
const STEPS: u64 = 1500;

/// Connections that live at the same time.
const LIVE_MAX: usize = 24;

/// How many connections closed for each reason, by its name.
pub(crate) type Reasons = BTreeMap<&'static str, u64>;

/// Whether a run tells what it does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trace {
    Nothing,
    EveryStep,
}

/// All there is.
pub(crate) struct World {
    trace: Trace,
    random: Random,
    now: Moment,
    dial_timeout: Duration,
    spec: TableSpec,
    newest: Arc<RoutingTable>,
    workers: Vec<Worker>,
    tickets: BTreeMap<Arc<str>, u64>,
    tallies: Tallies,
    live: Vec<Live>,
    n_accepted: u64,
    n_recorded: u64,
    reasons: Reasons,
    /// Every table and listener there was, to see that nothing keeps them.
    tables: Vec<Weak<RoutingTable>>,
    listeners: Vec<Weak<Listener>>,
}

struct Worker {
    table: Arc<RoutingTable>,
    avoid: Avoidance,
    pauses: Pauses,
}

/// One connection with all that is known of it.
struct Live {
    id: u64,
    worker: usize,
    machine: Connection,
    shadow: Shadow,
    wire: Wire,
    farewell: Option<Farewell>,
}

impl World {
    /// Plays one seed to its end; gives the reasons connections closed for.
    pub(crate) fn run(seed: u64, trace: Trace) -> Reasons {
        let mut world = Self::new(seed, trace);
        for _ in 0..STEPS {
            world.step();
            world.check();
        }
        world.end()
    }

    fn new(seed: u64, trace: Trace) -> Self {
        let mut random = Random::new(seed);
        let spec = edits::first_spec(&mut random);
        let newest = Arc::new(RoutingTable::build(TableVersion(1), &spec, None).unwrap());
        let dial_timeout = Duration::from_secs(random.pick(&[1, 3, 5, 7, 30]));
        let worker = |_| Worker {
            table: Arc::clone(&newest),
            avoid: Avoidance::new(dial_timeout),
            pauses: Pauses::default(),
        };
        let mut world = Self {
            trace,
            now: Moment::from_nanos(random.below(1 << 40)),
            dial_timeout,
            spec,
            workers: (0..=random.below(3)).map(worker).collect(),
            tables: Vec::new(),
            listeners: Vec::new(),
            newest,
            random,
            tickets: BTreeMap::new(),
            tallies: Tallies::default(),
            live: Vec::new(),
            n_accepted: 0,
            n_recorded: 0,
            reasons: Reasons::new(),
        };
        world.remember_newest();
        world
    }

    /// A client has connected: a machine is born, and its shadow with it.
    fn accept_from(&mut self, worker: usize, listener: &Arc<Listener>) {
        let id = self.n_accepted;
        self.n_accepted += 1;
        let ticket = match &listener.route {
            Some(route) => self.tickets.entry(route.name.clone()).or_default(),
            None => &mut 0,
        };
        let avoid = &self.workers[worker].avoid;
        let mut machine = Connection::new(listener, client(id), *ticket, avoid, self.now);
        *ticket += 1;
        let actions = drain(&mut machine);
        let mut shadow = Shadow::new(listener, self.dial_timeout, self.now);
        shadow.birth(&actions, self.now);
        self.tell(|| format!("  #{id} on {}: {actions:?}", listener.name));
        self.live.push(Live {
            id,
            worker,
            machine,
            shadow,
            wire: Wire::default(),
            farewell: farewell(&actions),
        });
        match actions[..] {
            [Action::Dial(endpoint)] => self.note_share(self.live.len() - 1, endpoint),
            _ => self.reap(self.live.len() - 1),
        }
    }

    /// A dialled stream counts for the backend it was dialled into.
    fn note_share(&mut self, index: usize, endpoint: SocketAddr) {
        let Live { worker, shadow, .. } = &self.live[index];
        let pauses = &self.workers[*worker].pauses;
        let route = shadow.listener.route.as_ref().unwrap();
        let avoids = |endpoint| pauses.avoids(endpoint, self.now);
        let backend = shadow.backend().unwrap();
        self.tallies.note(route, backend, Some(endpoint), avoids);
    }

    /// A rejected one counts for the backend its record names.
    fn note_rejection(&mut self, listener: &Listener, record: &ConnRecord) {
        let Some(route) = &listener.route else { return };
        let mut backends = route.backends.iter();
        match backends.find(|it| record.backend.as_ref() == Some(&it.name)) {
            Some(backend) => self.tallies.note(route, backend, None, |_| false),
            None => self.tallies.interrupt(route),
        }
    }

    fn remember_newest(&mut self) {
        self.tables.push(Arc::downgrade(&self.newest));
        let listeners = self.newest.listeners();
        let listeners = listeners.map(|(_, it)| Arc::downgrade(it));
        self.listeners.extend(listeners);
    }

    /// The shell closes the sockets of a connection that is over and keeps its record.
    fn reap(&mut self, index: usize) {
        let Some(farewell) = self.live[index].farewell else {
            return;
        };
        let live = self.live.swap_remove(index);
        if farewell.reason == CloseReason::Finished {
            live.wire.check_finished();
        }
        let relayed = live.wire.relayed();
        let record = live.machine.into_record(farewell, relayed, self.now);
        live.shadow.check_record(&record);
        assert_eq!(record.bytes_to_backend, relayed.to_backend);
        assert_eq!(record.bytes_to_client, relayed.to_client);
        assert_eq!(record.ended, self.now);
        assert_eq!(record.client, client(live.id));
        self.n_recorded += 1;
        *self.reasons.entry(record.reason.name()).or_default() += 1;
        if matches!(record.reason, CloseReason::Rejected(_)) {
            self.note_rejection(&live.shadow.listener, &record);
        }
    }

    /// Gives one fact to a machine and holds its actions against its shadow.
    fn feed(&mut self, index: usize, event: Event) {
        let now = self.now;
        let live = &mut self.live[index];
        let Worker { avoid, pauses, .. } = &mut self.workers[live.worker];
        learn(pauses, &live.shadow, event, now);
        let want = live.shadow.expect(event, now);
        live.machine.handle(avoid, event, now);
        let actions = drain(&mut live.machine);
        let id = live.id;
        self.tell(|| format!("  #{id} {event:?}: {actions:?}"));

        let live = &mut self.live[index];
        let pauses = &self.workers[live.worker].pauses;
        let avoids = |endpoint| pauses.avoids(endpoint, now);
        live.shadow.obey(want, &actions, now, avoids);
        live.farewell = live.farewell.or(farewell(&actions));
        match want {
            Want::Fin(to) => live.wire.direction_from(to.other()).pass_fin(),
            Want::RelayAndFin => live.wire.direction_from(Side::Client).pass_fin(),
            _ => {}
        }
    }

    /// What must hold after every step.
    fn check(&self) {
        for live in &self.live {
            live.shadow.check_deadline(live.machine.deadline());
            let relaying = live.shadow.is_relaying();
            assert!(
                !(relaying && live.wire.owes_fin()),
                "#{} keeps a FIN back",
                live.id
            );
        }
        for worker in &self.workers {
            worker.pauses.check(&worker.avoid, self.now);
        }
        let n_live = u64::try_from(self.live.len()).unwrap();
        assert_eq!(
            self.n_accepted,
            self.n_recorded + n_live,
            "one record a connection"
        );
    }

    /// The instance ends: every connection is closed and recorded, and nothing is kept.
    fn end(mut self) -> Reasons {
        self.tell(|| "the end".to_owned());
        self.check_old_tables();
        for index in (0..self.live.len()).rev() {
            self.feed(index, Event::Shutdown);
            self.reap(index);
        }
        assert_eq!(self.n_accepted, self.n_recorded, "one record a connection");
        let (listeners, reasons) = (take(&mut self.listeners), take(&mut self.reasons));
        drop(self);
        assert!(listeners.iter().all(|it| it.strong_count() == 0));
        reasons
    }

    /// Open connections keep their listener and route, and no table that no worker uses.
    fn check_old_tables(&self) {
        let used = |table: &Arc<RoutingTable>| {
            let by_worker = |it: &Worker| Arc::ptr_eq(&it.table, table);
            Arc::ptr_eq(&self.newest, table) || self.workers.iter().any(by_worker)
        };
        assert!(
            self.tables
                .iter()
                .filter_map(Weak::upgrade)
                .all(|it| used(&it))
        );
    }

    fn tell(&self, what: impl Fn() -> String) {
        if self.trace == Trace::EveryStep {
            println!("{}", what());
        }
    }
}

/// What a worker learns of an endpoint from this fact.
fn learn(pauses: &mut Pauses, shadow: &Shadow, event: Event, now: Moment) {
    let State::Dialling { endpoint, until } = shadow.state else {
        return;
    };
    // A tick that ends a drain says nothing of the endpoint, even when the dial was over time too.
    let is_drained = shadow.end.is_some_and(|end| end <= now);
    match event {
        Event::Dialled => pauses.succeeded(endpoint),
        Event::DialFailed(DialError::OutOfResources) => {}
        Event::DialFailed(_) => pauses.failed(endpoint, now),
        Event::Tick if until <= now && !is_drained => pauses.failed(endpoint, now),
        _ => {}
    }
}

/// Every client has an address of its own.
fn client(id: u64) -> SocketAddr {
    let port = u16::try_from(1024 + id).unwrap();
    SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), port))
}

fn drain(machine: &mut Connection) -> Vec<Action> {
    std::iter::from_fn(|| machine.poll_action()).collect()
}

fn farewell(actions: &[Action]) -> Option<Farewell> {
    match actions.last() {
        Some(Action::Close(farewell)) => Some(*farewell),
        _ => None,
    }
}
