//! The time that is measured, and the threads that work through it.
//!
//! ```text
//!  threads connect ─► all ready ─► warm-up ─► measured ─► over
//!                                      usage read ┘   └ usage read
//! ```
//!
//! In: what one thread does. Out: what all did between two readings of usage. Never: a result that
//! counts what happened outside.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::args::DriveArgs;
use crate::histogram::Histogram;
use crate::usage::{Usage, Watched};

/// What all threads look at.
#[derive(Debug)]
pub(crate) struct Window {
    phase: AtomicU8,
    ready: Barrier,
}

const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// What one thread has done: it alone writes, so no locked instruction is needed.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    /// Requests, or connections.
    pub(crate) units: Count,
    /// Bytes sent and received.
    pub(crate) bytes: Count,
    /// Connections that failed.
    pub(crate) failures: Count,
}

/// A number that one thread writes.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        let sum = self.0.load(Ordering::Relaxed) + n;
        self.0.store(sum, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Window {
    /// This thread has connected; waits until all have.
    pub(crate) fn ready(&self) {
        self.ready.wait();
    }

    /// Whether what happens now counts.
    pub(crate) fn is_measured(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == MEASURED
    }

    /// Whether it is time to stop.
    pub(crate) fn is_over(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == OVER
    }
}

/// Runs `work` on every thread through warm-up and window, and tells what came of it. A thread
/// calls [`Window::ready`] when it has connected, whether that went well or not.
pub(crate) fn measure<F>(args: &DriveArgs, work: F) -> Result<Value>
where
    F: Fn(usize, &Window, &Tally) -> Result<Histogram> + Sync,
{
    let window = Window {
        phase: AtomicU8::new(0),
        ready: Barrier::new(args.threads + 1),
    };
    let tallies: Vec<Tally> = (0..args.threads).map(|_| Tally::default()).collect();
    thread::scope(|scope| {
        let (work, shared) = (&work, &window);
        let mut threads = Vec::new();
        for (thread, tally) in tallies.iter().enumerate() {
            threads.push(scope.spawn(move || work(thread, shared, tally)));
        }
        window.ready.wait();
        thread::sleep(args.warm_up());
        let watched = Watched::of(args);
        let before = Reading::now(&watched, &tallies);
        window.phase.store(MEASURED, Ordering::Relaxed);
        thread::sleep(args.measure());
        window.phase.store(OVER, Ordering::Relaxed);
        let after = Reading::now(&watched, &tallies);
        let mut waits = Histogram::new();
        for thread in threads {
            let counted = thread.join().map_err(|_| anyhow!("a thread panicked"))?;
            waits.add(&counted?);
        }
        Ok(after.since(&before, &waits))
    })
}

/// All numbers at one moment.
struct Reading {
    at: Instant,
    usage: Usage,
    units: u64,
    bytes: u64,
    failures: u64,
}

impl Reading {
    fn now(watched: &Watched, tallies: &[Tally]) -> Self {
        let sum = |part: fn(&Tally) -> &Count| tallies.iter().map(|it| part(it).read()).sum();
        let at = Instant::now();
        Self {
            at,
            units: sum(|it| &it.units),
            bytes: sum(|it| &it.bytes),
            failures: sum(|it| &it.failures),
            usage: watched.read(),
        }
    }

    fn since(&self, before: &Self, waits: &Histogram) -> Value {
        json!({
            "seconds": self.at.duration_since(before.at).as_secs_f64(),
            "units": self.units - before.units,
            "bytes": self.bytes - before.bytes,
            "failures": self.failures - before.failures,
            "waits": waits.to_json(),
            "cpu": self.usage.since(&before.usage),
        })
    }
}

/// Raises the soft limit of descriptors to the hard one: thousands of connections need it.
pub(crate) fn raise_descriptors() -> Result<()> {
    let hard = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: hard,
        maximum: hard,
    };
    setrlimit(Resource::Nofile, limit).context("raise the limit of descriptors")
}
