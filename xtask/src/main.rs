//! What people and CI run beside `cargo test`: `cargo xtask VERB`.
#![forbid(unsafe_code)]

mod bless;
mod ci;
mod crds;
mod dist;
mod docs;
mod fuzz;
mod tidy;
mod upstream;

mod prove;
mod soak;

mod bench;

mod bench_control;
mod cluster;
mod conformance;
mod e2e;
mod helm;
mod image;
mod install;

mod gateway;
mod golang;
mod interrupt;
mod repo;
mod source;
mod tally;
mod tools;
mod tree;

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
    Bless(bless::Args),
    Ci(ci::Args),
    Crds(crds::Args),
    Docs(docs::Args),
    Tidy(tidy::Args),
    Fuzz(fuzz::Args),
    Dist(dist::Args),
    Upstream(upstream::Args),
    Prove(prove::Args),
    Soak(soak::Args),
    Cluster(cluster::Args),
    Conformance(conformance::Args),
    E2e(e2e::Args),
    #[command(hide = true)]
    E2eInside(e2e::Inside),
    Helm(helm::Args),
    Image(image::Args),
    Manifests(helm::ManifestArgs),
    Bench(bench::Args),
    BenchControl(bench_control::Args),
    #[command(hide = true, subcommand)]
    ProvePart(prove::Part),
    #[command(hide = true, subcommand)]
    BenchPart(bench::Part),
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            // Where in xtask it was noticed helps nobody: no backtrace.
            tally::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Bless(args) => bless::run(&args),
        Verb::Ci(args) => Ok(ci::run(&args)),
        Verb::Crds(args) => crds::run(&args),
        Verb::Docs(args) => docs::run(&args),
        Verb::Tidy(args) => tidy::run(&args),
        Verb::Fuzz(args) => fuzz::run(&args),
        Verb::Dist(args) => dist::run(&args),
        Verb::Upstream(args) => upstream::run(&args),
        Verb::Prove(args) => prove::run(&args),
        Verb::Soak(args) => soak::run(&args),
        Verb::Cluster(args) => cluster::run(&args),
        Verb::Conformance(args) => conformance::run(&args),
        Verb::E2e(args) => e2e::run(&args),
        Verb::E2eInside(args) => e2e::run_inside(&args),
        Verb::Helm(args) => helm::run(&args),
        Verb::Manifests(args) => helm::manifests(&args),
        Verb::Image(args) => image::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Bench(args) => bench::run(&args),
        Verb::BenchControl(args) => bench_control::run(&args),
        Verb::ProvePart(part) => part.run(),
        Verb::BenchPart(part) => part.run(),
    }
}
