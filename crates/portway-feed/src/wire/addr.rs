//! An address in as few bytes as it has.
//!
//! In: a [`SocketAddr`]. Out: 6, 18 or 22 bytes, and back. Never: the flow label, which says
//! nothing about where something is.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// IP, scope if there is one, port; all in network order.
pub(crate) fn addr_to_bytes(addr: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(22);
    match addr {
        SocketAddr::V4(v4) => bytes.extend(v4.ip().octets()),
        SocketAddr::V6(v6) => {
            bytes.extend(v6.ip().octets());
            if v6.scope_id() != 0 {
                bytes.extend(v6.scope_id().to_be_bytes());
            }
        }
    }
    bytes.extend(addr.port().to_be_bytes());
    bytes
}

/// `None` when the bytes are no address.
pub(crate) fn addr_from_bytes(bytes: &[u8]) -> Option<SocketAddr> {
    let (rest, port) = bytes.split_last_chunk()?;
    let port = u16::from_be_bytes(*port);
    if let Ok(v4) = <[u8; 4]>::try_from(rest) {
        return Some(SocketAddr::from((Ipv4Addr::from(v4), port)));
    }
    let (ip, scope) = rest.split_first_chunk::<16>()?;
    let scope = match scope {
        [] => 0,
        // Zero is said by leaving it out: each address has one form.
        scope => u32::from_be_bytes(scope.try_into().ok().filter(|it| *it != [0; 4])?),
    };
    Some(SocketAddrV6::new(Ipv6Addr::from(*ip), port, 0, scope).into())
}

#[cfg(test)]
mod tests;
