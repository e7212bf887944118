//! What people and CI run beside `cargo test`: `cargo xtask VERB`.

mod ci;

mod prove;

mod repo;
mod tally;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Ci(ci::Args),
    Prove(prove::Args),
    #[command(hide = true, subcommand)]
    ProvePart(prove::Part),
}

fn main() -> Result<ExitCode> {
    match Cli::parse().verb {
        Verb::Ci(args) => Ok(ci::run(&args)),
        Verb::Prove(args) => prove::run(&args),
        Verb::ProvePart(part) => part.run(),
    }
}
