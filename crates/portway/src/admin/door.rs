//! Where the admin server listens.
//!
//! In: a [`Door`]. Out: a socket that listens. Never: a socket file of another instance that lives
//! removed; a socket file that others than its user and group may open. Spec: unix(7).

use std::env;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tracing::debug;

use super::request::Reach;
use crate::limits::{ADMIN_BACKLOG, ADMIN_NESTS_MAX};

/// A place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Door {
    /// Where.
    pub(crate) at: At,
    /// Whether it may be missing.
    pub(crate) wanted: Wanted,
    /// What it lets through.
    pub(crate) reach: Reach,
}

/// Where a door is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// An address with port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Socket(PathBuf),
}

/// Who wants a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nobody said so: if it cannot be opened the instance runs without it.
    ByDefault,
    /// The user: if it cannot be opened there is no start.
    Explicitly,
}

/// A door could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("open the admin server at {at}")]
pub(crate) struct DoorError {
    at: At,
    source: io::Error,
}

/// A door that is open; a socket file goes away with it. The file goes first: as long as the socket
/// listens nobody takes the file for one that was left, and puts another in its place.
#[derive(Debug)]
pub(super) enum Opened {
    Tcp(TcpListener),
    Socket(SocketFile, UnixListener),
}

/// The file of a socket of ours. Removed with this value, unless it is another's by now.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

/// The socket of this user, or of the system.
pub(crate) fn default_socket() -> PathBuf {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let own = runtime.filter(|it| it.is_absolute());
    own.map_or_else(
        || PathBuf::from("/run/portway/portway.sock"),
        |it| it.join("portway.sock"),
    )
}

impl Door {
    /// Opens it.
    ///
    /// # Errors
    /// When the address or the file cannot be had.
    pub(super) fn open(&self) -> Result<Opened, DoorError> {
        let opened = match &self.at {
            At::Tcp(addr) => TcpListener::bind(addr).and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok(Opened::Tcp(listener))
            }),
            At::Socket(path) => {
                if self.wanted == Wanted::ByDefault {
                    make_directory(path);
                }
                bind_socket(path)
            }
        };
        opened.map_err(|source| DoorError {
            at: self.at.clone(),
            source,
        })
    }
}

impl DoorError {
    /// Whether another has the place, who may give it up: an instance that lets its connections
    /// finish keeps its doors until the last is over.
    pub(super) fn may_pass(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

impl Opened {
    /// Where it is.
    pub(super) fn at(&self) -> Option<At> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(At::Tcp),
            Self::Socket(file, _) => Some(At::Socket(file.path.clone())),
        }
    }
}

impl At {
    /// The address, where it is one.
    pub(super) fn addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(addr) => Some(*addr),
            Self::Socket(_) => None,
        }
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

/// `/run/portway`, where root starts us without a service manager that made it.
fn make_directory(socket: &Path) {
    if let Some(directory) = socket.parent()
        && let Err(error) = fs::create_dir(directory)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        debug!(%error, directory = %directory.display(), "no directory for the admin socket");
    }
}

/// Binds where nobody else can reach it, and moves it to its place when it is as it should be: so
/// the mode of no other file is set, whoever may write to the directory.
fn bind_socket(path: &Path) -> io::Result<Opened> {
    remove_stale(path)?;
    let socket = new_socket()?;
    let nest = Nest::beside(path)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(&nest.socket)?)?;
    // The umask of whoever started us took from it; who may not write to a socket may not connect.
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP;
    fs::set_permissions(&nest.socket, fs::Permissions::from_mode(mode.bits()))?;
    rustix::net::listen(&socket, ADMIN_BACKLOG)?;
    let file = SocketFile {
        path: path.to_owned(),
        identity: identity(&nest.socket),
    };
    // A link takes nobody's place.
    fs::hard_link(&nest.socket, path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => io::ErrorKind::AddrInUse.into(),
        _ => error,
    })?;
    Ok(Opened::Socket(file, UnixListener::from(socket)))
}

/// A directory of our own beside the place of a socket. It goes away with this value.
#[derive(Debug)]
struct Nest {
    directory: PathBuf,
    socket: PathBuf,
}

impl Nest {
    /// The names are short, since the path of a socket may have no more than 107 bytes.
    fn beside(path: &Path) -> io::Result<Self> {
        let parent = path.parent().unwrap_or(path);
        for n in 0..ADMIN_NESTS_MAX {
            let directory = parent.join(format!(".pw{n}-{}", process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&directory) {
                // Of one that was killed in it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => {
                    let socket = directory.join("s");
                    return made.map(|()| Self { directory, socket });
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Nest {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
        let _ = fs::remove_dir(&self.directory);
    }
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

/// Removes the socket of an instance that is gone. A file of another kind is not ours to remove.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // Whoever lives and takes in nobody at the moment is not waited for.
    match rustix::net::connect(&new_socket()?, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path),
        Ok(()) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}
