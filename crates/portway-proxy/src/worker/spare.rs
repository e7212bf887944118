//! Sockets in reserve, so that whoever was accepted can also be connected to an endpoint.
//!
//! In: that no descriptor is left for a dial. Out: a socket that was opened before. Never: a client
//! accepted while the reserve is incomplete: it would only be reset, and so would all who wait
//! behind it. Nor a descriptor that is closed to make room: another thread may be quicker to take
//! the room.
//!
//! [`crate::descriptors`] counts what we open. The kernel can refuse far earlier: when a limit was
//! lowered beneath us, or when the whole host has no file left (`ENFILE`).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use crate::descriptors;
use crate::sys::tcp;

/// The reserve of one worker: a socket of each family that an endpoint may be of.
#[derive(Debug, Default)]
pub(super) struct Spare {
    ipv4: Reserved,
    ipv6: Reserved,
}

#[derive(Debug, Default)]
enum Reserved {
    #[default]
    Nothing,
    Socket(OwnedFd),
    /// There are none of this family here: the host has it not, or does not permit it.
    NotSpoken,
}

impl Spare {
    /// Whether it is complete; what was taken is tried to be had again.
    pub(super) fn is_had(&mut self) -> bool {
        self.ipv4.is_had((Ipv4Addr::UNSPECIFIED, 0).into())
            && self.ipv6.is_had((Ipv6Addr::UNSPECIFIED, 0).into())
    }

    /// A socket to dial `addr` from, if it is still there. Whatever is taken is asked for again.
    pub(super) fn take(&mut self, addr: SocketAddr) -> Option<OwnedFd> {
        let reserved = match addr {
            SocketAddr::V4(_) => &mut self.ipv4,
            SocketAddr::V6(_) => &mut self.ipv6,
        };
        match std::mem::take(reserved) {
            Reserved::Socket(socket) => Some(socket),
            Reserved::Nothing | Reserved::NotSpoken => None,
        }
    }
}

impl Reserved {
    fn is_had(&mut self, like: SocketAddr) -> bool {
        if matches!(self, Self::Nothing) {
            *self = match tcp::socket(like) {
                Ok(socket) => Self::Socket(socket),
                Err(error) if descriptors::are_lacking(error) => Self::Nothing,
                Err(_) => Self::NotSpoken,
            };
        }
        !matches!(self, Self::Nothing)
    }
}
