//! The processes that an arena is made of: this program in other roles.
//!
//! In: a role and its arguments, given by [`super::arena`]. Out: an exit code. Never: a call by
//! people; the verb is hidden. A process that outlives its parent.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use rustix::process::setpriority_process;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::limits::NICENESS;
use super::{Args, measure};
use crate::prove::process;
use crate::tally::say;

/// A role.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Part {
    /// Measures, in a session of its own.
    Session {
        #[command(flatten)]
        args: Args,
    },
    /// Holds the network namespace it was started in, until its parent ends.
    Hold {
        /// Settings of the kernel there, as `net/ipv4/ip_forward=1`.
        settings: Vec<String>,
    },
    /// Becomes another program, in a namespace, which ends with its parent.
    Enter {
        /// The process that holds the namespace.
        #[arg(long)]
        holder: u32,
        /// Niceness.
        #[arg(long, allow_hyphen_values = true)]
        nice: i32,
        /// The program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

impl Part {
    /// Plays the role to its end.
    ///
    /// # Errors
    /// When it cannot even begin.
    pub(crate) fn run(self) -> Result<ExitCode> {
        process::end_with_parent()?;
        match self {
            Self::Session { args } => return session(&args),
            Self::Hold { settings } => hold(&settings)?,
            Self::Enter {
                holder,
                nice,
                command,
            } => enter(holder, nice, &command)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Kernels that share CPU time out among sessions first (sched(7), autogroup) look at the niceness
/// of a session, and only within one at that of its processes.
fn session(args: &Args) -> Result<ExitCode> {
    rustix::process::setsid().context("begin a session")?;
    // A kernel without autogroups has no such file, and needs none.
    let _ = fs::write("/proc/self/autogroup", NICENESS.to_string());
    measure(args)
}

fn hold(settings: &[String]) -> Result<()> {
    for setting in settings {
        let (name, value) = setting
            .split_once('=')
            .context("a setting without a value")?;
        let path = Path::new("/proc/sys").join(name);
        fs::write(&path, value).with_context(|| format!("write {value} to {}", path.display()))?;
    }
    say("holds");
    // The other end closes with whoever started us.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn enter(holder: u32, nice: i32, command: &[String]) -> Result<()> {
    let path = format!("/proc/{holder}/ns/net");
    let namespace = File::open(&path).with_context(|| format!("open {path}"))?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .context("enter a network namespace")?;
    // Not everybody may be less nice than others; then all stay as they are.
    let _ = setpriority_process(None, nice);
    let (program, arguments) = command.split_first().context("no command")?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("start {program}"))
}
