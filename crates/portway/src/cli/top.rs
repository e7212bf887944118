//! `portway top`: what a running instance does, followed on a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use anyhow::{Result, bail};

use super::admin::AskArgs;
use super::wait;
use crate::exit::Exit;
use crate::limits::STATUS_WATCH_INTERVAL;
use crate::top;

/// Follow listeners, routes, endpoints and connections on a terminal
///
/// Asks the instance on this host, as `status` does, and shows who is busy: connections and bytes a
/// second, of clients' bytes in and out. Waits for an instance that is not there, or no more.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Keys:
  Tab, 1-4        the next table; listeners, routes, endpoints, connections
  Left, Right     sort by the column beside; r turns the order around
  Up, Down, PgUp, PgDn, Home, End    scroll
  q, Esc, Ctrl-C  quit

Examples:
  portway top
  portway top --interval 5s
  portway top --admin 127.0.0.1:9181

Exit codes:
  0  left by a key or a signal
  2  could not run: stdout is no terminal, wrong flags")]
pub(crate) struct Args {
    #[command(flatten)]
    admin: AskArgs,

    /// Wait between two looks, as 300ms, 5s, 2m or 1h.
    #[arg(
        long,
        value_name = "WAIT",
        default_value = "1s",
        env = "PORTWAY_INTERVAL",
        hide_env_values = true,
        value_parser = wait::parse_some
    )]
    interval: Duration,
}

/// Follows until somebody leaves.
///
/// # Errors
/// When there is no terminal, or it cannot be drawn on.
pub(crate) fn run(args: &Args) -> Result<Exit> {
    if !io::stdout().is_terminal() {
        bail!("`top` draws on a terminal, and stdout is none; `portway status --watch` writes");
    }
    let interval = args.interval.max(STATUS_WATCH_INTERVAL);
    top::run(args.admin.places()?, interval)?;
    Ok(Exit::Fine)
}
