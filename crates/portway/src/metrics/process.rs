//! What the kernel says about this process, under the names every exporter uses.
//!
//! In: `/proc/self`. Out: [`Samples`]. Never: a failure; what the kernel does not tell is missing.
//! Spec: proc(5), the Prometheus client library guidelines.

use std::fs;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::{
    PROCESS_CPU, PROCESS_FDS, PROCESS_FDS_MAX, PROCESS_MEMORY, PROCESS_START, PROCESS_THREADS,
    PROCESS_VIRTUAL, Samples,
};

/// Fields of `/proc/self/stat`, counted from the one behind the name, which is the third.
mod field {
    pub(super) const UTIME: usize = 11;
    pub(super) const STIME: usize = 12;
    pub(super) const THREADS: usize = 17;
    pub(super) const START: usize = 19;
    pub(super) const VIRTUAL_BYTES: usize = 20;
    pub(super) const RESIDENT_PAGES: usize = 21;
}

/// Adds all of it.
pub(crate) fn process(samples: &mut Samples) {
    if let Some(stat) = Stat::read() {
        let ticks = stat.number(field::UTIME) + stat.number(field::STIME);
        samples.amount(&PROCESS_CPU, &[], seconds(ticks));
        samples.count(&PROCESS_THREADS, &[], stat.number(field::THREADS));
        samples.count(&PROCESS_VIRTUAL, &[], stat.number(field::VIRTUAL_BYTES));
        let pages = stat.number(field::RESIDENT_PAGES);
        samples.count(&PROCESS_MEMORY, &[], pages * page_size() as u64);
        if let Some(start) = start(stat.number(field::START)) {
            samples.amount(&PROCESS_START, &[], start);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // The directory that is read is one of them, and closed by now.
        let n = open.count().saturating_sub(1);
        samples.count(&PROCESS_FDS, &[], n as u64);
    }
    if let Some(max) = getrlimit(Resource::Nofile).current {
        samples.count(&PROCESS_FDS_MAX, &[], max);
    }
}

/// What the kernel says about the time of a thread, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ThreadTime {
    /// On a core.
    pub(crate) cpu: f64,
    /// Ready to run, without a core.
    pub(crate) waiting: f64,
}

/// The times of a thread of this process.
pub(crate) fn cpu_seconds(thread: u64) -> Option<ThreadTime> {
    let path = format!("/proc/self/task/{thread}/schedstat");
    let text = fs::read_to_string(path).ok()?;
    let nanos = text.split_ascii_whitespace().map(str::parse::<u64>);
    let mut seconds = nanos.map(|it| it.map(|it| it as f64 / 1e9));
    let cpu = seconds.next()?.ok()?;
    let waiting = seconds.next()?.ok()?;
    Some(ThreadTime { cpu, waiting })
}

/// `/proc/self/stat` behind the name of the program, which may hold anything.
struct Stat(String);

impl Stat {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        let (_, behind) = text.rsplit_once(')')?;
        Some(Self(behind.to_owned()))
    }

    fn number(&self, field: usize) -> u64 {
        let field = self.0.split_ascii_whitespace().nth(field);
        field.and_then(|it| it.parse().ok()).unwrap_or(0)
    }
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / clock_ticks_per_second() as f64
}

/// The start in seconds since 1970. Computed once: the clock may be set, the start stays.
fn start(ticks_after_boot: u64) -> Option<f64> {
    static START: OnceLock<Option<f64>> = OnceLock::new();
    *START.get_or_init(|| {
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(now.as_secs_f64() - uptime + seconds(ticks_after_boot))
    })
}
