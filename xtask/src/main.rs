//! What people and CI run beside `cargo test`: `cargo xtask VERB`.

mod ci;

mod prove;

mod bench;

mod bench_control;
mod cluster;
mod conformance;
mod e2e;
mod helm;
mod image;
mod install;

mod golang;
mod interrupt;
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
    BenchControl(bench_control::Args),
    Cluster(cluster::Args),
    Conformance(conformance::Args),
    E2e(e2e::Args),
    #[command(hide = true)]
    E2eInside(e2e::Inside),
    Helm(helm::Args),
    Image(image::Args),
    Manifests(helm::ManifestArgs),
    Bench(bench::Args),
    Prove(prove::Args),
    #[command(hide = true, subcommand)]
    ProvePart(prove::Part),
    #[command(hide = true, subcommand)]
    BenchPart(bench::Part),
}

fn main() -> Result<ExitCode> {
    match Cli::parse().verb {
        Verb::Ci(args) => Ok(ci::run(&args)),
        Verb::BenchControl(args) => bench_control::run(&args),
        Verb::Cluster(args) => cluster::run(&args),
        Verb::Conformance(args) => conformance::run(&args),
        Verb::E2e(args) => e2e::run(&args),
        Verb::E2eInside(args) => e2e::run_inside(&args),
        Verb::Helm(args) => helm::run(&args),
        Verb::Manifests(args) => helm::manifests(&args),
        Verb::Image(args) => image::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Bench(args) => bench::run(&args),
        Verb::Prove(args) => prove::run(&args),
        Verb::ProvePart(part) => part.run(),
        Verb::BenchPart(part) => part.run(),
    }
}
