//! The command line: a file a verb, each from what was typed (`Args`) to what is meant.
//!
//! In: arguments and `PORTWAY_…` variables. Out: an [`Exit`]. Never: text, which is
//! [`crate::render`]'s.

mod admin;
mod check;
mod cluster;
mod completions;
mod controller;
mod demo;
mod explain;
mod input;
mod log;
mod man;
mod plane;
mod proxy;
mod run;
mod status;
mod top;
mod wait;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::exit::Exit;

/// The version, and the commit it was built from.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("PORTWAY_COMMIT"),
    ")"
);

/// A layer 4 gateway that speaks Kubernetes Gateway API, with or without a cluster.
#[derive(Debug, Parser)]
#[command(
    name = "portway",
    version = VERSION,
    max_term_width = 100,
    after_help = "\
Start with:
  portway demo                            a gateway, two backends, real streams
  portway check -f examples/tcp-routing   what these files mean, and what is wrong
  portway run -f examples/tcp-routing     be the gateway that they describe

Every flag can be given as a variable: --dial-timeout is PORTWAY_DIAL_TIMEOUT."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Args),
    Check(check::Args),
    Status(status::Args),
    Explain(explain::Args),
    Top(top::Args),
    Controller(controller::Args),
    Proxy(proxy::Args),
    Demo(demo::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Cli {
    /// Does what was asked for.
    ///
    /// # Errors
    /// When it could not be done at all.
    pub(crate) fn run(self) -> Result<Exit> {
        match self.verb {
            Verb::Run(args) => run::run(args),
            Verb::Check(args) => check::run(args),
            Verb::Status(args) => status::run(args),
            Verb::Explain(args) => explain::run(&args),
            Verb::Top(args) => top::run(&args),
            Verb::Controller(args) => controller::run(args),
            Verb::Proxy(args) => proxy::run(args),
            Verb::Demo(args) => demo::run(args),
            Verb::Completions(args) => completions::run(&args),
            Verb::Man(args) => man::run(&args),
        }
    }
}
