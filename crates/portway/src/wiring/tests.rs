//! Which sockets nobody can want on a host without IPv6.

use std::io;
use std::net::SocketAddr;

use portway_engine::table::{ListenerSpec, Protocol, RoutingTable, TableSpec};

use super::{FIRST, beside_ipv4};

fn listener(name: &str, binds: &[&str]) -> ListenerSpec {
    ListenerSpec {
        name: name.into(),
        protocol: Protocol::Tcp,
        binds: binds.iter().map(|it| it.parse().unwrap()).collect(),
        route: None,
    }
}

/// The last two have one port, but are two listeners: of one there is nothing.
#[test]
fn a_listener_on_ipv6_alone_is_missed_though_another_has_its_port_on_ipv4() {
    let listeners = [
        listener("both", &["0.0.0.0:1", "[::]:1"]),
        listener("alone", &["[::]:2"]),
        listener("other", &["0.0.0.0:2"]),
    ];
    let spec = TableSpec {
        listeners: listeners.into(),
        ..TableSpec::default()
    };
    let table = RoutingTable::build(FIRST, &spec, None).unwrap();
    let refused = ["[::]:1", "[::]:2"].map(|it| {
        let addr: SocketAddr = it.parse().unwrap();
        (addr, io::Error::from(io::ErrorKind::Unsupported))
    });
    let (absent, alone) = beside_ipv4(Some(&table), refused.into());
    let ports = |of: &[(SocketAddr, io::Error)]| -> Vec<u16> {
        of.iter().map(|(addr, _)| addr.port()).collect()
    };
    assert_eq!((ports(&absent), ports(&alone)), (vec![1], vec![2]));
}
