//! Tables to send.

use portway_engine::table::{
    BackendSpec, ListenerSpec, Protocol, RouteSpec, TableSpec, TargetSpec,
};

/// `n_routes` routes with `n_endpoints` endpoints each, a listener each.
pub(crate) fn table(n_routes: u16, n_endpoints: u8) -> TableSpec {
    let route = |n: u16| RouteSpec {
        name: format!("shop-{n:04}/orders").into(),
        backends: vec![BackendSpec {
            name: format!("shop-{n:04}/orders:5432").into(),
            weight: 1,
            target: TargetSpec::Endpoints(
                (0..n_endpoints)
                    .map(|at| ([10, (n >> 8) as u8, n as u8, at], 5432).into())
                    .collect(),
            ),
        }],
    };
    let listener = |n: u16| ListenerSpec {
        name: format!("infra/edge/sql-{n:04}").into(),
        protocol: Protocol::Tcp,
        binds: vec![([0, 0, 0, 0], 10_000 + n).into()],
        route: Some(format!("shop-{n:04}/orders").into()),
    };
    TableSpec {
        listeners: (0..n_routes).map(listener).collect(),
        routes: (0..n_routes).map(route).collect(),
        drains: Vec::new(),
        grants: None,
    }
}

/// Another address in place of the last endpoint of a route.
pub(crate) fn move_endpoint(table: &mut TableSpec, route: usize) {
    let TargetSpec::Endpoints(endpoints) = &mut table.routes[route].backends[0].target else {
        unreachable!("these tables have endpoints");
    };
    let last = endpoints.last_mut().unwrap();
    *last = ([10, 255, 255, 255], 5432).into();
}
