//! A gateway without sockets: workers, clients, endpoints and a clock, all moved by one seed.

use std::collections::BTreeMap;
use std::mem::take;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use portway_engine::conn::{Action, Connection, End, Event, Farewell, Side};
use portway_engine::health::Avoidance;
use portway_engine::record::{CloseReason, ConnRecord, DialError};
use portway_engine::table::{Listener, RoutingTable, TableSpec, TableVersion};
use portway_engine::time::Moment;

use super::edits::{self, Validity};
use super::pauses::Pauses;
use super::random::Random;
use super::shadow::{Shadow, State, Want};
use super::shares::Tallies;
use super::wire::Wire;

/// Steps of one run.
const STEPS: u64 = 1000;

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

#[derive(Debug, Clone, Copy)]
enum Step {
    Accept,
    AnswerDial,
    Send,
    Finish,
    FinishEarly,
    Relay,
    Break,
    Lack,
    Stray,
    Vanish,
    PassTime,
    Edit,
    Apply,
    Reap,
}

const STEP_WEIGHTS: &[(u64, Step)] = &[
    (100, Step::Accept),
    (90, Step::AnswerDial),
    (100, Step::Send),
    (80, Step::Finish),
    (5, Step::FinishEarly),
    (300, Step::Relay),
    (8, Step::Break),
    (2, Step::Lack),
    (40, Step::Stray),
    (2, Step::Vanish),
    (30, Step::PassTime),
    (8, Step::Edit),
    (12, Step::Apply),
    (50, Step::Reap),
];

impl World {
    /// Plays one seed to its end; gives the reasons connections closed for.
    pub(crate) fn run(seed: u64, trace: Trace) -> Reasons {
        let mut world = Self::new(seed, trace);
        for _ in 0..STEPS {
            let step = world.random.weighted(STEP_WEIGHTS);
            world.tell(|| format!("{step:?}"));
            world.take(step);
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

    fn take(&mut self, step: Step) {
        match step {
            Step::Accept => self.accept(),
            Step::PassTime => self.pass_time(),
            Step::Edit => self.edit(),
            Step::Apply => self.apply(),
            Step::Reap => self.reap_some(),
            Step::AnswerDial => self.with_some(is_dialling, Self::answer_dial),
            Step::Send => self.with_some(is_open, Self::send),
            Step::Finish => self.with_some(is_relaying, Self::finish),
            Step::FinishEarly => self.with_some(is_dialling, Self::finish),
            Step::Relay => self.with_some(is_open, Self::relay),
            Step::Break => self.with_some(is_open, Self::break_off),
            Step::Lack => self.with_some(is_open, Self::lack),
            Step::Vanish => self.with_some(is_open, Self::vanish),
            Step::Stray => self.with_some(|_| true, Self::stray),
        }
    }

    /// Does something to a connection of this kind, if there is one.
    fn with_some(&mut self, kind: fn(State) -> bool, act: fn(&mut Self, usize)) {
        let n = self.live.len();
        let start = self.random.index(n);
        let mut indices = (start..n).chain(0..start);
        if let Some(index) = indices.find(|index| kind(self.live[*index].shadow.state)) {
            act(self, index);
        }
    }

    /// A client connects to some listener of some worker.
    fn accept(&mut self) {
        let worker = self.random.index(self.workers.len());
        let table = &self.workers[worker].table;
        let n_listeners = table.listeners().count();
        let nth = self.random.index(n_listeners);
        let Some((_, listener)) = table.listeners().nth(nth) else {
            return;
        };
        if self.live.len() < LIVE_MAX {
            let listener = Arc::clone(listener);
            self.accept_from(worker, &listener);
        }
    }

    fn accept_from(&mut self, worker: usize, listener: &Arc<Listener>) {
        let id = self.n_accepted;
        self.n_accepted += 1;
        let ticket = match &listener.route {
            Some(route) => self.tickets.entry(route.name.clone()).or_default(),
            None => &mut 0,
        };
        let port = u16::try_from(1024 + id).unwrap();
        let client = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), port));
        let avoid = &self.workers[worker].avoid;
        let mut machine = Connection::new(listener, client, *ticket, avoid, self.now);
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

    fn answer_dial(&mut self, index: usize) {
        let event = self.random.weighted(&[
            (75, Event::Dialled),
            (12, Event::DialFailed(DialError::Refused)),
            (4, Event::DialFailed(DialError::Unreachable)),
            (2, Event::DialFailed(DialError::TimedOut)),
            (5, Event::DialFailed(DialError::OutOfResources)),
            (2, Event::DialFailed(DialError::Other(1))),
        ]);
        self.feed(index, event);
    }

    /// Either side sends bytes; the backend's only once there is one.
    fn send(&mut self, index: usize) {
        let side = self.some_side(index);
        let live = &mut self.live[index];
        live.wire.direction_from(side).send(&mut self.random);
    }

    fn finish(&mut self, index: usize) {
        let side = self.some_side(index);
        self.live[index].wire.direction_from(side).finish();
    }

    /// What the shell does between two facts: moves bytes, and tells when a stream has ended. While
    /// it dials it reads nothing, so it only sees a client's FIN that no bytes came before.
    fn relay(&mut self, index: usize) {
        let side = self.some_side(index);
        let live = &mut self.live[index];
        let direction = live.wire.direction_from(side);
        if is_relaying(live.shadow.state) {
            direction.relay(&mut self.random);
        }
        if direction.reads_end() {
            self.feed(index, Event::Ended(side, End::Eof));
        }
    }

    fn break_off(&mut self, index: usize) {
        let side = self.some_side(index);
        let end = self
            .random
            .pick(&[End::Reset, End::Reset, End::Timeout, End::Other(113)]);
        self.feed(index, Event::Ended(side, end));
    }

    /// The machine has no memory or descriptor left for it.
    fn lack(&mut self, index: usize) {
        self.feed(index, Event::OutOfResources);
    }

    /// Facts that come late, early or twice, and mean nothing where they come.
    fn stray(&mut self, index: usize) {
        let shadow = &self.live[index].shadow;
        let again = shadow.half_closed();
        let again = again.map_or(Event::Tick, |side| Event::Ended(side, End::Eof));
        let event = match shadow.state {
            State::Born => unreachable!("no connection is left unborn"),
            State::Dialling { .. } => self.random.pick(&[
                again,
                Event::Tick,
                Event::Ended(Side::Backend, End::Eof),
                Event::Ended(Side::Backend, End::Reset),
            ]),
            State::Relaying { .. } => self.random.pick(&[
                again,
                Event::Tick,
                Event::Dialled,
                Event::DialFailed(DialError::Refused),
            ]),
            State::Closed { .. } => self.random.pick(&[
                Event::Tick,
                Event::Dialled,
                Event::DialFailed(DialError::TimedOut),
                Event::Ended(Side::Client, End::Eof),
                Event::Ended(Side::Backend, End::Reset),
                Event::OutOfResources,
                Event::Shutdown,
            ]),
        };
        self.feed(index, event);
    }

    /// An endpoint goes away with everything it served or was about to.
    fn vanish(&mut self, index: usize) {
        let (State::Dialling { endpoint: gone, .. } | State::Relaying { endpoint: gone }) =
            self.live[index].shadow.state
        else {
            return;
        };
        self.tell(|| format!("  {gone} is gone"));
        for index in 0..self.live.len() {
            match self.live[index].shadow.state {
                State::Dialling { endpoint, .. } if endpoint == gone => {
                    self.feed(index, Event::DialFailed(DialError::Refused));
                }
                State::Relaying { endpoint } if endpoint == gone => {
                    self.feed(index, Event::Ended(Side::Backend, End::Reset));
                }
                _ => {}
            }
        }
    }

    /// The clock jumps, often exactly to or just before a deadline; workers tick, mostly in time.
    fn pass_time(&mut self) {
        let deadlines = self.live.iter().filter_map(|it| it.machine.deadline());
        let next = deadlines.min().unwrap_or(self.now).as_nanos();
        let some_ms = self.random.below(3000);
        let target = self.random.pick(&[
            self.now.after(Duration::from_millis(some_ms)),
            self.now.after(Duration::from_millis(some_ms / 100)),
            Moment::from_nanos(next),
            Moment::from_nanos(next.saturating_sub(1)),
        ]);
        self.now = self.now.max(target);
        self.tell(|| format!("  now {:?}", self.now));
        if self.random.chance(15) {
            return;
        }
        for index in 0..self.live.len() {
            let deadline = self.live[index].machine.deadline();
            if deadline.is_some_and(|it| it <= self.now) {
                self.feed(index, Event::Tick);
            }
        }
    }

    /// Someone changes the configuration.
    fn edit(&mut self) {
        let mut spec = self.spec.clone();
        let validity = edits::edit(&mut spec, &mut self.random);
        let version = TableVersion(self.newest.version().0 + 1);
        let table = RoutingTable::build(version, &spec, Some(&self.newest));
        let is = table.as_ref().map_or(Validity::Broken, |_| Validity::Fine);
        assert_eq!(is, validity, "{:?}", table.err());
        let Ok(table) = table else { return };
        self.tell(|| format!("{table}"));
        check_sharing(&self.newest, &table);
        assert_eq!(
            table.to_string(),
            spec.to_string(),
            "the table is what was asked for"
        );
        self.spec = spec;
        self.newest = Arc::new(table);
        self.remember_newest();
    }

    fn remember_newest(&mut self) {
        self.tables.push(Arc::downgrade(&self.newest));
        let listeners = self.newest.listeners();
        let listeners = listeners.map(|(_, it)| Arc::downgrade(it));
        self.listeners.extend(listeners);
    }

    /// One worker takes the newest table, whenever it comes to it.
    fn apply(&mut self) {
        let index = self.random.index(self.workers.len());
        self.workers[index].table = Arc::clone(&self.newest);
    }

    /// The shell comes to what is over; what it leaves for later may still get late facts.
    fn reap_some(&mut self) {
        for index in (0..self.live.len()).rev() {
            if self.random.chance(70) {
                self.reap(index);
            }
        }
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
        learn(pauses, live.shadow.state, event, now);
        let want = live.shadow.expect(event, now);
        live.machine.handle(avoid, event, now);
        let actions = drain(&mut live.machine);
        let avoids = |endpoint| pauses.avoids(endpoint, now);
        live.shadow.obey(want, &actions, now, avoids);
        live.farewell = live.farewell.or(farewell(&actions));
        if let Want::Fin(to) = want {
            live.wire.direction_from(to.other()).pass_fin();
        }
        if want == Want::RelayAndFin {
            live.wire.direction_from(Side::Client).pass_fin();
        }
        let id = live.id;
        self.tell(|| format!("  #{id} {event:?}: {actions:?}"));
    }

    /// The client's side, or, once there is one, either side.
    fn some_side(&mut self, index: usize) -> Side {
        match self.live[index].shadow.state {
            State::Relaying { .. } => self.random.pick(&[Side::Client, Side::Backend]),
            _ => Side::Client,
        }
    }

    /// What must hold after every step.
    fn check(&self) {
        for live in &self.live {
            live.shadow.check_deadline(live.machine.deadline());
            let relaying = is_relaying(live.shadow.state);
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

fn is_dialling(state: State) -> bool {
    matches!(state, State::Dialling { .. })
}

fn is_relaying(state: State) -> bool {
    matches!(state, State::Relaying { .. })
}

fn is_open(state: State) -> bool {
    is_dialling(state) || is_relaying(state)
}

/// What a worker learns of an endpoint from this fact.
fn learn(pauses: &mut Pauses, state: State, event: Event, now: Moment) {
    let State::Dialling { endpoint, until } = state else {
        return;
    };
    match event {
        Event::Dialled => pauses.succeeded(endpoint),
        Event::DialFailed(DialError::OutOfResources) => {}
        Event::DialFailed(_) => pauses.failed(endpoint, now),
        Event::Tick if until <= now => pauses.failed(endpoint, now),
        _ => {}
    }
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

/// Whatever two tables have in common is one object.
fn check_sharing(before: &RoutingTable, after: &RoutingTable) {
    for new in after.routes() {
        let mut old = before.routes().iter();
        if let Some(old) = old.find(|it| it.name == new.name) {
            assert_eq!(
                old.backends == new.backends,
                Arc::ptr_eq(old, new),
                "{}",
                new.name
            );
        }
    }
    for (_, new) in after.listeners() {
        let mut old = before.listeners().map(|(_, it)| it);
        if let Some(old) = old.find(|it| it.name == new.name) {
            assert_eq!(old == new, Arc::ptr_eq(old, new), "{}", new.name);
        }
    }
}
