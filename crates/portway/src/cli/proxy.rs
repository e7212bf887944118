//! `portway proxy`: the data plane of one Gateway, fed by a controller.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use portway_feed::{ClientConfig, Controller};
use tracing::error;

use super::admin::{Choice, parse_addr};
use super::plane::PlaneArgs;
use crate::access_log::AccessLog;
use crate::admin::{self, At, Door, PROBES_PORT, Reach, Readiness, Wanted};
use crate::board::Board;
use crate::conn_log::{ConnLog, Heard};
use crate::exit::Exit;
use crate::fed::{Change, Config, Fed};
use crate::host;
use crate::signals::Signals;

/// Where Pods of ours have the CA of the controller.
const CA_FILE: &str = "/var/run/portway/feed/ca.crt";

/// Where they have their token.
const TOKEN_FILE: &str = "/var/run/portway/feed/token";

/// Be the data plane of one Gateway, fed by a controller
///
/// What a Pod of a Gateway runs. It gets its routing table from the controller and moves bytes; it
/// needs no access to the Kubernetes API. Without a controller it keeps the table it has and tries
/// again for as long as it runs; one that has just started waits for its first table, not ready.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  portway proxy --controller portway-feed.portway-system.svc:15010
  curl http://POD:15021/readyz    ready, or why not yet

Signals:
  SIGTERM, SIGINT   accept no more, let open connections finish up to --drain-timeout, then exit;
                    a second one ends at once

Exit codes:
  0   ended by a signal
  2   could not run: wrong flags, or nothing could listen at --pod-addr
  70  a worker died: a defect, please report it")]
pub(crate) struct Args {
    /// Name and port of the controllers; all their addresses are tried. May be given several times.
    #[arg(
        long,
        value_name = "HOST:PORT",
        required = true,
        env = "PORTWAY_CONTROLLER",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = parse_controller
    )]
    controller: Vec<Controller>,

    /// Certificates to check the controller against, PEM; read again at each connect.
    #[arg(
        long,
        value_name = "FILE",
        default_value = CA_FILE,
        env = "PORTWAY_CA_FILE",
        hide_env_values = true
    )]
    ca_file: PathBuf,

    /// Token that proves whose proxy this is; read again at each connect.
    #[arg(
        long,
        value_name = "FILE",
        default_value = TOKEN_FILE,
        env = "PORTWAY_TOKEN_FILE",
        hide_env_values = true
    )]
    token_file: PathBuf,

    /// Where health, readiness and metrics are told to everybody, or `off`; by default port 15021.
    #[arg(
        long,
        value_name = "ADDR|off",
        env = "PORTWAY_POD_ADDR",
        hide_env_values = true,
        value_parser = parse_addr
    )]
    pod_addr: Option<Choice<SocketAddr>>,

    #[command(flatten)]
    plane: PlaneArgs,
}

/// Runs until a signal comes.
///
/// # Errors
/// When the host refuses what a proxy needs.
pub(crate) fn run(args: Args) -> Result<Exit> {
    let plane = args.plane;
    plane.log.start();
    let signals = Signals::catch().context("watch for signals")?;
    let mut doors: Vec<Door> = pod_door(args.pod_addr).into_iter().collect();
    doors.extend(plane.admin.doors_beside_listeners());
    let config = Config {
        proxy: plane.config()?,
        feed: ClientConfig {
            controllers: args.controller,
            ca_file: args.ca_file,
            token_file: args.token_file,
        },
        drain_timeout: plane.drain_timeout(),
    };
    let board = Arc::new(Board::new("proxy"));
    let admin = admin::serve(&doors, Arc::<Board>::clone(&board))?;
    let access_log = plane.access_log(&board)?;
    let pen = access_log.as_ref().map(AccessLog::pen);
    let mut connections = ConnLog::new(board.observer());
    let tell = move |heard: Heard<'_>| {
        if let (Heard::Closed(record), Some(pen)) = (heard, &pen) {
            pen.tell(record);
        }
        connections.hear(heard)
    };
    let (mut fed, link) = Fed::start(config, signals, Arc::clone(&board), tell)?;
    board.observe(fed.observer());
    board.follow(link);
    let exit = match serve(&mut fed, &board) {
        Ok(Exit::Fine) => {
            board.set_readiness(Readiness::Draining);
            Ok(fed.shutdown())
        }
        other => {
            fed.cut();
            other
        }
    };
    if let Some(access_log) = access_log {
        access_log.finish();
    }
    drop(admin);
    exit
}

/// Serves until there is a reason to end.
fn serve(fed: &mut Fed, board: &Board) -> Result<Exit> {
    loop {
        match fed.next()? {
            Change::Applied => board.set_readiness(Readiness::Ready),
            Change::Stop => return Ok(Exit::Fine),
            Change::WorkerDied => {
                error!("a worker died: a defect of Portway, ending");
                return Ok(Exit::WorkerDied);
            }
        }
    }
}

/// Probes that nobody answers would end the Pod, so this door must open.
fn pod_door(asked: Option<Choice<SocketAddr>>) -> Option<Door> {
    let addr = match asked {
        Some(Choice::Off) => return None,
        Some(Choice::At(addr)) => addr,
        // Both families where there are both.
        None => (Ipv6Addr::UNSPECIFIED, PROBES_PORT).into(),
    };
    let is_any_v6 = addr.ip() == Ipv6Addr::UNSPECIFIED;
    let addr = if is_any_v6 && !host::is_bindable(&addr.ip()) {
        (Ipv4Addr::UNSPECIFIED, addr.port()).into()
    } else {
        addr
    };
    Some(Door {
        at: At::Tcp(addr),
        wanted: Wanted::Explicitly,
        reach: Reach::Probes,
    })
}

fn parse_controller(text: &str) -> Result<Controller, String> {
    let expected = || "expected a name or address with port, as portway-feed.portway.svc:15010";
    let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
    let host = host
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .unwrap_or(host);
    let port = port
        .parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(expected)?;
    if host.is_empty() {
        return Err(expected().to_owned());
    }
    Ok(Controller {
        host: host.to_owned(),
        port,
    })
}
