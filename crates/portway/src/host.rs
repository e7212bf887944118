//! What this host allows: addresses, and why a socket was refused.
//!
//! In: questions. Out: the kernel's own answers. Never: a guess.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use portway_control::snapshot::Objects;
use portway_engine::table::{ListenerKey, RoutingTable};
use rustix::io::Errno;

/// A socket that could not be bound, and why.
type Unbound = (SocketAddr, io::Error);

/// What to do when a low port is refused.
pub(crate) const LOW_PORT_HELP: &str = "\
ports below 1024 are reserved for root; ways out:
  the program:  setcap cap_net_bind_service=+ep PATH-OF-PORTWAY
  its unit:     AmbientCapabilities=CAP_NET_BIND_SERVICE
  everybody:    sysctl -w net.ipv4.ip_unprivileged_port_start=0
  or another port";

/// The addresses of this host: those of its interfaces, and those of `spec.addresses` that can be
/// bound all the same.
///
/// # Errors
/// When the kernel does not tell, for want of descriptors say.
pub(crate) fn addresses(objects: &Objects) -> io::Result<BTreeSet<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let mut addresses: BTreeSet<IpAddr> = interfaces.iter().map(|it| it.ip()).collect();
    let asked: BTreeSet<IpAddr> = asked(objects).collect();
    for ip in asked {
        if can_bind(ip)? {
            addresses.insert(ip);
        }
    }
    Ok(addresses)
}

/// Whether a Gateway asks for an address that is none of these.
pub(crate) fn lacks_any(objects: &Objects, addresses: &BTreeSet<IpAddr>) -> bool {
    asked(objects).any(|ip| !addresses.contains(&ip))
}

fn asked(objects: &Objects) -> impl Iterator<Item = IpAddr> {
    let gateways = objects.gateways.values();
    let asked = gateways.flat_map(|gateway| &gateway.object.spec.addresses);
    asked.filter_map(|it| it.value.parse().ok())
}

/// The kernel is asked by a bind to a free port, since it alone knows of non-local binds and of
/// whole networks that are local, as 127.0.0.0/8 is.
pub(crate) fn is_bindable(ip: &IpAddr) -> bool {
    can_bind(*ip).unwrap_or_default()
}

/// The same, where there are descriptors and memory to find out.
fn can_bind(ip: IpAddr) -> io::Result<bool> {
    let Err(error) = TcpListener::bind((ip, 0)) else {
        return Ok(true);
    };
    let wants = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    match Errno::from_io_error(&error) {
        Some(errno) if wants.contains(&errno) => Err(error),
        _ => Ok(false),
    }
}

/// Whether a wildcard socket was refused because the host has no IPv6 at all: then nobody can want
/// it, and IPv4 is all there is.
pub(crate) fn lacks_family((addr, error): &(SocketAddr, io::Error)) -> bool {
    let no_family = Errno::AFNOSUPPORT.raw_os_error();
    addr.is_ipv6() && addr.ip().is_unspecified() && error.raw_os_error() == Some(no_family)
}

/// Sockets of listeners that have their port on IPv4 too, and the others: a listener that asks for
/// IPv6 alone listens nowhere without it, though another has the port on IPv4.
pub(crate) fn beside_ipv4(
    table: Option<&RoutingTable>,
    sockets: Vec<Unbound>,
) -> (Vec<Unbound>, Vec<Unbound>) {
    let table = table.filter(|_| !sockets.is_empty());
    let listeners = table.into_iter().flat_map(RoutingTable::listeners);
    let is_any = |key: &ListenerKey| key.addr.ip() == Ipv4Addr::UNSPECIFIED;
    let both = listeners.filter(|(_, it)| it.keys.iter().any(is_any));
    let both: BTreeSet<SocketAddr> = both
        .flat_map(|(_, it)| &it.keys)
        .map(|it| it.addr)
        .collect();
    let sockets = sockets.into_iter();
    sockets.partition(|(addr, _)| both.contains(addr))
}

/// Why a socket was refused, in words without numbers.
pub(crate) fn refusal(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "not an address of this host".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
