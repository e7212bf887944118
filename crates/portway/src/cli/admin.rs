//! `--admin`, `--admin-socket`: where a running instance answers questions about itself.
//!
//! In: [`AdminArgs`] of verbs that run, [`AskArgs`] of those that ask. Out: [`Door`]s, places.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ArgMatches;
use clap::parser::ValueSource;
use tracing::warn;

use crate::admin::{ADMIN_ADDR, At, Door, Reach, Wanted, default_socket};

/// Where to answer.
#[derive(Debug, clap::Args)]
pub(crate) struct AdminArgs {
    /// Where health, metrics and status are told over HTTP, or `off`.
    ///
    /// By default 127.0.0.1:9180, as soon as no other instance has that; a proxy has none, since its
    /// Gateway may use any port. `off` also means no socket, but for
    /// one that is named. There is no password: on another address than loopback everybody who can
    /// reach it can read.
    #[arg(
        long,
        value_name = "ADDR|off",
        env = "PORTWAY_ADMIN",
        hide_env_values = true,
        value_parser = parse_addr
    )]
    admin: Option<Choice<SocketAddr>>,

    /// Unix socket that tells the same, or `off`; by default in $XDG_RUNTIME_DIR or /run/portway.
    #[arg(
        long,
        value_name = "PATH|off",
        env = "PORTWAY_ADMIN_SOCKET",
        hide_env_values = true,
        value_parser = parse_path
    )]
    admin_socket: Option<Choice<PathBuf>>,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice<T> {
    /// None at all.
    Off,
    /// This.
    At(T),
}

/// An address with port, or `off`.
///
/// # Errors
/// What was expected.
pub(super) fn parse_addr(text: &str) -> Result<Choice<SocketAddr>, String> {
    match text {
        "off" => Ok(Choice::Off),
        addr => addr.parse().map(Choice::At).map_err(|_| {
            "expected an address with port, as 127.0.0.1:9180 or [::1]:9180, or off".to_owned()
        }),
    }
}

fn parse_path(text: &str) -> Result<Choice<PathBuf>, String> {
    Ok(match text {
        "off" => Choice::Off,
        path => Choice::At(path.into()),
    })
}

impl AdminArgs {
    /// The doors beside listeners of any port: on loopback none that was not asked for.
    pub(super) fn doors_beside_listeners(&self) -> Vec<Door> {
        let mut doors = self.doors();
        doors.retain(|it| it.wanted == Wanted::Explicitly || matches!(it.at, At::Socket(_)));
        doors
    }

    /// The doors to open.
    pub(crate) fn doors(&self) -> Vec<Door> {
        let tcp = match &self.admin {
            None => Some((ADMIN_ADDR, Wanted::ByDefault)),
            Some(Choice::Off) => None,
            Some(Choice::At(addr)) => Some((*addr, Wanted::Explicitly)),
        };
        let socket = match (&self.admin_socket, &self.admin) {
            (Some(Choice::Off), _) | (None, Some(Choice::Off)) => None,
            (None, _) => Some((default_socket(), Wanted::ByDefault)),
            (Some(Choice::At(path)), _) => Some((path.clone(), Wanted::Explicitly)),
        };
        let tcp = tcp.map(|(addr, wanted)| {
            if !addr.ip().is_loopback() {
                warn!(%addr, "the admin server is open to whoever can reach it");
            }
            Door {
                at: At::Tcp(addr),
                wanted,
                reach: Reach::Loopback,
            }
        });
        let socket = socket.map(|(path, wanted)| Door {
            at: At::Socket(path),
            wanted,
            reach: Reach::Socket,
        });
        tcp.into_iter().chain(socket).collect()
    }
}

/// Where to ask. A flag goes before a variable that names another place.
#[derive(Debug)]
pub(crate) struct AskArgs(Places);

/// What was given of it.
#[derive(Debug, clap::Args)]
struct Places {
    /// Address of the instance; by default its socket is tried, then 127.0.0.1:9180.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PORTWAY_ADMIN",
        hide_env_values = true,
        value_parser = parse_addr
    )]
    admin: Option<Choice<SocketAddr>>,

    /// Socket of the instance; by default in $XDG_RUNTIME_DIR or /run/portway.
    #[arg(
        long,
        value_name = "PATH",
        env = "PORTWAY_ADMIN_SOCKET",
        hide_env_values = true,
        value_parser = parse_path
    )]
    admin_socket: Option<Choice<PathBuf>>,
}

impl clap::Args for AskArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        Places::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Places::augment_args_for_update(command)
    }
}

impl clap::FromArgMatches for AskArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut places = Places::from_arg_matches(matches)?;
        let is_typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        // `off` names no place: then the variable's stays.
        match (is_typed("admin"), is_typed("admin_socket")) {
            (true, false) if places.admin != Some(Choice::Off) => places.admin_socket = None,
            (false, true) if places.admin_socket != Some(Choice::Off) => places.admin = None,
            _ => {}
        }
        Ok(Self(places))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl AskArgs {
    /// Where to ask, in order. Whoever names one place means that one.
    ///
    /// # Errors
    /// When there is none: `off` is where `run` and `proxy` tell nothing.
    pub(crate) fn places(&self) -> Result<Vec<At>> {
        let tcp = |addr: &SocketAddr| At::Tcp(*addr);
        let places: Vec<At> = match (&self.0.admin_socket, &self.0.admin) {
            (None, None) => vec![At::Socket(default_socket()), At::Tcp(ADMIN_ADDR)],
            (Some(Choice::Off), None) => vec![At::Tcp(ADMIN_ADDR)],
            (socket, addr) => {
                let socket = socket.as_ref().and_then(Choice::place).cloned();
                let addr = addr.as_ref().and_then(Choice::place).map(tcp);
                socket.map(At::Socket).into_iter().chain(addr).collect()
            }
        };
        if places.is_empty() {
            bail!(
                "nobody to ask: --admin (or PORTWAY_ADMIN) is `off`, with which an instance tells \
                 nothing of itself; name where it does tell, with --admin ADDR or \
                 --admin-socket PATH"
            );
        }
        Ok(places)
    }
}

impl<T> Choice<T> {
    fn place(&self) -> Option<&T> {
        match self {
            Self::Off => None,
            Self::At(place) => Some(place),
        }
    }
}
