//! What `objects` promises.

use std::net::{IpAddr, Ipv4Addr};

use super::{Route, groups};

fn route(bind: u8) -> Route {
    let addr = |host| IpAddr::from(Ipv4Addr::new(198, 18, 1, host));
    Route {
        port: 1,
        binds: vec![addr(bind)],
        endpoints: vec![addr(9)],
        endpoint_port: 7000,
    }
}

#[test]
fn gateways_have_at_most_64_listeners_and_one_set_of_addresses() {
    let routes: Vec<_> = std::iter::repeat_n(route(1), 130)
        .chain([route(2)])
        .collect();
    let sizes: Vec<_> = groups(&routes).iter().map(|it| it.len()).collect();
    assert_eq!(sizes, [64, 64, 2, 1]);
}
