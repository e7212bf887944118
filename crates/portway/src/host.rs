//! What this host allows: descriptors, addresses, and why a socket was refused.
//!
//! In: questions. Out: the kernel's own answers. Never: a guess from names of interfaces.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use portway_control::snapshot::Objects;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

/// What to do when a low port is refused.
pub(crate) const LOW_PORT_HELP: &str = "ports below 1024 are reserved for root: allow them to \
    this program (setcap cap_net_bind_service=+ep PATH-OF-PORTWAY), to this unit (systemd: \
    AmbientCapabilities=CAP_NET_BIND_SERVICE), or to everybody (sysctl -w \
    net.ipv4.ip_unprivileged_port_start=0); or choose another port";

/// The port of the discard protocol (RFC 863); nothing is sent to it.
const DISCARD_PORT: u16 = 9;

/// Raises the soft limit of open descriptors to the hard one: each connection takes two.
pub(crate) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => debug!(before = ?limit.current, now = ?limit.maximum, "descriptor limit raised"),
        Err(error) => warn!(%error, limit = ?limit.current, "descriptor limit not raised"),
    }
}

/// The addresses of this host that matter: those of `spec.addresses` that can be bound, and those
/// the host has towards others.
pub(crate) fn addresses(objects: &Objects) -> BTreeSet<IpAddr> {
    let gateways = objects.gateways.values();
    let asked = gateways.flat_map(|gateway| &gateway.object.spec.addresses);
    let asked: BTreeSet<IpAddr> = asked.filter_map(|it| it.value.parse().ok()).collect();
    let mut addresses: BTreeSet<IpAddr> = asked.into_iter().filter(is_bindable).collect();
    addresses.extend(outward());
    addresses
}

/// The kernel is asked by a bind to a free port, since it alone knows of non-local binds, of
/// addresses that are about to go and of the rest.
fn is_bindable(ip: &IpAddr) -> bool {
    TcpListener::bind((*ip, 0)).is_ok()
}

/// The source addresses of connections to elsewhere. Connecting a UDP socket sends nothing; it only
/// makes the kernel choose a route, here to the addresses that documentation is written with.
fn outward() -> impl Iterator<Item = IpAddr> {
    let elsewhere: [(IpAddr, IpAddr); 2] = [
        (
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
        ),
        (
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        ),
    ];
    elsewhere.into_iter().filter_map(|(any, there)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect(SocketAddr::new(there, DISCARD_PORT)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    })
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
