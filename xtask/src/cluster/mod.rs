//! `cargo xtask cluster`: a real Kubernetes of one node, for the suite and our own end-to-end
//! tests.
//!
//! ```text
//!  host ── network namespace portway-XXXXXX ──────────────────────────────────────────────
//!            etcd ◄─ apiserver ◄─ controller-manager, scheduler, kubelet, proxy, loadbalancer
//!                                                       └► containerd ─► runc ─► pods on a bridge
//! ```
//!
//! In: a verb. Out: a cluster that keeps running, or none. Never: a change of the host's network:
//! each part is started in a network namespace made for it; and nothing that cannot be removed
//! later, even after SIGKILL: what is made is written down first, see [`record`].

mod cgroup;
mod down;
mod host;
pub(crate) mod images;
pub(crate) mod kubectl;
pub(crate) mod limits;
mod network;
pub(crate) mod objects;
pub(crate) mod parts;
mod prove;
mod record;
pub(crate) mod site;
mod up;

use std::fs::{self, File, TryLockError};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use self::kubectl::Kubectl;
use self::record::Record;
use self::site::Site;
use crate::interrupt::Interrupt;
use crate::tally::say;

/// Make, look at or remove a real Kubernetes for tests
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask cluster up                       some 15 seconds once all is built
  cargo xtask cluster kubectl get gateways -A
  cargo xtask cluster down
  cargo xtask cluster prove                    a minute: kill `up`, and see that `down` leaves nothing")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make it, unless it is there
    Up {
        /// Which CRDs of Gateway API
        #[arg(long, value_enum, default_value = "standard")]
        channel: Channel,
    },
    /// Remove it, or what is left of it
    Down,
    /// Kill `up` at several moments, and see that `down` leaves nothing; none may be up
    Prove,
    /// Say what of it runs
    Status,
    /// Run kubectl in it
    Kubectl {
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run a program in its network
    Exec {
        /// The program and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
}

/// A channel of Gateway API's CRDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Channel {
    Standard,
    Experimental,
}

impl Channel {
    /// As its folder is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Experimental => "experimental",
        }
    }
}

/// Does what was asked for.
///
/// # Errors
/// When it cannot be done; the message says what is missing.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let site = Site::here();
    match &args.verb {
        Verb::Up { channel } => {
            ensure_up(&site, *channel, &Interrupt::listen()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Down => {
            ensure_down(&site)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Prove => prove::run(&site),
        Verb::Status => status(&site),
        Verb::Kubectl { arguments } => {
            ensure_runs(&site)?;
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            Err(Kubectl::new(&site).command(&arguments).exec()).context("become kubectl")
        }
        Verb::Exec { command } => {
            ensure_runs(&site)?;
            let (program, arguments) = command.split_first().context("no program")?;
            let mut inside = site.inside(program);
            inside
                .args(arguments)
                .env("KUBECONFIG", site.kubeconfig("admin"));
            Err(inside.exec()).with_context(|| format!("become {program}"))
        }
    }
}

/// Sees that the cluster runs, and says whether it was made just now.
///
/// # Errors
/// When it cannot be made, or has the other channel's CRDs.
pub(crate) fn ensure_up(site: &Site, channel: Channel, interrupt: &Interrupt) -> Result<Made> {
    host::prepare(interrupt)?;
    let _lock = lock(site)?;
    if let Some(record) = Record::read(site)? {
        if stands(&record) {
            ensure!(
                record.channel == channel.name(),
                "a cluster with the {} CRDs is up, and they cannot be exchanged: \
                 `cargo xtask cluster down` first",
                record.channel
            );
            say(&format!("cluster {}: is up already", site.name));
            return Ok(Made::Before);
        }
        say(&format!(
            "cluster {}: removing what is left of the last one",
            site.name
        ));
        down::remove(site, &record)?;
    }
    let start = Instant::now();
    say(&format!(
        "cluster {}: starts, in a network namespace of this name",
        site.name
    ));
    up::make(site, channel.name(), interrupt)?;
    let seconds = start.elapsed().as_secs_f64();
    say(&format!("cluster {}: up in {seconds:.1} s", site.name));
    Ok(Made::JustNow)
}

/// Whether a cluster was there before it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    Before,
    JustNow,
}

/// Removes the cluster if there is one.
///
/// # Errors
/// When something of it stays.
pub(crate) fn ensure_down(site: &Site) -> Result<()> {
    let _lock = lock(site)?;
    let Some(record) = Record::read(site)? else {
        say("no cluster of this checkout is up");
        return Ok(());
    };
    let start = Instant::now();
    down::remove(site, &record)?;
    say(&format!(
        "cluster {}: removed in {:.1} s",
        site.name,
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// # Errors
/// When no cluster runs.
fn ensure_runs(site: &Site) -> Result<()> {
    let record = Record::read(site)?;
    ensure!(
        record.is_some_and(|it| stands(&it)),
        "no cluster is up: `cargo xtask cluster up`"
    );
    Ok(())
}

fn stands(record: &Record) -> bool {
    record.complete && record.parts.iter().all(record::Part::runs)
}

fn status(site: &Site) -> Result<ExitCode> {
    let Some(record) = Record::read(site)? else {
        say("no cluster of this checkout is up");
        return Ok(ExitCode::FAILURE);
    };
    say(&format!(
        "cluster {}: {} CRDs, logs in {}",
        site.name,
        record.channel,
        site.log("*").display()
    ));
    for part in &record.parts {
        let state = if part.runs() { "runs" } else { "is gone" };
        say(&format!("  {:20} {state:8} {}", part.name, part.pid));
    }
    Ok(if stands(&record) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Only one call at a time may make or remove; the kernel lets go when its process ends.
fn lock(site: &Site) -> Result<File> {
    fs::create_dir_all(&site.dir).context("create target/cluster")?;
    let file = File::create(site.dir.join("lock")).context("create target/cluster/lock")?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another `cargo xtask` is making or removing this checkout's cluster; wait for it"
            )
        }
        Err(TryLockError::Error(error)) => Err(error).context("lock target/cluster/lock"),
    }
}
