//! Opens the listening sockets of an address: one for each worker.
//!
//! In: an address, a number of workers. Out: sockets that listen, or why they do not. Never: two
//! owners of a port. With `SO_REUSEPORT` alone a second instance would share a port silently; so
//! the first socket binds without it, which makes `EADDRINUSE` true, and only then lets the others
//! join.
//! Spec: socket(7), ip(7), ipv6(7).

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use crate::limits::BACKLOG;
use crate::sys::{Errno, Result, tcp};

/// Sockets that listen on one address.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The address, with the port the kernel chose where 0 was asked for.
    pub(crate) addr: SocketAddr,
    /// One for each worker.
    pub(crate) sockets: Vec<OwnedFd>,
}

/// Opens `n` sockets on `addr`, all or none.
///
/// # Errors
/// What the kernel said first; `EAFNOSUPPORT` for the IPv6 wildcard on a host without IPv6,
/// whichever way it is switched off.
pub(crate) fn open(addr: SocketAddr, n: usize) -> Result<Opened> {
    let first = tcp::socket(addr)?;
    tcp::bind(first.as_fd(), addr).map_err(|error| without_ipv6(addr, error))?;
    tcp::share_port(first.as_fd())?;
    let addr = tcp::local_addr(first.as_fd())?;
    let mut sockets = Vec::with_capacity(n);
    sockets.push(first);
    for _ in 1..n {
        let next = tcp::socket(addr)?;
        tcp::share_port(next.as_fd())?;
        tcp::bind(next.as_fd(), addr)?;
        sockets.push(next);
    }
    for socket in &sockets {
        // Inherited by every connection, which saves each of them six calls.
        tcp::send_at_once(socket.as_fd())?;
        tcp::keep_alive(socket.as_fd())?;
        tcp::listen(socket.as_fd(), BACKLOG)?;
    }
    Ok(Opened { addr, sockets })
}

/// A kernel with IPv6 switched off by sysctl still makes IPv6 sockets, and has no address for them.
fn without_ipv6(addr: SocketAddr, error: Errno) -> Errno {
    if error == Errno::ADDRNOTAVAIL && addr.is_ipv6() && addr.ip().is_unspecified() {
        Errno::AFNOSUPPORT
    } else {
        error
    }
}

#[cfg(test)]
mod tests;
