//! `portway status`: what a running instance serves, and how it does; or what stands in a cluster.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use clap::builder::BoolishValueParser;
use serde_json::Value;

use super::admin::AskArgs;
use super::cluster::{KubeArgs, NamedArgs};
use super::wait;
use crate::admin::ask;
use crate::exit::Exit;
use crate::limits::STATUS_WATCH_INTERVAL;
use crate::render::page::Extent;
use crate::render::{self, Paint};
use crate::stored;

/// Say what a running instance serves, what it does not and why
///
/// Asks the instance on this host: first at its socket, then at its address. Shows what is wrong
/// first, then the busiest; --all shows everything. With --kube it asks no instance but the Kubernetes
/// API: which Gateways, listeners and routes there are, and what stands in their statuses; and where
/// the Lease may be read, whether a controller leads that would write them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  portway status
  portway status --all
  portway status --watch
  portway status --admin 127.0.0.1:9181
  portway status --output json | jq '.routes[] | select(.connections.open > 0) | .fullName'
  portway status --kube

Exit codes:
  0  it takes connections, and its configuration has no errors and no file that is not used;
     with --kube, every Gateway, listener and route is as it was meant
  1  it does not, or its configuration has; with --kube, one is not
  2  no instance, or no cluster, answered")]
pub(crate) struct Args {
    #[command(flatten)]
    admin: AskArgs,

    #[command(flatten)]
    kube: KubeArgs,

    #[command(flatten)]
    named: NamedArgs,

    /// Show all listeners, routes, backends and endpoints.
    #[arg(
        long,
        env = "PORTWAY_ALL",
        hide_env_values = true,
        value_parser = BoolishValueParser::new()
    )]
    all: bool,

    /// Show it again and again, by default every 2s; a WAIT is as 300ms, 5s, 2m or 1h.
    #[arg(
        long,
        value_name = "WAIT",
        num_args = 0..=1,
        default_missing_value = "2s",
        env = "PORTWAY_WATCH",
        hide_env_values = true,
        value_parser = wait::parse_some
    )]
    watch: Option<Duration>,

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For machines: as docs/reference/admin-api.md tells; with --watch a line each time
    Json,
    /// The same as YAML
    Yaml,
}

/// Asks, and shows the answer.
///
/// # Errors
/// When no instance or cluster answers, or the answer cannot be written.
pub(crate) fn run(args: Args) -> Result<Exit> {
    let is_kube = args.kube.is_wanted();
    let places = match is_kube {
        true => Vec::new(),
        false => args.admin.places()?,
    };
    loop {
        let status = match args.kube.objects()? {
            None => ask(&places, "/api/v1/status")?,
            Some(objects) => {
                let name = &args.named.controller_name;
                stored::of(&objects, name, args.kube.lead(name)?)
            }
        };
        let text = show(&status, &args)?;
        let read = render::stdout_while_read(&text).context("write the status")?;
        let Some(wait) = args.watch.filter(|_| read.is_continue()) else {
            return Ok(match is_kube {
                true => exit_of(render::cluster::n_problems(&status)),
                false => exit(&status),
            });
        };
        thread::sleep(wait.max(STATUS_WATCH_INTERVAL));
    }
}

fn show(status: &Value, args: &Args) -> Result<String> {
    let paint = Paint::for_stdout();
    let extent = match args.all {
        true => Extent::All,
        false => Extent::WhatMatters,
    };
    let text = || match args.kube.is_wanted() {
        true => render::cluster::show(status, extent, paint),
        false => render::instance::show(status, extent, paint),
    };
    Ok(match (args.output, args.watch) {
        (Output::Text, None) => text(),
        (Output::Text, Some(_)) => {
            let text = text();
            match io::stdout().is_terminal() {
                // Home, the text, and away with what was below: nothing flickers.
                true => format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n")),
                false => text + "\n",
            }
        }
        (Output::Json, None) => serde_json::to_string_pretty(status).context("show it")? + "\n",
        (Output::Json, Some(_)) => format!("{status}\n"),
        (Output::Yaml, None) => render::yaml::document(status),
        (Output::Yaml, Some(_)) => format!("---\n{}", render::yaml::document(status)),
    })
}

fn exit(status: &Value) -> Exit {
    let n = |of: &str, what: &str| status[of][what].as_u64().unwrap_or(0);
    let n_errors = n("findings", "errors") + n("files", "unusedCount") + n("files", "unreadCount");
    let gateways = status["gateways"].as_array();
    let is_idle = status["role"] == "run" && gateways.is_none_or(Vec::is_empty);
    match status["state"] == "ready" && !is_idle && n_errors == 0 {
        true => Exit::Fine,
        false => Exit::Problems,
    }
}

fn exit_of(n_problems: usize) -> Exit {
    match n_problems {
        0 => Exit::Fine,
        _ => Exit::Problems,
    }
}
