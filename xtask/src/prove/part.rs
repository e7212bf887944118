//! The processes that a proof is made of: this program in other roles.
//!
//! In: a role and its arguments, given by [`super::run`] or by a proof. Out: an exit code. Never:
//! a call by people; the verb is hidden.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use super::limits::SEED;
use super::peer::Echo;
use super::proofs::Needs;
use super::stage::{Scale, Stage, Way};
use super::{process, proofs, random};
use crate::tally::say;

/// A role.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Part {
    /// Does one proof.
    Proof {
        /// Its name.
        name: String,
        #[command(flatten)]
        args: ProofArgs,
    },
    /// A server that greets and echoes until it is killed.
    Echo {
        /// Where it listens.
        #[arg(long)]
        bind: SocketAddr,
        /// What it says at once to whoever connects.
        #[arg(long, default_value = "")]
        greeting: String,
    },
    /// Becomes another program that ends with its parent.
    Exec {
        /// Its limit of descriptors, soft and hard.
        #[arg(long)]
        descriptors: Option<u64>,
        /// The program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

/// How a proof is done.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ProofArgs {
    /// The binary; none is needed without it.
    #[arg(long)]
    pub(crate) portway: Option<PathBuf>,
    #[arg(long)]
    pub(crate) short: bool,
    #[arg(long)]
    pub(crate) direct: bool,
    #[arg(long, value_parser = random::parse_seed)]
    pub(crate) seed: Option<u64>,
}

impl ProofArgs {
    /// As they are typed.
    pub(crate) fn to_args(&self) -> Vec<OsString> {
        let mut args = Vec::new();
        if let Some(portway) = &self.portway {
            args.extend(["--portway".into(), portway.clone().into()]);
        }
        args.extend(self.short.then(|| "--short".into()));
        args.extend(self.direct.then(|| "--direct".into()));
        args.extend(self.seed.map(|seed| format!("--seed={seed}").into()));
        args
    }

    pub(crate) const fn scale(&self) -> Scale {
        match self.short {
            true => Scale::Short,
            false => Scale::Full,
        }
    }
}

impl Part {
    /// Plays the role to its end.
    ///
    /// # Errors
    /// When it cannot even begin.
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Proof { name, args } => prove(&name, args),
            Self::Echo { bind, greeting } => {
                process::end_with_parent()?;
                process::raise_descriptors()?;
                let echo = Echo::bind(bind, &greeting)?;
                say(&format!("listening on {}", echo.addr()));
                echo.serve()?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Exec {
                descriptors,
                command,
            } => {
                process::become_command(descriptors, &command)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn prove(name: &str, args: ProofArgs) -> Result<ExitCode> {
    process::end_with_parent()?;
    process::raise_descriptors()?;
    let mut proofs = proofs::ALL.iter();
    let proof = proofs.find(|it| it.name == name).context("unknown proof")?;
    if proof.needs == Needs::Namespace {
        loopback_up()?;
    }
    let stage = Stage::set(
        name,
        Stage {
            scale: args.scale(),
            way: match args.direct {
                true => Way::Direct,
                false => Way::ThroughPortway,
            },
            asked_seed: args.seed,
            seed: args.seed.unwrap_or(SEED),
            portway: args.portway,
            dir: PathBuf::new(),
        },
    )?;
    match (proof.run)(&stage) {
        Ok(()) => {
            stage.strike()?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            say(&format!("  {error:#}"));
            say(&format!(
                "  seed {:#x}, files stay in {}",
                stage.seed,
                stage.dir.display()
            ));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A new namespace has a loopback that is down.
fn loopback_up() -> Result<()> {
    let mut command = Command::new("ip");
    let status = command.args(["link", "set", "lo", "up"]).status();
    let status = status.context("run ip (iproute2)")?;
    ensure!(status.success(), "ip cannot set loopback up");
    Ok(())
}
