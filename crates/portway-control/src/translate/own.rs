//! The sockets of this instance, so that no endpoint leads back into it.
//!
//! In: planned listeners, addresses of the host. Out: the listener that an address would reach.
//! Never: in a cluster, where a proxy's own address is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::plan::GatewayPlan;
use crate::snapshot::{Snapshot, Target};

/// Listeners by port, family and bound address.
#[derive(Debug, Default)]
pub(super) struct OwnSockets {
    bound: BTreeMap<(u16, bool), BTreeMap<IpAddr, Arc<str>>>,
    host_addresses: Option<BTreeSet<IpAddr>>,
}

impl OwnSockets {
    /// The sockets of all listeners, if they are on this host.
    pub(super) fn of(snapshot: &Snapshot, gateways: &[GatewayPlan<'_>]) -> Self {
        let mut own = Self::default();
        if snapshot.target == Target::Cluster {
            return own;
        }
        own.host_addresses
            .clone_from(&snapshot.facts.host_addresses);
        for listener in gateways.iter().flat_map(|gateway| &gateway.listeners) {
            for socket in &listener.binds {
                let port = (socket.port(), socket.is_ipv6());
                let bound = own.bound.entry(port).or_default();
                bound.insert(socket.ip(), Arc::clone(&listener.name));
            }
        }
        own
    }

    fn knows(&self, ip: &IpAddr) -> bool {
        let known = self.host_addresses.as_ref();
        known.is_some_and(|known| known.contains(ip))
    }

    /// The listener that a dial of `endpoint` reaches.
    pub(super) fn reached_by(&self, endpoint: SocketAddr) -> Option<&Arc<str>> {
        let ip = match endpoint.ip().to_canonical() {
            // The kernel dials the loopback address instead.
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let bound = self.bound.get(&(endpoint.port(), ip.is_ipv6()))?;
        let any = match ip {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let is_here = ip.is_loopback() || self.knows(&ip);
        bound
            .get(&ip)
            .or_else(|| bound.get(&any).filter(|_| is_here))
    }
}
