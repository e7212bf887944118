//! One thread: its sockets, its connections, its timers. While bytes move it shares with the other
//! workers two kinds of counts, the tickets and the descriptors that are free, and the channels up.
//!
//! In: epoll events, plans in its slot. Out: bytes, records, acknowledgements. Never: a call that
//! blocks, a lock on the data path, a decision that is [`portway_engine::conn`]'s.
//!
//! ```text
//!  wait ─► events: each socket's connection goes on  ┐
//!   ▲      turns: those that yielded go on           │ one batch
//!   │      accepting: new connections dial at once   │
//!   │      ticks: deadlines that passed              ┘
//!   └───── slot: move to a new plan, between two batches, or stop
//! ```

mod accept;
mod answer;
mod dial;
mod drain;
mod plan;
mod records;
mod served;
mod spare;

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};
use std::time::Duration;

use portway_engine::conn::Event;
use portway_engine::drain::Pace;
use portway_engine::health::Avoidance;
use portway_engine::time::Moment;

use self::accept::Accepting;
use self::drain::Draining;
use self::records::Records;
use self::served::Served;
use self::spare::Spare;
use crate::applier::Order;
use crate::clock::Clock;
use crate::counters::Counts;
use crate::descriptors::Descriptors;
use crate::limits::DESCRIPTORS_PER_CONNECTION;
use crate::relay::Tools;
use crate::report::Report;
use crate::slab::{Key, Slab};
use crate::slot::Slot;
use crate::sys::epoll::{Batch, Epoll};
use crate::sys::{self, signal, thread};
use crate::timer::Wheel;
use crate::token::Token;

/// What a worker is given at birth.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) clock: Clock,
    pub(crate) slot: Arc<Slot>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) descriptors: Arc<Descriptors>,
    pub(crate) orders: Sender<Order>,
    pub(crate) reports: SyncSender<Report>,
    pub(crate) dial_timeout: Duration,
    pub(crate) measure_paths: bool,
    /// How many connections it may end a second for a drain that is spread.
    pub(crate) pace: Pace,
    /// What the ends of spread drains are drawn from.
    pub(crate) seed: u64,
    /// Dials are given this port for themselves, or a higher one.
    pub(crate) ports_from: u16,
}

/// A worker. Its connections stand apart from what serves them, so that one can use the other.
#[derive(Debug)]
pub(crate) struct Worker {
    connections: Slab<Served>,
    accepting: Accepting,
    draining: Draining,
    site: Site,
    stop_at: Option<Moment>,
}

/// All of a worker that a connection needs while it is served.
#[derive(Debug)]
struct Site {
    epoll: Epoll,
    /// When this batch began; nobody looks at the clock more often.
    now: Moment,
    clock: Clock,
    tools: Tools,
    timers: Wheel,
    /// Connections that yielded to others, in order.
    turns: VecDeque<Key>,
    avoid: Avoidance,
    pace: Pace,
    seed: u64,
    ports_from: u16,
    slot: Arc<Slot>,
    counts: Arc<Counts>,
    descriptors: Arc<Descriptors>,
    measure_paths: bool,
    spare: Spare,
    orders: Sender<Order>,
    records: Records,
}

impl Worker {
    /// A worker that listens on nothing.
    ///
    /// # Errors
    /// When the kernel has no epoll for it.
    pub(crate) fn new(birth: Birth) -> sys::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.add(birth.slot.wake().as_fd(), Token::Wake.to_bits())?;
        Ok(Self {
            connections: Slab::new(),
            accepting: Accepting::new(),
            draining: Draining::default(),
            site: Site {
                epoll,
                now: birth.clock.now(),
                clock: birth.clock,
                tools: Tools::new(Arc::clone(&birth.descriptors)),
                timers: Wheel::new(),
                turns: VecDeque::new(),
                avoid: Avoidance::new(birth.dial_timeout),
                pace: birth.pace,
                seed: birth.seed,
                ports_from: birth.ports_from,
                slot: birth.slot,
                counts: birth.counts,
                descriptors: birth.descriptors,
                measure_paths: birth.measure_paths,
                spare: Spare::default(),
                orders: birth.orders,
                records: Records::new(birth.reports),
            },
            stop_at: None,
        })
    }

    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// When the kernel lets it wait for events no longer.
    pub(crate) fn run(mut self) -> sys::Result<()> {
        signal::block_broken_pipe();
        self.site.counts.thread.set(thread::id());
        let mut batch = Batch::new();
        while !self.is_done() {
            self.serve_batch(&mut batch)?;
        }
        self.reset_all();
        Ok(())
    }

    /// Waits for events, and does all there is to do before the next wait.
    fn serve_batch(&mut self, batch: &mut Batch) -> sys::Result<()> {
        self.site.epoll.wait(batch, self.patience())?;
        self.site.now = self.site.clock.now();
        self.site.counts.wakeups.add(1);
        self.site.counts.events.add(batch.len() as u64);
        let woken = self.take_events(batch);
        self.take_turns();
        self.take_drained();
        self.accept();
        self.take_ticks();
        if woken {
            self.obey();
        }
        self.send_records();
        Ok(())
    }

    fn is_done(&self) -> bool {
        let over = |it| self.connections.len() == 0 || it <= self.site.now;
        self.stop_at.is_some_and(over)
    }

    /// How long there is nothing to do if no event comes.
    fn patience(&self) -> Option<Duration> {
        let has_turns = !self.site.turns.is_empty();
        if has_turns || self.accepting.has_work() || self.draining.has_work() {
            return Some(Duration::ZERO);
        }
        let now = self.site.now;
        let resume = self.accepting.resume_at().map(|it| it.since(now));
        let stop = self.stop_at.map(|it| it.since(now));
        let records = self.site.records.send_at().map(|it| it.since(now));
        let waits = [self.site.timers.wait(now), resume, stop, records];
        waits.into_iter().flatten().min()
    }

    /// Lets each connection know what happened. Whether there is something in the slot.
    fn take_events(&mut self, batch: &Batch) -> bool {
        let mut woken = false;
        for (bits, flags) in (0..batch.len()).filter_map(|index| batch.event(index)) {
            match Token::from_bits(bits) {
                Token::Client(key) => {
                    self.serve(key, |it, key, site| it.client_event(key, flags, site))
                }
                Token::Backend(key) => {
                    self.serve(key, |it, key, site| it.backend_event(key, flags, site))
                }
                Token::Listener(key) => self.accepting.ready(key),
                Token::Wake => woken = true,
            }
        }
        woken
    }

    /// Those that yielded go on; who yields again comes after everybody's events.
    fn take_turns(&mut self) {
        for _ in 0..self.site.turns.len() {
            if let Some(key) = self.site.turns.pop_front() {
                self.serve(key, Served::take_turn);
            }
        }
    }

    fn take_ticks(&mut self) {
        while let Some(place) = self.site.timers.take_due(self.site.now) {
            if let Some(key) = self.connections.key_at(place) {
                self.serve(key, Served::tick);
            }
        }
    }

    /// Gives a connection, if it is still there, something to do, and parts with it if it is over.
    fn serve(&mut self, key: Key, work: impl FnOnce(&mut Served, Key, &mut Site) -> Life) {
        let Some(served) = self.connections.get_mut(key) else {
            return;
        };
        let life = work(served, key, &mut self.site);
        self.settle(key, life);
    }

    fn settle(&mut self, key: Key, life: Life) {
        match life {
            Life::GoesOn => {}
            Life::Yields => self.site.turns.push_back(key),
            Life::Over(farewell) => {
                self.site.timers.clear(key.index);
                if let Some(served) = self.connections.remove(key) {
                    served.part(farewell, &mut self.site);
                    self.site.descriptors.give(DESCRIPTORS_PER_CONNECTION);
                }
            }
        }
    }

    fn send_records(&mut self) {
        if self.site.records.are_due(self.site.now) {
            self.site.records.send(&self.site.counts);
        }
    }

    fn reset_all(&mut self) {
        for key in self.connections.keys() {
            self.serve(key, |it, key, site| it.tell(key, Event::Shutdown, site));
        }
        let Site {
            clock,
            counts,
            records,
            ..
        } = &mut self.site;
        records.send_last(*clock, counts);
    }
}

impl Site {
    /// What the end of a connection is drawn from, should its drain be spread.
    fn seed_of(&self, key: Key) -> u64 {
        self.seed ^ (u64::from(key.generation) << 32 | u64::from(key.index))
    }

    /// Tells the applier something; it lives until all workers have ended.
    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::debug!("the applier has ended");
        }
    }
}

/// What becomes of a connection that has been served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// It waits for events.
    GoesOn,
    /// It has more to do, after the others.
    Yields,
    /// Both sockets are to be closed so.
    Over(portway_engine::conn::Farewell),
}

#[cfg(test)]
mod tests;
