//! Sockets as the proofs need them: each wait bounded, and some that behave badly.
//!
//! In: addresses. Out: [`TcpStream`]s and [`TcpListener`]s. Never: a read or write without an end.

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};

use super::limits::{BACKLOG, DEADLINE, PORTS};

/// Connects. Reads and writes that take longer than [`DEADLINE`] fail.
///
/// # Errors
/// When nobody accepts.
pub(crate) fn connect(to: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, DEADLINE);
    patient(stream.with_context(|| format!("connect to {to}"))?)
}

/// Connects from this address.
///
/// # Errors
/// When nobody accepts, or the address is not ours.
pub(crate) fn connect_from(from: SocketAddr, to: SocketAddr) -> Result<TcpStream> {
    match open_from(from, to)? {
        Opened::Stream(stream) => Ok(stream),
        Opened::Reset => bail!("{from} was reset when it connected to {to}"),
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) enum Opened {
    Stream(TcpStream),
    /// It was reset so soon after that `connect(2)` itself tells of it. A port where nobody listens
    /// is refused instead, which is an error.
    Reset,
}

/// Connects from this address, and tells whether that was followed by a reset at once.
///
/// # Errors
/// When nobody accepts, or the address is not ours.
pub(crate) fn open_from(from: SocketAddr, to: SocketAddr) -> Result<Opened> {
    let socket = socket(to)?;
    rustix::net::bind(&socket, &from).with_context(|| format!("bind {from}"))?;
    finish(socket, to)
}

/// The same from whichever port the kernel likes: one that rests after a connection to another
/// address will do, so that there are always enough.
///
/// # Errors
/// When nobody accepts.
pub(crate) fn open(to: SocketAddr) -> Result<Opened> {
    finish(socket(to)?, to)
}

fn finish(socket: OwnedFd, to: SocketAddr) -> Result<Opened> {
    match rustix::net::connect(&socket, &to) {
        Ok(()) => patient(socket.into()).map(Opened::Stream),
        Err(Errno::CONNRESET) => Ok(Opened::Reset),
        Err(error) => Err(error).with_context(|| format!("connect to {to}")),
    }
}

/// Listens with a queue for this many connections.
///
/// # Errors
/// When the address is taken.
pub(crate) fn listen(addr: SocketAddr, backlog: i32) -> Result<TcpListener> {
    let listen = || {
        let socket = socket(addr)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &addr)?;
        rustix::net::listen(&socket, backlog)?;
        Ok::<_, Errno>(socket.into())
    };
    listen().with_context(|| format!("listen on {addr}"))
}

/// Listens on a port that the kernel chooses.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn listen_anywhere() -> Result<TcpListener> {
    listen((Ipv4Addr::LOCALHOST, 0).into(), BACKLOG)
}

fn socket(addr: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = match addr {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = rustix::net::SocketFlags::CLOEXEC;
    rustix::net::socket_with(family, SocketType::STREAM, flags, None)
}

/// The same with bounded waits and nothing held back.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn patient(stream: TcpStream) -> Result<TcpStream> {
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Closes with a reset.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn reset(stream: TcpStream) -> Result<()> {
    sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).context("set SO_LINGER")
}

/// Makes the kernel hold few bytes for this socket, `n_bytes` or a bit more each way.
///
/// Not too few: with less than a segment of loopback, 64 KiB, TCP moves a window only when a timer
/// of 200 ms says so.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn small_buffers(stream: &TcpStream, n_bytes: usize) -> Result<()> {
    sockopt::set_socket_recv_buffer_size(stream, n_bytes)?;
    sockopt::set_socket_send_buffer_size(stream, n_bytes)?;
    Ok(())
}

/// How a stream goes on, seen by one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Bytes,
    Fin,
    Reset,
}

/// Waits for what comes next.
///
/// # Errors
/// When nothing does, or the socket fails in another way.
pub(crate) fn next(stream: &TcpStream) -> Result<Next> {
    let mut stream = stream;
    match stream.read(&mut [0; 1024]) {
        Ok(0) => Ok(Next::Fin),
        Ok(_) => Ok(Next::Bytes),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Next::Reset),
        Err(error) => bail!("neither bytes nor an end: {error}"),
    }
}

impl Opened {
    /// Waits for what comes first.
    ///
    /// # Errors
    /// When nothing does, or the socket fails in another way than by a reset.
    pub(crate) fn next(&self) -> Result<Next> {
        match self {
            Self::Stream(stream) => next(stream),
            Self::Reset => Ok(Next::Reset),
        }
    }
}

/// Waits for a reset.
///
/// # Errors
/// When something else comes.
pub(crate) fn expect_reset(stream: &TcpStream) -> Result<()> {
    match next(stream)? {
        Next::Reset => Ok(()),
        other => bail!("a reset was due, not {other:?}"),
    }
}

/// A port that is free in both families.
///
/// # Errors
/// When none is.
pub(crate) fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let n_ports = PORTS.end - PORTS.start;
    let start = u16::try_from(std::process::id() % 97).unwrap_or(0) * 120;
    for _ in 0..n_ports {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % n_ports;
        let port = PORTS.start + offset;
        if is_free(port) {
            return Ok(port);
        }
    }
    bail!("no port of {PORTS:?} is free")
}

/// Whether nobody listens on this port, in either family.
pub(crate) fn is_free(port: u16) -> bool {
    let is_free = |addr: SocketAddr| match TcpListener::bind(addr) {
        Ok(_) => true,
        // A host without IPv6 has the port as free as can be.
        Err(error) => matches!(
            error.kind(),
            ErrorKind::AddrNotAvailable | ErrorKind::Unsupported
        ),
    };
    is_free((Ipv4Addr::UNSPECIFIED, port).into()) && is_free((Ipv6Addr::LOCALHOST, port).into())
}
