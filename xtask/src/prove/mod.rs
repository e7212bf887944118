//! `cargo xtask prove`: the long proofs, each with the real binary between real peers.
//!
//! ```text
//!  prove ── for each proof, in a namespace of its own where it needs one ──► prove-part proof NAME
//!                                                                              │        │
//!                                              portway run -f DIR ◄── gateway ◄┘        └► peers
//! ```
//!
//! In: names of proofs. Out: what each measured and how long it took, then a line with the sum.
//! Never: a process that stays. Every process asks the kernel to end it when its parent ends, so
//! neither a failure nor Ctrl-C leaves one behind.

mod part;
mod proofs;

mod front;
pub(crate) mod gateway;
mod manifest;
pub(crate) mod stage;

mod crowd;
pub(crate) mod peer;
mod transfer;

pub(crate) mod bytes;
pub(crate) mod limits;
mod measure;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod sockets;

pub(crate) use part::Part;

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use self::part::ProofArgs;
use self::proofs::{Needs, Proof};
use self::stage::Scale;
use crate::repo;
use crate::tally::say;

/// Prove with the release binary and real peers what tests are too short for
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask prove                    all of them, some ten minutes
  cargo xtask prove --short            all of them, smaller, a few minutes
  cargo xtask prove bulk half-close    these
  cargo xtask prove --direct bulk      the same without Portway: do the peers hold?
  cargo xtask prove sim --seed 0x51f3  one seed of the simulation again")]
pub(crate) struct Args {
    /// Which proofs; by default all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Fewer and smaller, for CI.
    #[arg(long)]
    short: bool,

    /// What sizes and orders are drawn from; `sim` runs this seed alone.
    #[arg(long, value_name = "SEED", value_parser = random::parse_seed)]
    seed: Option<u64>,

    /// Without Portway between the peers: a check of the proofs themselves.
    #[arg(long)]
    direct: bool,

    /// A binary to prove; by default the release binary, built first.
    #[arg(long, value_name = "FILE")]
    portway: Option<PathBuf>,

    /// Only tell which proofs there are.
    #[arg(long)]
    list: bool,
}

/// Runs the proofs that were asked for, one after the other.
///
/// # Errors
/// When a name is unknown or the binary cannot be built. A proof that fails is no error here but an
/// exit code of 1.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        proofs::ALL
            .iter()
            .for_each(|proof| say(&format!("{:<18}{}", proof.name, proof.what)));
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = choose(args)?;
    let part = ProofArgs {
        portway: match &args.portway {
            None if args.direct => None,
            named => Some(repo::portway(named.as_deref())?),
        },
        short: args.short,
        direct: args.direct,
        seed: args.seed,
    };
    let mut n_failed = 0;
    for proof in &chosen {
        say(&format!("prove {}: {}", proof.name, proof.what));
        let start = Instant::now();
        let outcome = run_one(proof, &part);
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => say(&format!("prove {}: passed in {seconds:.1} s", proof.name)),
            Err(error) => {
                n_failed += 1;
                say(&format!(
                    "prove {}: FAILED in {seconds:.1} s: {error:#}",
                    proof.name
                ));
            }
        }
    }
    let n_passed = chosen.len() - n_failed;
    say(&format!("prove: {n_passed} passed, {n_failed} failed"));
    Ok(match n_failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The proofs by name, all if none is named; without Portway those that make sense then.
fn choose(args: &Args) -> Result<Vec<&'static Proof>> {
    let known = |name: &String| {
        let proof = proofs::ALL.iter().find(|proof| proof.name == name);
        proof.with_context(|| format!("no proof is called {name}; --list names them"))
    };
    let mut chosen: Vec<_> = match args.names.is_empty() {
        true => proofs::ALL.iter().collect(),
        false => args.names.iter().map(known).collect::<Result<_>>()?,
    };
    if args.direct {
        chosen.retain(|proof| proof.works_without_portway);
        ensure!(!chosen.is_empty(), "none of these works without Portway");
    }
    Ok(chosen)
}

/// One proof as a process of its own, until it ends or takes too long.
fn run_one(proof: &Proof, part: &ProofArgs) -> Result<()> {
    let mut command = match proof.needs {
        Needs::Nothing => Command::new(std::env::current_exe()?),
        Needs::Namespace => in_namespace()?,
    };
    command.args(["prove-part", "proof", proof.name]);
    command.args(part.to_args()).stdin(Stdio::null());
    let mut child = command.spawn().context("start the proof")?;
    let pid = process::pid(&child)?;
    let (sender, ended) = mpsc::channel();
    let wait = thread::spawn(move || sender.send(child.wait()));
    let limit = match part.scale() {
        Scale::Full => proof.time_max,
        Scale::Short => limits::SHORT_TIME_MAX,
    };
    let status = match ended.recv_timeout(limit) {
        Ok(status) => status.context("wait for the proof")?,
        Err(_) => {
            process::kill(pid)?;
            let _ = wait.join();
            bail!("not over after {} s", limit.as_secs());
        }
    };
    ensure!(status.success(), "see above ({status})");
    Ok(())
}

/// This program in a network namespace that ends with it: as root, or as root of a user namespace.
fn in_namespace() -> Result<Command> {
    let as_root: &[&str] = &["--net"];
    let as_user: &[&str] = &["--user", "--map-root-user", "--net"];
    let works = |flags: &&[&str]| {
        let mut try_it = Command::new("unshare");
        try_it.args(*flags).args(["ip", "link", "set", "lo", "up"]);
        try_it.stderr(Stdio::null());
        try_it.status().is_ok_and(|status| status.success())
    };
    let Some(flags) = [as_root, as_user].into_iter().find(works) else {
        bail!(
            "needs a network namespace of its own: `unshare` (util-linux) and `ip` (iproute2), \
             and root or the right to unprivileged user namespaces"
        );
    };
    let mut command = Command::new("unshare");
    command.args(flags).arg("--").arg(std::env::current_exe()?);
    Ok(command)
}
