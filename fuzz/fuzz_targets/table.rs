//! Any tree that may stand for a table is refused or gives a closed table; what comes by the feed
//! goes through the same constructor.
//!
//! In: bytes, as JSON or as choices among few names and addresses, so that they meet. Out: nothing;
//! a crash is a finding.
#![no_main]

use std::net::SocketAddr;
use std::sync::Arc;

use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use portway_engine::table::diff::diff;
use portway_engine::table::show::show;
use portway_engine::table::{
    BackendSpec, ListenerSpec, Protocol, RejectReason, RouteSpec, RoutingTable, TableSpec,
    TableVersion, TargetSpec,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(spec) = serde_json::from_slice::<TableSpec>(bytes) {
        _ = built(1, &spec, None);
    }
    let mut choices = Unstructured::new(bytes);
    let mut before = None;
    for version in 1..=4 {
        let Ok(spec) = spec(&mut choices) else { return };
        if let Some(table) = built(version, &spec, before.as_ref()) {
            before = Some(table);
        }
    }
});

/// Builds, and holds what a table promises.
fn built(version: u64, spec: &TableSpec, before: Option<&RoutingTable>) -> Option<RoutingTable> {
    _ = show(spec);
    let table = RoutingTable::build(TableVersion(version), spec, before).ok();
    let alone = RoutingTable::build(TableVersion(version), spec, None).ok();
    assert_eq!(
        table.is_some(),
        alone.is_some(),
        "what was before decides nothing"
    );
    let table = table?;
    for (_, listener) in table.listeners() {
        let Some(route) = &listener.route else {
            continue;
        };
        assert!(table.routes().iter().any(|own| Arc::ptr_eq(own, route)));
    }
    assert!(
        diff(Some(&table), &alone?).is_empty(),
        "the same table differs from itself"
    );
    let text = serde_json::to_string(spec).expect("a spec is JSON");
    let back: TableSpec = serde_json::from_str(&text).expect("and comes back");
    assert_eq!(*spec, back);
    Some(table)
}

const NAMES: [&str; 5] = ["a", "b/c", "b/d", "", "a very long name"];
const ADDRS: [&str; 6] = [
    "0.0.0.0:80",
    "127.0.0.1:80",
    "[::]:80",
    "[::1]:80",
    "10.0.0.1:0",
    "10.0.0.2:65535",
];

fn spec(choices: &mut Unstructured<'_>) -> Result<TableSpec> {
    let mut spec = TableSpec::default();
    for _ in 0..choices.int_in_range(0..=4)? {
        spec.listeners.push(ListenerSpec {
            name: name(choices)?,
            protocol: Protocol::Tcp,
            binds: addrs(choices)?,
            route: match bool::arbitrary(choices)? {
                true => Some(name(choices)?),
                false => None,
            },
        });
    }
    for _ in 0..choices.int_in_range(0..=4)? {
        let name = name(choices)?;
        let mut backends = Vec::new();
        for _ in 0..choices.int_in_range(0..=4)? {
            backends.push(backend(choices)?);
        }
        spec.routes.push(RouteSpec { name, backends });
    }
    Ok(spec)
}

fn backend(choices: &mut Unstructured<'_>) -> Result<BackendSpec> {
    Ok(BackendSpec {
        name: name(choices)?,
        weight: *choices.choose(&[0, 1, 2, 1_000_000, u32::MAX])?,
        target: match bool::arbitrary(choices)? {
            true => TargetSpec::Endpoints(addrs(choices)?),
            false => TargetSpec::Reject(RejectReason::NoEndpoint),
        },
    })
}

fn name(choices: &mut Unstructured<'_>) -> Result<Arc<str>> {
    Ok(Arc::from(*choices.choose(&NAMES)?))
}

fn addrs(choices: &mut Unstructured<'_>) -> Result<Vec<SocketAddr>> {
    let mut addrs = Vec::new();
    for _ in 0..choices.int_in_range(0..=3)? {
        addrs.push(choices.choose(&ADDRS)?.parse().expect("an address"));
    }
    Ok(addrs)
}
