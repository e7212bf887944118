//! `cargo xtask soak`: edits without end between streams without an error.
//!
//! ```text
//!  streams (threads) ══► portway run ══► echoes (processes)
//!                            ▲
//!  edits ─► files ───────────┘ ◄── probes: when does a connection obey?
//! ```
//!
//! In: a seed, numbers. Out: edits, streams, resets, wrong bytes, refused connects, and the time
//! from an edit to the first connection that obeys it. The same seed makes the same edits. Never: a
//! pass in which something was not counted.

mod admin;
mod files;
mod probe;
mod streams;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use self::files::{Effect, Files, Subject};
use self::streams::Tally;
use crate::prove::gateway::{Gateway, Settings};
use crate::prove::peer::Remote;
use crate::prove::random::{Random, parse_seed};
use crate::prove::stage::{Scale, Stage, Way};
use crate::prove::{process, sockets};
use crate::repo;
use crate::tally::say;

/// Backends, each a process.
const BACKENDS: usize = 4;

/// Threads that carry the streams.
const STREAM_THREADS: usize = 4;

/// Edits a second of the flood at the end, and how long it lasts.
const FLOOD_PER_SECOND: u32 = 1000;
const FLOOD_SECONDS: u32 = 10;

/// Connections that look at a broken file: each worker gets some of them.
const LOOKS_AT_BROKEN: u32 = 8;

/// What the 99th of a hundred edits may take.
const EFFECT_MAX: Duration = Duration::from_millis(50);

/// Edit without end between streams, and count every error
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask soak                      1,000 edits between 2,000 streams, then a flood of edits
  cargo xtask soak --seed 7             other edits
  cargo xtask soak --minutes 60         as many edits as fit
  cargo xtask soak --streams 500 --untimed
                                        as CI runs it: half a minute, and no time is judged")]
pub(crate) struct Args {
    /// Go on for so long, however many edits that are.
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,

    /// What edits and streams are drawn from.
    #[arg(long, value_name = "SEED", default_value = "1", value_parser = parse_seed)]
    seed: u64,

    /// Edits.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    edits: u64,

    /// Streams at the same time.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    streams: usize,

    /// Tell times, but judge none: on a machine that does other things.
    #[arg(long)]
    untimed: bool,

    /// A binary to try; by default the release binary, built first.
    #[arg(long, value_name = "FILE")]
    portway: Option<PathBuf>,
}

/// Runs the soak.
///
/// # Errors
/// When it cannot be set up, or an edit has no effect at all. What is counted is no error but an
/// exit code of 1.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    process::raise_descriptors()?;
    let portway = repo::portway(args.portway.as_deref())?;
    let stage = Stage::set(
        "soak",
        Stage {
            scale: Scale::Full,
            way: Way::ThroughPortway,
            asked_seed: Some(args.seed),
            seed: args.seed,
            portway: Some(portway),
            dir: PathBuf::new(),
        },
    )?;
    let backends = (0..BACKENDS).map(|nth| Remote::start(&stage, &format!("b{nth:02}\n")));
    let backends = backends.collect::<Result<Vec<_>>>()?;
    let addrs = backends.iter().map(Remote::addr).collect();
    let ports = Subject::ALL.iter().map(|_| sockets::free_port());
    let ports = ports.collect::<Result<Vec<_>>>()?;
    let dir = stage.subdir("manifests")?;
    let mut files = Files::lay_out(&dir, addrs, ports.clone())?;
    let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, sockets::free_port()?));
    let flags = ["--admin-socket=off", "--drain-timeout=5s"].map(str::to_owned);
    let settings = Settings {
        flags: [&flags[..], &[format!("--admin={admin}")]].concat(),
        ..Settings::default()
    };
    let gateway = Gateway::start_with(&stage, &dir, ports, &settings)?;
    let (tally, stop) = (Tally::default(), AtomicBool::new(false));
    let seen = thread::scope(|scope| {
        let threads = carry(scope, args, &files, &tally, &stop);
        let seen = edit(args, (&mut files, admin), &tally);
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread
                .join()
                .ok()
                .context("a thread of streams panicked")??;
        }
        seen
    })?;
    gateway.end()?;
    let is_good = report(args, &tally, seen);
    if is_good {
        stage.strike()?;
    }
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

type Carrying<'scope> = Vec<thread::ScopedJoinHandle<'scope, Result<()>>>;

/// Streams on every listener that keeps its connections whatever happens.
fn carry<'scope, 'env: 'scope>(
    scope: &'scope thread::Scope<'scope, 'env>,
    args: &Args,
    files: &Files,
    tally: &'env Tally,
    stop: &'env AtomicBool,
) -> Carrying<'scope> {
    let steady = Subject::ALL.iter().take(Subject::STEADY);
    let addr = |subject: &Subject| SocketAddr::from((Ipv4Addr::LOCALHOST, files.port(*subject)));
    let listeners: Vec<SocketAddr> = steady.map(addr).collect();
    let (n, seed) = (args.streams.div_ceil(STREAM_THREADS), args.seed);
    let start = |nth: usize| {
        let listeners = listeners.clone();
        let seed = seed ^ (nth as u64) << 32;
        scope.spawn(move || streams::keep(&listeners, n, seed, tally, stop))
    };
    (0..STREAM_THREADS).map(start).collect()
}

/// What the edits took.
struct Seen {
    n_edits: u64,
    effects: Vec<Duration>,
    n_flood: u32,
    flood_effect: Duration,
}

fn edit(args: &Args, (files, admin): (&mut Files, SocketAddr), tally: &Tally) -> Result<Seen> {
    let wanted = args.streams.div_ceil(STREAM_THREADS) * STREAM_THREADS;
    let start = Instant::now();
    while Tally::read(&tally.open) < wanted as u64 {
        ensure!(
            start.elapsed() < Duration::from_secs(60),
            "streams do not open"
        );
        thread::sleep(Duration::from_millis(10));
    }
    say(&format!(
        "soak: {wanted} streams open, seed {:#x}",
        args.seed
    ));
    let mut random = Random::new(args.seed);
    let (start, mut effects, mut n_edits) = (Instant::now(), Vec::new(), 0);
    let goes_on = |n_edits| match args.minutes {
        Some(minutes) => start.elapsed() < Duration::from_secs(minutes * 60),
        None => n_edits < args.edits,
    };
    while goes_on(n_edits) {
        let subject = random.one_of(&Subject::ALL);
        if subject == Subject::Broken {
            break_one(files, admin).with_context(|| format!("edit {n_edits}, broken"))?;
            n_edits += 1;
        }
        let effect = files.edit(subject, &mut random)?;
        let since = Instant::now();
        let took = probe::until((subject, files.port(subject)), effect, since, tally)
            .with_context(|| format!("edit {n_edits}, {subject:?}"))?;
        effects.push(took);
        n_edits += 1;
    }
    let (n_flood, flood_effect) = flood(files, &mut random, tally)?;
    Ok(Seen {
        n_edits,
        effects,
        n_flood,
        flood_effect,
    })
}

/// Breaks a file: once the gateway has heard of it, what the file held before must still be served.
fn break_one(files: &Files, admin: SocketAddr) -> Result<()> {
    // What it may still have to say of the last one.
    admin::until_unused(admin, 0)?;
    let effect = files.break_one()?;
    admin::until_unused(admin, 1)?;
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, files.port(Subject::Broken)));
    for _ in 0..LOOKS_AT_BROKEN {
        let now = probe::look(to)?;
        ensure!(now == effect, "a broken file changed {effect:?} to {now:?}");
    }
    Ok(())
}

/// Edits faster than anybody can follow: the last one must win.
fn flood(files: &mut Files, random: &mut Random, tally: &Tally) -> Result<(u32, Duration)> {
    let (start, mut n) = (Instant::now(), 0);
    let mut last = None;
    while n < FLOOD_PER_SECOND * FLOOD_SECONDS {
        let due = start + Duration::from_secs(1) * n / FLOOD_PER_SECOND;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        last = Some(files.edit(Subject::Endpoints, random)?);
        n += 1;
    }
    let effect: Effect = last.context("no edit in the flood")?;
    let at = (Subject::Endpoints, files.port(Subject::Endpoints));
    let took = probe::until(at, effect, Instant::now(), tally)?;
    Ok((n, took))
}

/// Tells what was counted; whether all of it is as it must be.
fn report(args: &Args, tally: &Tally, mut seen: Seen) -> bool {
    seen.effects.sort_unstable();
    let at = |percent: usize| {
        let index = (seen.effects.len() * percent / 100).min(seen.effects.len().saturating_sub(1));
        seen.effects.get(index).copied().unwrap_or_default()
    };
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let read = Tally::read;
    let (resets, wrong, refused) = (
        read(&tally.resets),
        read(&tally.wrong),
        read(&tally.refused),
    );
    say(&format!(
        "soak: seed {:#x}: {} edits, {} streams opened, {} finished whole, {} MB relayed",
        args.seed,
        seen.n_edits,
        read(&tally.opened),
        read(&tally.finished),
        read(&tally.bytes) / 1_000_000,
    ));
    say(&format!(
        "soak: {resets} resets, {wrong} wrong bytes, {refused} refused connects"
    ));
    say(&format!(
        "soak: edit to first connection that obeys: p50 {}, p99 {}, max {}",
        ms(at(50)),
        ms(at(99)),
        ms(at(100)),
    ));
    say(&format!(
        "soak: flood of {} edits at {FLOOD_PER_SECOND}/s: the last one held after {}",
        seen.n_flood,
        ms(seen.flood_effect),
    ));
    let is_soon = args.untimed || at(99) < EFFECT_MAX;
    let is_good = resets + wrong + refused == 0 && is_soon;
    say(if is_good {
        "soak: passed"
    } else {
        "soak: FAILED"
    });
    is_good
}
