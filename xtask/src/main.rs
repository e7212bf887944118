//! What people and CI run beside `cargo test`: `cargo xtask VERB`.

mod prove;

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
    Prove(prove::Args),
    #[command(hide = true, subcommand)]
    ProvePart(prove::Part),
}

fn main() -> Result<ExitCode> {
    match Cli::parse().verb {
        Verb::Prove(args) => prove::run(&args),
        Verb::ProvePart(part) => part.run(),
    }
}
