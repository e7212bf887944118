//! Thousands of idle connections: what each costs us and the kernel, and that all still work.

use anyhow::{Result, ensure};

use crate::prove::crowd::Crowd;
use crate::prove::front::Front;
use crate::prove::gateway::Settings;
use crate::prove::measure::{self, KernelMemory, Memory};
use crate::prove::peer::Remote;
use crate::prove::stage::Stage;
use crate::tally::say;

/// Bytes that each connection moves before it is idle: what was used must be given back.
const WORDS_BYTES: usize = 2_000;

/// Connections that come and go first, so that code and thread stacks are in memory.
const WARMING_UP: usize = 200;

/// Memory of ours that a connection may cost, in bytes.
const BYTES_MAX: u64 = 512;

/// Growth that has nothing to do with how many connections there are, in KiB: first use of the
/// allocator's arenas.
const FIXED_KIB_MAX: u64 = 256;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let n_connections = stage.pick(9_000, 2_000);
    let backend = Remote::start(stage, "")?;
    let front = stage.front(&[backend.addr()], &Settings::default())?;
    let mut crowd = Crowd::gather(front.addr, WARMING_UP)?;
    crowd.echo(WORDS_BYTES)?;
    crowd.leave()?;

    let before = measured(&front)?;
    let mut crowd = Crowd::gather(front.addr, n_connections)?;
    crowd.echo(WORDS_BYTES)?;
    let after = measured(&front)?;
    tell(crowd.len(), before, after)?;

    crowd.echo(WORDS_BYTES)?;
    say(&format!("  all {n_connections} still echo"));
    crowd.leave()?;
    front.end()
}

/// The kernel's memory, and ours if we stand between.
type Measured = (KernelMemory, Option<Memory>);

fn measured(front: &Front) -> Result<Measured> {
    let ours = front.gateway.as_ref().map(|it| measure::memory(it.pid()));
    Ok((measure::kernel_memory()?, ours.transpose()?))
}

fn tell(n_connections: usize, before: Measured, after: Measured) -> Result<()> {
    let n = u64::try_from(n_connections)?;
    let (kernel_before, kernel_after) = (before.0, after.0);
    let slab = kernel_after.slab_kib.saturating_sub(kernel_before.slab_kib);
    say(&format!(
        "  kernel, all processes: {:.1} KiB of small objects a connection, \
         TCP buffers {} KiB in all",
        slab as f64 / n as f64,
        kernel_after.tcp_kib,
    ));
    let (Some(before), Some(after)) = (before.1, after.1) else {
        return Ok(());
    };
    let rss = after.rss_kib.saturating_sub(before.rss_kib);
    let anonymous = after.anonymous_kib.saturating_sub(before.anonymous_kib);
    say(&format!(
        "  portway: {n} connections, RSS {} to {} KiB: {:.3} KiB each ({:.3} anonymous)",
        before.rss_kib,
        after.rss_kib,
        rss as f64 / n as f64,
        anonymous as f64 / n as f64,
    ));
    let most = n * BYTES_MAX / 1024 + FIXED_KIB_MAX;
    ensure!(rss <= most, "RSS grew by {rss} KiB, {most} are allowed");
    Ok(())
}
