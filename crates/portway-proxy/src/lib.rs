//! Moves the bytes: one worker thread per core, each with its own sockets, connections and timers.
//!
//! In: [`RoutingTable`]s. Out: [`Report`]s and bytes. Never: the control plane's words, YAML,
//! Kubernetes, an async runtime; `unsafe` outside `sys`.

pub mod limits;

mod applier;
mod worker;

mod listener;
mod relay;

mod census;
mod counters;
mod descriptors;
mod ledger;
mod observer;
mod report;
mod slot;
mod tally;

mod clock;
mod slab;
mod sys;
mod timer;
mod token;

pub use census::{Cursor, LiveConnection, Page, Wanted};
pub use counters::Counters;
pub use ledger::{EndpointNumbers, StreamNumbers};
pub use observer::{Observer, WorkerNumbers};
pub use report::Report;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use portway_engine::drain::Pace;
use portway_engine::record::CloseReason;
use portway_engine::table::{ListenerKey, RoutingTable};

use self::applier::{Applier, Bound, Order, Sockets};
use self::clock::Clock;
use self::counters::Counts;
use self::descriptors::Descriptors;
use self::ledger::Ledger;
use self::limits::DESCRIPTORS_PER_WORKER;
use self::slot::Slot;
use self::worker::{Birth, Worker};

/// What a proxy needs to know before its first table.
#[derive(Debug, Clone)]
pub struct Config {
    /// Worker threads.
    pub workers: NonZeroUsize,
    /// Longest wait for one dial.
    pub dial_timeout: Duration,
    /// Whether the kernel is asked about the way to each side when a connection ends, for its
    /// record: two calls a connection.
    pub measure_paths: bool,
}

/// The running data plane. Dropped without [`Self::shutdown`] it resets every connection.
#[derive(Debug)]
pub struct Proxy {
    clock: Clock,
    slots: Vec<Arc<Slot>>,
    ledger: Arc<Mutex<Ledger>>,
    orders: Sender<Order>,
    counts: Vec<Arc<Counts>>,
    bound: Arc<Mutex<Bound>>,
    workers: Vec<JoinHandle<()>>,
    applier: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts the workers; they listen on nothing until the first table.
    ///
    /// # Errors
    /// When a thread, an epoll or an eventfd cannot be had.
    pub fn start(config: &Config, reports: SyncSender<Report>) -> io::Result<Self> {
        let clock = Clock::start();
        let bound = Arc::<Mutex<Bound>>::default();
        let n_workers = config.workers.get();
        let of_workers = n_workers.saturating_mul(DESCRIPTORS_PER_WORKER);
        let of_others = sys::limit::descriptors().saturating_sub(of_workers);
        let descriptors = Arc::new(Descriptors::new(of_others));
        let (orders, received) = mpsc::channel();
        let slots = (0..n_workers).map(|_| Slot::new().map(Arc::new));
        let slots = slots.collect::<sys::Result<Vec<_>>>()?;
        let sockets = Sockets::new(Arc::clone(&bound), Arc::clone(&descriptors));
        let ledger = Arc::new(Mutex::new(Ledger::new(n_workers)));
        let kept = (sockets, Arc::clone(&ledger));
        let applier = Applier::new(clock, slots.clone(), kept, reports.clone());
        let to_reports = reports.clone();
        let to_stop = slots.clone();
        let apply = move || {
            let run = || applier.run(&received);
            apply_tables(run, &received, (&to_stop, &to_reports));
        };
        let mut proxy = Self {
            clock,
            slots: slots.clone(),
            ledger,
            orders,
            counts: Vec::new(),
            bound,
            workers: Vec::new(),
            applier: Some(spawn("applier", apply)?),
        };
        for (index, slot) in slots.into_iter().enumerate() {
            let counts = Arc::<Counts>::default();
            proxy.counts.push(Arc::clone(&counts));
            let worker = Worker::new(Birth {
                clock,
                slot,
                counts,
                descriptors: Arc::clone(&descriptors),
                orders: proxy.orders.clone(),
                reports: reports.clone(),
                dial_timeout: config.dial_timeout,
                measure_paths: config.measure_paths,
                pace: Pace::shared_by(u32::try_from(n_workers).unwrap_or(u32::MAX)),
                seed: RandomState::new().build_hasher().finish(),
                ports_from: sys::ports::lowest_of_dials(),
            })?;
            let orders = proxy.orders.clone();
            let live = move || live(orders, || worker.run());
            proxy.workers.push(spawn(&format!("worker-{index}"), live)?);
        }
        Ok(proxy)
    }

    /// Hands a table to all workers; newest wins. [`Report::Applied`] tells when all have it.
    pub fn apply(&self, table: Arc<RoutingTable>) {
        self.order(Order::Apply(table));
    }

    /// Looks at this proxy from other threads, also while it ends.
    pub fn observer(&self) -> Observer {
        Observer::new(
            self.clock,
            (&self.slots, &self.counts),
            Arc::clone(&self.ledger),
        )
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> u64 {
        self.counters().open
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.observer().counters()
    }

    /// Stops accepting, waits up to `drain` for connections to finish, then resets what is left.
    /// Whoever waited to be accepted is accepted and served before. How many were reset.
    pub fn shutdown(mut self, drain: Duration) -> u64 {
        self.end(drain);
        self.counters().closed(CloseReason::Shutdown)
    }

    /// Who cuts a shutdown short.
    pub fn cutter(&self) -> Cutter {
        Cutter {
            clock: self.clock,
            orders: self.orders.clone(),
        }
    }

    /// The address that is bound for `key`, with the port that the kernel chose if it asks for
    /// port 0.
    pub fn bound(&self, key: ListenerKey) -> Option<SocketAddr> {
        let bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        bound.get(&key).copied()
    }

    fn end(&mut self, drain: Duration) {
        self.order(Order::Stop(self.clock.now().after(drain)));
        for worker in self.workers.drain(..) {
            join(worker);
        }
        self.order(Order::End);
        let Some(applier) = self.applier.take() else {
            return;
        };
        join(applier);
        let dropped = self.counters().reports_dropped;
        if dropped > 0 {
            tracing::warn!(dropped, "connections ended without a record");
        }
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::debug!("the applier has ended");
        }
    }
}

/// Cuts a [`Proxy::shutdown`] short, from another thread.
#[derive(Debug, Clone)]
pub struct Cutter {
    clock: Clock,
    orders: Sender<Order>,
}

impl Cutter {
    /// Resets the connections that are left, now. Before a shutdown it stops the proxy all the same.
    pub fn cut(&self) {
        if self.orders.send(Order::Stop(self.clock.now())).is_err() {
            tracing::debug!("the proxy has ended");
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// Raises the soft limit of open descriptors to the hard one: each connection takes two. To be
/// called before [`Proxy::start`], which divides up what there is.
///
/// # Errors
/// When the kernel refuses.
pub fn raise_fd_limit() -> io::Result<()> {
    Ok(sys::limit::raise_descriptors()?)
}

/// Gives memory back to the kernel that the allocator holds and nobody uses. It takes some milliseconds
/// where much is held.
pub fn give_memory_back() {
    sys::memory::give_back();
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// A worker's life. A panic ends it here, and is told: its sockets are closed by then, and whoever
/// was connected through it is gone.
fn live(orders: Sender<Order>, run: impl FnOnce() -> sys::Result<()>) {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => tracing::error!(%error, "a worker cannot go on"),
        Err(_) => tracing::error!("a worker panicked"),
    }
    if orders.send(Order::Died).is_err() {
        tracing::error!("the applier ended before its worker");
    }
}

/// The applier's life. Without it no table is applied any more, so its panic is told as a worker's.
/// The workers hear of the end by this thread alone, so it goes on handing that to them.
fn apply_tables(
    run: impl FnOnce(),
    orders: &Receiver<Order>,
    (slots, reports): (&[Arc<Slot>], &SyncSender<Report>),
) {
    if catch_unwind(AssertUnwindSafe(run)).is_ok() {
        return;
    }
    tracing::error!("the applier panicked");
    if reports.try_send(Report::WorkerDied).is_err() {
        tracing::error!("nobody hears of it");
    }
    for order in orders {
        match order {
            Order::Stop(deadline) => applier::stop(slots, deadline),
            Order::End => return,
            _ => {}
        }
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the proxy panicked");
    }
}

#[cfg(test)]
mod tests;
