//! Ports that the kernel gives to sockets that ask for none, `ip(7)`.

use std::fs;

/// Of IPv6 as well, for all its name.
const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// The lowest port that a dial may be given for itself. Where the host does not say, any may.
pub(crate) fn lowest_of_dials() -> u16 {
    let range = fs::read_to_string(RANGE).ok();
    range.and_then(|it| lowest(&it)).unwrap_or(0)
}

/// The lower end of a range, as the kernel writes it.
fn lowest(range: &str) -> Option<u16> {
    range.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests;
