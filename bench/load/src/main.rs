//! `portway-load`: the client and the backend of a measurement, as cheap as they can be.
//!
//! ```text
//!  portway-load drive JOB ══ bytes ══► (a gateway, or nothing) ══ bytes ══► portway-load serve
//!        └► one line of JSON: what was done, how long it took, what CPU time went where
//! ```
//!
//! In: addresses and a job. Out: one JSON object on stdout. Never: an async runtime, an address
//! that was not given, an end that does not come: every job is bounded in count and time.
#![forbid(unsafe_code)]

mod args;
mod dial;
mod drive;
mod serve;

mod bulk;
mod change;
mod connects;
mod crowd;
mod integrity;
mod requests;

mod exchange;
mod histogram;
mod limits;
mod pattern;
mod poll;
mod protocol;
mod usage;
mod window;

use std::io::Write;

use anyhow::{Context, Result};
use clap::Parser;

use self::args::{Cli, Role};

fn main() -> Result<()> {
    window::raise_descriptors()?;
    match Cli::parse().role {
        Role::Serve(args) => serve::run(&args),
        Role::Drive(args) => {
            let line = drive::run(&args)?;
            let mut out = std::io::stdout().lock();
            writeln!(out, "{line}").context("write the result")
        }
    }
}
