//! `portway explain`: why something is as it is.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use portway_control::diagnostic::{Code, catalog};
use portway_control::translate::explain::explain;

use super::check::TargetArg;
use super::cluster::KubeArgs;
use super::input::{Input, Strictness};
use super::subject::Wanted;
use crate::exit::Exit;
use crate::render::{self, Paint};

/// Say why something is as it is: a route, a Gateway, an address, a code
///
/// Tells the decisions in the order in which they are made, each with the field that decided, who
/// wins and why, and what a connection would get.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  portway explain tcproute/tcp-app-1 -f examples/tcp-routing
  portway explain gateway/team-a/edge -f gateways/ --target cluster
  portway explain 127.0.0.1:8080 -f examples/tcp-routing      what a connection there gets
  portway explain :8080 -f examples/tcp-routing               the same, on any address
  portway explain tcproute/db --kube --target cluster         with what a cluster has
  portway explain PW0203                                      the page of a code

Exit codes:
  0  explained
  2  could not run: no such object or code, unreadable input, wrong flags")]
pub(crate) struct Args {
    /// tcproute/[NAMESPACE/]NAME, gateway/[NAMESPACE/]NAME, HOST:PORT, or a code.
    #[arg(value_name = "SUBJECT")]
    subject: Wanted,

    /// A file, a directory, or `-` for standard input; may be given several times.
    #[arg(
        short = 'f',
        long = "file",
        value_name = "PATH",
        env = "PORTWAY_FILE",
        hide_env_values = true
    )]
    files: Vec<PathBuf>,

    #[command(flatten)]
    kube: KubeArgs,

    /// Where the objects would be used.
    #[arg(
        long,
        value_enum,
        default_value = "standalone",
        env = "PORTWAY_TARGET",
        hide_env_values = true
    )]
    target: TargetArg,

    /// What to print.
    #[arg(
        short,
        long,
        value_enum,
        default_value = "text",
        env = "PORTWAY_OUTPUT",
        hide_env_values = true
    )]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For machines
    Json,
}

/// Explains.
///
/// # Errors
/// When there is no such subject, the input cannot be read or the result cannot be written.
pub(crate) fn run(args: &Args) -> Result<Exit> {
    let text = match &args.subject {
        Wanted::Code(code) => page(*code, args.output)?,
        subject => from_files(args, subject)?,
    };
    render::stdout(&text).context("write the result")?;
    Ok(Exit::Fine)
}

fn page(code: Code, output: Output) -> Result<String> {
    let Some(entry) = catalog().find(|entry| entry.code == code) else {
        bail!("there is no code {code}; docs/reference/diagnostics.md has all of them");
    };
    Ok(match output {
        Output::Text => render::explain::page(entry, Paint::for_stdout()),
        Output::Json => render::explain::page_json(entry),
    })
}

fn from_files(args: &Args, wanted: &Wanted) -> Result<String> {
    let cluster = args.kube.objects()?;
    if args.files.is_empty() && cluster.is_none() {
        bail!("nothing to explain it from: give the files with `-f PATH`, or `--kube`");
    }
    let mut input = Input::read(&args.files, Strictness::Usual)?;
    input.reading.objects.complete(cluster.unwrap_or_default());
    let snapshot = input.snapshot(args.target.target());
    let subject = wanted.subject(&snapshot.objects)?;
    let explanation = subject.and_then(|subject| explain(&snapshot, &subject));
    let explanation = explanation.context("there is no such object")?;
    Ok(match args.output {
        Output::Text => render::explain::show(&explanation, Paint::for_stdout()),
        Output::Json => render::explain::json(&explanation),
    })
}
