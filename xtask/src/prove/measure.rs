//! What the kernel says about a process and about its own memory.
//!
//! In: `/proc`. Out: numbers with their unit in the name. Never: an estimate. Spec: proc(5).

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident, all of it (`VmRSS`).
    pub(crate) rss_kib: u64,
    /// Resident and its own: heap and stacks (`Anonymous` of `smaps_rollup`).
    pub(crate) anonymous_kib: u64,
}

/// Memory of the kernel, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KernelMemory {
    /// Buffers of TCP sockets (`/proc/net/sockstat`).
    pub(crate) tcp_kib: u64,
    /// Sockets, files and all else it keeps small objects for (`Slab` of `/proc/meminfo`).
    pub(crate) slab_kib: u64,
}

/// How much a process holds now.
///
/// # Errors
/// When it is gone.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let status = read(&format!("/proc/{pid}/status"))?;
    let rollup = read(&format!("/proc/{pid}/smaps_rollup"))?;
    Ok(Memory {
        rss_kib: kib(&status, "VmRSS:")?,
        anonymous_kib: kib(&rollup, "Anonymous:")?,
    })
}

/// The most a process ever held, in KiB; `None` when it has ended.
pub(crate) fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    kib(&status, "VmHWM:").ok()
}

/// How much the kernel holds now, for all processes together.
///
/// # Errors
/// When `/proc` is not there.
pub(crate) fn kernel_memory() -> Result<KernelMemory> {
    let sockets = read("/proc/net/sockstat")?;
    let tcp = sockets.lines().find(|line| line.starts_with("TCP:"));
    let mut words = tcp.context("no TCP in sockstat")?.split_whitespace();
    words
        .find(|word| *word == "mem")
        .context("no mem in sockstat")?;
    let pages: u64 = words.next().context("no number in sockstat")?.parse()?;
    let page_kib = u64::try_from(rustix::param::page_size())? / 1024;
    Ok(KernelMemory {
        tcp_kib: pages * page_kib,
        slab_kib: kib(&read("/proc/meminfo")?, "Slab:")?,
    })
}

/// Processor time that a process used so far, in user space and in the kernel.
///
/// # Errors
/// When it is gone.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = read(&format!("/proc/{pid}/stat"))?;
    // The name of the process may hold anything; the numbers stand behind its last parenthesis.
    let (_, numbers) = stat.rsplit_once(')').context("no name in stat")?;
    let mut numbers = numbers.split_whitespace().skip(11);
    let mut ticks = || -> Result<u64> { Ok(numbers.next().context("short stat")?.parse()?) };
    let ticks = ticks()? + ticks()?;
    Ok(Duration::from_millis(
        ticks * 1000 / rustix::param::clock_ticks_per_second(),
    ))
}

/// The limit of descriptors with which a process could open so many more and not one beyond: the
/// kernel gives out the lowest numbers that are free, and the limit is one above the highest.
///
/// # Errors
/// When it is gone, or not ours.
pub(crate) fn descriptor_limit_for(pid: u32, n_more: usize) -> Result<u64> {
    let mut open = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let name = entry?.file_name();
        open.insert(name.to_string_lossy().parse::<u64>()?);
    }
    let mut free = (0..).filter(|number| !open.contains(number));
    free.nth(n_more).context("no number is free")
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {path}"))
}

fn kib(text: &str, name: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let line = line.with_context(|| format!("no {name}"))?;
    let number = line.split_whitespace().next();
    Ok(number
        .with_context(|| format!("nothing after {name}"))?
        .parse()?)
}
