//! Connecting to an endpoint without waiting for it.
//!
//! In: an address; later what epoll said about the socket. Out: a socket; later whether it is
//! connected. Never: another try, which is the engine's to decide. Spec: connect(2), tcp(7).

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use portway_engine::record::DialError;

use super::spare::Spare;
use crate::descriptors;
use crate::relay::Leg;
use crate::slab::Key;
use crate::sys::epoll::{Epoll, Flags};
use crate::sys::{Errno, tcp};
use crate::token::Token;

/// How a dial stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    NotYet,
    Connected,
    Failed(DialError),
}

/// Starts to dial, from a spare socket if there is no descriptor for another. Epoll hears of the
/// socket only now, since one that was never connected hangs up.
pub(super) fn start(
    addr: SocketAddr,
    key: Key,
    spare: &mut Spare,
    epoll: &Epoll,
) -> Result<OwnedFd, Errno> {
    let socket = tcp::socket(addr).or_else(|error| match descriptors::are_lacking(error) {
        true => spare.take(addr).ok_or(error),
        false => Err(error),
    })?;
    tcp::send_at_once(socket.as_fd())?;
    tcp::connect(socket.as_fd(), addr)?;
    epoll.add(socket.as_fd(), Token::Backend(key).to_bits())?;
    Ok(socket)
}

/// How the dial stands after epoll said `flags` about its socket. Dials are given `ports_from` and
/// higher ports for themselves.
pub(super) fn outcome(
    leg: &mut Leg,
    flags: Flags,
    endpoint: Option<SocketAddr>,
    ports_from: u16,
) -> Outcome {
    if flags.intersects(Flags::ERR | Flags::HUP) {
        return match tcp::take_error(leg.as_fd()) {
            // A refused dial says ECONNREFUSED. These two come after the handshake: the endpoint
            // took the connection, perhaps said something, and broke it off.
            Some(error @ (Errno::CONNRESET | Errno::PIPE)) => {
                leg.break_off(error);
                Outcome::Connected
            }
            Some(error) => Outcome::Failed(reason(error)),
            None if flags.contains(Flags::OUT) => Outcome::Connected,
            None => Outcome::NotYet,
        };
    }
    if !flags.contains(Flags::OUT) {
        return Outcome::NotYet;
    }
    match endpoint {
        Some(endpoint)
            if endpoint.port() >= ports_from && is_connected_to_itself(leg, endpoint) =>
        {
            Outcome::Failed(DialError::Refused)
        }
        _ => Outcome::Connected,
    }
}

/// When nothing listens on a local port from the range that dials take theirs from, sooner or later
/// a dial gets that very port and TCP connects it to itself. To ask costs a call, which endpoints
/// below that range are spared.
fn is_connected_to_itself(leg: &Leg, endpoint: SocketAddr) -> bool {
    tcp::local_addr(leg.as_fd()) == Ok(endpoint)
}

/// What an error of a dial means to the engine.
pub(super) fn reason(error: Errno) -> DialError {
    match error {
        Errno::CONNREFUSED => DialError::Refused,
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN | Errno::NETDOWN => {
            DialError::Unreachable
        }
        Errno::TIMEDOUT => DialError::TimedOut,
        error if descriptors::are_lacking(error) => DialError::OutOfResources,
        // No local port is left, or no place in the kernel's tables.
        Errno::ADDRNOTAVAIL | Errno::AGAIN | Errno::NOSPC => DialError::OutOfResources,
        other => DialError::Other(other.raw_os_error()),
    }
}

#[cfg(test)]
mod tests;
