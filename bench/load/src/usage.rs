//! What CPU time and memory went where, from `/proc`.
//!
//! In: which processes are ours. Out: CPU seconds of the machine, of each of ours, of others.
//! Never: a measurement that hides its noise: what others used stands beside it.
//! Spec: proc_stat(5), proc_pid_stat(5).

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::args::DriveArgs;

/// The processes of a measurement.
#[derive(Debug)]
pub(crate) struct Watched {
    gateway: Vec<u32>,
    backend: Option<u32>,
    client: u32,
    start: Instant,
}

/// CPU time so far, in seconds, and memory now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    /// Time that no CPU had anything to do.
    idle: f64,
    /// Since the processes were named.
    elapsed: f64,
    n_cpus: f64,
    steal: f64,
    softirq: f64,
    gateway: f64,
    backend: f64,
    client: f64,
    others: f64,
    /// Of each thread of the gateway, by process and thread number.
    threads: Vec<((u32, u32), f64)>,
}

impl Watched {
    /// Those that were named, and this process.
    pub(crate) fn of(args: &DriveArgs) -> Self {
        Self {
            gateway: args.gateway.clone(),
            backend: args.backend,
            client: std::process::id(),
            start: Instant::now(),
        }
    }

    /// CPU time up to now. What cannot be read counts as nothing.
    pub(crate) fn read(&self) -> Usage {
        let mut usage = machine(&text("/proc/stat"));
        usage.elapsed = self.start.elapsed().as_secs_f64();
        usage.gateway = self.gateway.iter().map(|pid| own_seconds(*pid)).sum();
        usage.backend = self.backend.map_or(0.0, own_seconds);
        usage.client = own_seconds(self.client);
        usage.threads = self.gateway.iter().flat_map(|pid| threads(*pid)).collect();
        usage.others = self.others();
        usage
    }

    /// The sum over all other processes, with the children each has buried: one that ends while we
    /// look is counted at its parent. Kernel threads are left out: ours is the traffic they serve.
    fn others(&self) -> f64 {
        let ours: BTreeSet<u32> = self.gateway.iter().chain(&self.backend).copied().collect();
        let pids = pids_in("/proc");
        let others = pids.filter(|pid| *pid != self.client && !ours.contains(pid));
        let stats = others.filter_map(|pid| Stat::parse(&text(&format!("/proc/{pid}/stat"))));
        let seconds = stats.filter(|it| !it.is_of_the_kernel);
        seconds.map(|it| it.own + it.of_children).sum()
    }

    /// Resident bytes of the gateway's own memory, over all its processes: what files and shared
    /// pages take is left out, as others have them too.
    pub(crate) fn gateway_bytes(&self) -> u64 {
        let of = |pid: &u32| {
            let status = text(&format!("/proc/{pid}/status"));
            field_kib(&status, "RssAnon:") * 1024
        };
        self.gateway.iter().map(of).sum()
    }
}

impl Usage {
    /// What was used between the two, in CPU seconds.
    pub(crate) fn since(&self, before: &Self) -> Value {
        let capacity = (self.elapsed - before.elapsed) * self.n_cpus;
        let idle = self.idle - before.idle;
        let steal = self.steal - before.steal;
        json!({
            "capacity": capacity,
            "busy": capacity - idle - steal,
            "steal": steal,
            "softirq": self.softirq - before.softirq,
            "gateway": self.gateway - before.gateway,
            "backend": self.backend - before.backend,
            "client": self.client - before.client,
            "others": self.others - before.others,
            "threads": self.threads_since(before),
        })
    }

    /// What each thread of the gateway used, the busiest first.
    fn threads_since(&self, before: &Self) -> Vec<f64> {
        let used = self.threads.iter().map(|(id, seconds)| {
            let earlier = before.threads.iter().find(|(it, _)| it == id);
            seconds - earlier.map_or(0.0, |(_, seconds)| *seconds)
        });
        let mut used: Vec<f64> = used.filter(|it| *it > 0.0).collect();
        used.sort_by(|a, b| b.total_cmp(a));
        used
    }
}

/// Bytes of kernel memory on the whole machine: slabs, and the stacks of threads. Slabs that nothing
/// is in are given back first: otherwise who comes after another fills the other's. `None` where that
/// cannot be done. Spec: the kernel's Documentation/ABI/testing/sysfs-kernel-slab.
pub(crate) fn kernel_bytes() -> Option<u64> {
    let caches = fs::read_dir("/sys/kernel/slab").ok()?.flatten();
    let shrunk = caches.filter(|it| fs::write(it.path().join("shrink"), "1").is_ok());
    if shrunk.count() == 0 {
        return None;
    }
    let meminfo = text("/proc/meminfo");
    let kib = field_kib(&meminfo, "Slab:") + field_kib(&meminfo, "KernelStack:");
    Some(kib * 1024)
}

fn machine(stat: &str) -> Usage {
    let ticks: Vec<f64> = stat.lines().next().map_or_else(Vec::new, |line| {
        let fields = line.split_whitespace().skip(1);
        fields.filter_map(|it| it.parse().ok()).collect()
    });
    let seconds = |index: usize| ticks.get(index).copied().unwrap_or(0.0) / ticks_per_second();
    let n_cpus = stat.lines().filter(|line| line.starts_with("cpu")).count() - 1;
    Usage {
        idle: seconds(3) + seconds(4),
        softirq: seconds(5) + seconds(6),
        steal: seconds(7),
        n_cpus: u32::try_from(n_cpus).map_or(0.0, f64::from),
        ..Usage::default()
    }
}

fn own_seconds(pid: u32) -> f64 {
    let stat = Stat::parse(&text(&format!("/proc/{pid}/stat")));
    stat.map_or(0.0, |it| it.own)
}

/// The time of each thread, in nanoseconds at its source: a tick would be too coarse.
fn threads(pid: u32) -> impl Iterator<Item = ((u32, u32), f64)> {
    pids_in(&format!("/proc/{pid}/task")).map(move |thread| {
        let stat = text(&format!("/proc/{pid}/task/{thread}/schedstat"));
        let nanos = stat.split(' ').next().and_then(|it| it.parse::<f64>().ok());
        ((pid, thread), nanos.unwrap_or(0.0) / 1e9)
    })
}

/// What one process has used.
#[derive(Debug, PartialEq)]
struct Stat {
    own: f64,
    of_children: f64,
    is_of_the_kernel: bool,
}

impl Stat {
    fn parse(line: &str) -> Option<Self> {
        // The name may hold anything, parentheses too; nothing after it does.
        let (before, after) = line.rsplit_once(')')?;
        let pid: u32 = before.split(' ').next()?.parse().ok()?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
        let parent = number(1)?;
        let is_of_the_kernel = pid == 2 || parent == 2.0;
        Some(Self {
            own: (number(11)? + number(12)?) / ticks_per_second(),
            of_children: (number(13)? + number(14)?) / ticks_per_second(),
            is_of_the_kernel,
        })
    }
}

fn ticks_per_second() -> f64 {
    u32::try_from(rustix::param::clock_ticks_per_second()).map_or(100.0, f64::from)
}

fn pids_in(dir: &str) -> impl Iterator<Item = u32> + use<> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|it| it.file_name().to_str()?.parse().ok())
}

fn field_kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|it| it.split_whitespace().next());
    number.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// A file of `/proc`, which may be gone by now.
fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests;
