//! Portway: an L4 gateway on this host or in a cluster, described by Gateway API objects.
//!
//! In: a command line. Out: an exit code. The verbs are in [`cli`]; [`wiring`] shows on one page
//! who is connected to whom while a gateway runs.
#![forbid(unsafe_code)]

mod cli;

mod wiring;

mod fed;

mod board;

mod admin;
mod metrics;

mod news;

mod access_log;
mod conn_log;
mod logging;
mod state_log;

mod inputs;
mod source_files;
mod watch;

mod reports;
mod resolver;

mod host;
mod signals;
mod systemd;

mod echo;

mod outline;
mod stored;
mod subject;

mod render;
mod top;

mod exit;
mod limits;

#[cfg(test)]
mod reference;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let result = cli::Cli::parse().run();
    logging::finish();
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            render::failure(&error);
            exit::Exit::CouldNotRun.into()
        }
    }
}
