//! Moves all workers from table to table, and knows when they have moved.
//!
//! In: tables, acknowledgements. Out: a [`Plan`] in every worker's slot, and the rare reports.
//! Never: the data path. It has a thread of its own, so that binding sockets, and waiting to bind
//! them again, costs no connection anything.
//!
//! One plan is on its way at a time. Tables that come meanwhile wait in one place, where the newest
//! wins. When all workers have acknowledged, the table is applied, and that is reported together
//! with the sockets that could not be bound; these are tried again every second.

mod drained;
mod outbox;
mod sockets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portway_engine::drain::Drains;
use portway_engine::table::diff::{Unshared, unshared_listeners, unshared_routes};
use portway_engine::table::{Drain, Listener, ListenerKey, Route, RoutingTable};
use portway_engine::time::Moment;

pub(crate) use self::drained::Drained;
use self::outbox::Outbox;
pub(crate) use self::sockets::{Bound, Sockets};
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::limits::BIND_RETRY;
use crate::report::Report;
use crate::slot::{Duty, Plan, Slot};

/// What the applier is told, by the proxy and by workers.
#[derive(Debug)]
pub(crate) enum Order {
    /// Move all workers to this table.
    Apply(Arc<RoutingTable>),
    /// A worker has moved, and these drain for it.
    Acknowledge(Drained),
    /// A worker has paused accepting.
    Pause,
    /// A worker that had paused accepts again.
    Resume,
    /// A worker has panicked.
    Died,
    /// Let all workers end, at the latest at this moment.
    Stop(Moment),
    /// All workers have ended.
    End,
}

/// What is different between two tables, seen from sockets that are in both or only in the first.
#[derive(Default)]
struct Step {
    closed: Vec<ListenerKey>,
    changed: Vec<(ListenerKey, Arc<Listener>)>,
}

/// Makes out what a socket serves, for one worker.
struct Duties<'a> {
    tickets: &'a Tickets,
    ledger: MutexGuard<'a, Ledger>,
    worker: usize,
}

/// One ticket counter for each route of the table, by its name.
type Tickets = BTreeMap<Arc<str>, Arc<AtomicU64>>;

/// The applier of one proxy.
#[derive(Debug)]
pub(crate) struct Applier {
    clock: Clock,
    slots: Vec<Arc<Slot>>,
    sockets: Sockets,
    ledger: Arc<Mutex<Ledger>>,
    tickets: Tickets,
    /// What each socket of the table serves.
    served: BTreeMap<ListenerKey, Arc<Listener>>,
    outbox: Outbox,
    table: Option<Arc<RoutingTable>>,
    /// The newest table, while workers still move to the one before.
    waiting: Option<Arc<RoutingTable>>,
    n_unacknowledged: usize,
    /// What drains for the plan that is on its way, by what workers said so far.
    drained: Drained,
    /// Some table had a drain that ends connections, so some may be about to end.
    has_drained: bool,
    /// That the table is applied, or what is bound now, has not been reported.
    unsaid: bool,
    n_paused: usize,
    retry_at: Option<Moment>,
    stopping: bool,
}

impl Applier {
    /// One that has no table yet.
    pub(crate) fn new(
        clock: Clock,
        slots: Vec<Arc<Slot>>,
        (sockets, ledger): (Sockets, Arc<Mutex<Ledger>>),
        reports: SyncSender<Report>,
    ) -> Self {
        Self {
            clock,
            slots,
            sockets,
            ledger,
            tickets: BTreeMap::new(),
            served: BTreeMap::new(),
            outbox: Outbox::new(reports),
            table: None,
            waiting: None,
            n_unacknowledged: 0,
            drained: Drained::default(),
            has_drained: false,
            unsaid: false,
            n_paused: 0,
            retry_at: None,
            stopping: false,
        }
    }

    /// Works until it is told to end.
    pub(crate) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(self.patience()) {
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.go_on();
            self.outbox.send();
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Apply(table) => self.waiting = Some(table),
            Order::Acknowledge(drained) => {
                self.drained.merge(drained);
                self.n_unacknowledged -= 1;
                if self.n_unacknowledged == 0 {
                    std::mem::take(&mut self.drained).tell();
                }
            }
            Order::Pause => {
                self.n_paused += 1;
                self.outbox.accept_paused(true);
            }
            Order::Resume => {
                self.n_paused -= 1;
                self.outbox.accept_paused(self.n_paused > 0);
            }
            Order::Died => self.outbox.worker_died(),
            Order::Stop(deadline) => {
                self.stopping = true;
                stop(&self.slots, deadline);
            }
            Order::End => {}
        }
    }

    /// The next plan, if there is cause for one and the last has been acknowledged.
    fn go_on(&mut self) {
        if self.n_unacknowledged > 0 || self.stopping {
            return;
        }
        if let Some(table) = self.waiting.take() {
            // Workers are handed what changed and no more. To find that out costs a walk through
            // the names of both tables and through the tallies, here and not on their threads.
            let before = self.table.take();
            let listeners = unshared_listeners(before.as_deref(), &table);
            let routes = unshared_routes(before.as_deref(), &table);
            self.keep_tickets(&routes);
            self.ledger().move_to(&routes);
            let opened = self.sockets.move_to(&listeners, self.slots.len());
            let drains = self.drains(before.as_deref(), &table);
            let step = self.step(&listeners);
            self.hand_out(&step, opened, drains);
            self.table = Some(table);
            self.unsaid = true;
            self.retry_at = self.next_retry();
        } else if self.is_time_to_retry() {
            let (opened, changed) = self.sockets.try_again(self.slots.len());
            self.unsaid |= changed;
            if opened.iter().any(|it| !it.is_empty()) {
                self.hand_out(&Step::default(), opened, None);
            }
            self.retry_at = self.next_retry();
        }
        if self.unsaid && self.n_unacknowledged == 0 && !self.is_time_to_retry() {
            self.say_applied();
        }
    }

    fn is_time_to_retry(&self) -> bool {
        self.retry_at.is_some_and(|it| it <= self.clock.now())
    }

    /// A socket may have been refused for the sake of one that this very table closes: then it is
    /// tried again as soon as the workers have moved.
    fn next_retry(&mut self) -> Option<Moment> {
        let wait = match self.sockets.take_freed() {
            true => Duration::ZERO,
            false => BIND_RETRY,
        };
        let lacks = !self.sockets.unbound().is_empty();
        lacks.then(|| self.clock.now().after(wait))
    }

    /// Puts what is new into every slot, and into each its own new sockets.
    fn hand_out(&mut self, step: &Step, opened: Vec<sockets::Share>, drains: Option<Arc<Drains>>) {
        for (worker, (slot, opened)) in self.slots.iter().zip(opened).enumerate() {
            let mut duties = Duties::new(&self.tickets, self.ledger(), worker);
            let opened = opened.into_iter().filter_map(|(key, socket)| {
                let listener = self.served.get(&key)?;
                Some((key, socket, duties.of(listener)))
            });
            let opened = opened.collect();
            let changed = step.changed.iter();
            let changed = changed.map(|(key, listener)| (*key, duties.of(listener)));
            let changed = changed.collect();
            let plan = Plan {
                closed: step.closed.clone(),
                changed,
                opened,
                drains: drains.clone(),
            };
            slot.put(|wishes| wishes.plan = Some(plan));
        }
        self.n_unacknowledged += self.slots.len();
    }

    /// What sockets serve after this step, compared with what they served before it.
    fn step(&mut self, listeners: &Unshared<'_, Listener>) -> Step {
        let old = listeners.before.iter().flat_map(|it| &it.keys);
        let old = old.filter_map(|key| self.served.remove_entry(key));
        let mut before: BTreeMap<_, _> = old.collect();
        let mut changed = Vec::new();
        for listener in &listeners.after {
            for key in &listener.keys {
                let served = before.remove(key);
                if served.is_some_and(|it| !Arc::ptr_eq(&it, listener)) {
                    changed.push((*key, Arc::clone(listener)));
                }
                self.served.insert(*key, Arc::clone(listener));
            }
        }
        let closed = before.into_keys().collect();
        Step { closed, changed }
    }

    /// What the way to `table` means for open connections. As long as nobody asked for a drain that
    /// ends connections and no grant went, nobody looks for any.
    fn drains(
        &mut self,
        before: Option<&RoutingTable>,
        table: &RoutingTable,
    ) -> Option<Arc<Drains>> {
        let ends = |table: &RoutingTable| {
            let mut drains = table.drains().iter();
            drains.any(|it| it.drain != Drain::Keep)
        };
        let revokes = |before: &RoutingTable| before.grants_gone_in(table).next().is_some();
        self.has_drained =
            self.has_drained || ends(table) || before.is_some_and(|it| ends(it) || revokes(it));
        let drains = self.has_drained.then(|| Drains::between(before, table));
        drains.map(Arc::new)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A route that stays goes on counting where it was.
    fn keep_tickets(&mut self, routes: &Unshared<'_, Route>) {
        let stay: BTreeSet<_> = routes.after.iter().map(|it| &it.name).collect();
        for gone in routes.before.iter().filter(|it| !stay.contains(&it.name)) {
            self.tickets.remove(&gone.name);
        }
        for name in stay {
            self.tickets.entry(Arc::clone(name)).or_default();
        }
    }

    fn say_applied(&mut self) {
        if let Some(table) = &self.table {
            let unbound = self.sockets.unbound().clone();
            self.outbox.applied(table.version(), unbound);
        }
        self.unsaid = false;
    }

    /// How long there is nothing to do if nobody says anything.
    fn patience(&self) -> Duration {
        let now = self.clock.now();
        let busy = self.n_unacknowledged > 0 || self.stopping;
        let retry = self.retry_at.filter(|_| !busy);
        let retry = retry.map_or(Duration::MAX, |it| it.since(now));
        retry.min(self.outbox.patience())
    }
}

/// Lets all workers end, at the latest at this moment.
pub(crate) fn stop(slots: &[Arc<Slot>], deadline: Moment) {
    for slot in slots {
        // Whoever wants it earlier is heard, whoever speaks last.
        slot.put(|wishes| {
            let earlier = wishes.stop.filter(|it| *it < deadline);
            wishes.stop = earlier.or(Some(deadline));
        });
    }
}

impl<'a> Duties<'a> {
    fn new(tickets: &'a Tickets, ledger: MutexGuard<'a, Ledger>, worker: usize) -> Self {
        Self {
            tickets,
            ledger,
            worker,
        }
    }

    fn of(&mut self, listener: &Arc<Listener>) -> Duty {
        let route = listener.route.as_ref();
        let ticket = route.and_then(|it| self.tickets.get(&it.name));
        Duty {
            listener: Arc::clone(listener),
            ticket: ticket.map_or_else(Arc::default, Arc::clone),
            tallies: self.ledger.tallies(listener, self.worker),
        }
    }
}
