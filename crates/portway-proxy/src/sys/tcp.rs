//! `tcp(7)`: listening, accepting, dialling, and the bytes in between.

use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use portway_engine::record::Path;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketFlags, SocketType, ipproto,
    sockopt,
};

use super::{Errno, Result};
use crate::limits::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, USER_TIMEOUT};

/// A socket that does not block, for addresses like `addr`.
pub(crate) fn socket(addr: SocketAddr) -> Result<OwnedFd> {
    let family = match addr {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))
}

/// Binds a socket that is to listen. IPv6 means IPv6 only; an address is free again as soon as
/// nobody listens on it.
pub(crate) fn bind(socket: BorrowedFd<'_>, addr: SocketAddr) -> Result<()> {
    if addr.is_ipv6() {
        sockopt::set_ipv6_v6only(socket, true)?;
    }
    sockopt::set_socket_reuseaddr(socket, true)?;
    rustix::net::bind(socket, &addr)
}

/// Lets sockets of this user that ask for the same join an address.
pub(crate) fn share_port(socket: BorrowedFd<'_>) -> Result<()> {
    sockopt::set_socket_reuseport(socket, true)
}

/// Starts to listen.
pub(crate) fn listen(socket: BorrowedFd<'_>, backlog: i32) -> Result<()> {
    rustix::net::listen(socket, backlog)
}

/// The address a socket is bound to.
pub(crate) fn local_addr(socket: BorrowedFd<'_>) -> Result<SocketAddr> {
    rustix::net::getsockname(socket).map(std_addr)
}

/// The next connection that waits, and who it is.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> Result<(OwnedFd, SocketAddr)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (socket, peer) = rustix::net::acceptfrom_with(listener, flags)?;
    Ok((socket, peer.map_or_else(nowhere, std_addr)))
}

/// Whether a connection waits to be accepted (`poll(2)`).
pub(crate) fn has_waiting(listener: BorrowedFd<'_>) -> Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(listener, PollFlags::IN)];
    Ok(poll(&mut fds, Some(&Timespec::default()))? > 0)
}

/// Whether the peer of a connection broke it off. One that only sent its FIN is still there.
pub(crate) fn is_broken(socket: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(socket, PollFlags::empty())];
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|n| n > 0)
}

/// Starts to connect; `Ok` also when the answer is still to come.
pub(crate) fn connect(socket: BorrowedFd<'_>, addr: SocketAddr) -> Result<()> {
    match rustix::net::connect(socket, &addr) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sends small messages at once. What a listening socket has, its connections inherit.
pub(crate) fn send_at_once(socket: BorrowedFd<'_>) -> Result<()> {
    sockopt::set_tcp_nodelay(socket, true)
}

/// Notices a peer that is gone. What a listening socket has, its connections inherit.
pub(crate) fn keep_alive(socket: BorrowedFd<'_>) -> Result<()> {
    sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)?;
    let timeout = u32::try_from(USER_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(socket, timeout)?;
    sockopt::set_socket_keepalive(socket, true)
}

/// Receives what is there; 0 is the end.
pub(crate) fn receive(socket: BorrowedFd<'_>, into: &mut [u8]) -> Result<usize> {
    let (n, _) = rustix::net::recv(socket, into, RecvFlags::DONTWAIT)?;
    Ok(n)
}

/// Sends what fits.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
}

/// Sends FIN; what the peer sends can still be received.
pub(crate) fn finish(socket: BorrowedFd<'_>) -> Result<()> {
    rustix::net::shutdown(socket, Shutdown::Write)
}

/// Lets a listening socket take no more connections, while it keeps its port. A handshake that ends
/// on another CPU at this very moment gets an RST; where the port is gone as well, by `close(2)`, the
/// kernel forgets the connection, and its client, who has it, hears nothing of that.
pub(crate) fn stop_listening(socket: BorrowedFd<'_>) -> Result<()> {
    rustix::net::shutdown(socket, Shutdown::Read)
}

/// Makes the close of this socket an RST.
pub(crate) fn reset_on_close(socket: BorrowedFd<'_>) -> Result<()> {
    sockopt::set_socket_linger(socket, Some(Duration::ZERO))
}

/// Takes the error that waits on the socket (`SO_ERROR`), if any.
pub(crate) fn take_error(socket: BorrowedFd<'_>) -> Option<Errno> {
    match sockopt::socket_error(socket) {
        Ok(Ok(())) => None,
        Ok(Err(error)) | Err(error) => Some(error),
    }
}

/// What the kernel has learnt about the way to the peer (`TCP_INFO`).
pub(crate) fn path(socket: BorrowedFd<'_>) -> Option<Path> {
    // SAFETY: `tcp_info` is plain numbers, for which all zeros is a value.
    let mut known: libc::tcp_info = unsafe { mem::zeroed() };
    let size = size_of::<libc::tcp_info>();
    let mut length = libc::socklen_t::try_from(size).ok()?;
    // SAFETY: `known` is ours and has `length` bytes, of which the kernel writes at most so many;
    // both stay borrowed during the call, as does the descriptor.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut known).cast(),
            &raw mut length,
        )
    };
    (result == 0).then(|| Path {
        rtt: Duration::from_micros(known.tcpi_rtt.into()),
        retransmits: known.tcpi_total_retrans,
    })
}

fn std_addr(addr: SocketAddrAny) -> SocketAddr {
    SocketAddr::try_from(addr).unwrap_or_else(|_| nowhere())
}

/// What stands for an address that the kernel did not tell; for TCP it always does.
fn nowhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
}
