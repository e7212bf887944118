//! The Gateway API's own guide on TCP routing, from `kubectl apply` to the first byte.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Result;

use crate::e2e::place::Place;

/// The guide's Gateway and routes.
const GUIDE: &str = include_str!("../../../../examples/tcp-routing/tcp-routing.yaml");

/// Its class, which the guide takes for granted.
const CLASS: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n\
    metadata: {name: my-tcp-gateway-class}\n\
    spec: {controllerName: portway.dev/gateway-controller}\n";

/// With the version that the standard channel serves.
pub(in crate::e2e) fn with_v1(place: &Place<'_>) -> Result<()> {
    follow(place, &GUIDE.replace("/v1alpha2", "/v1"))
}

/// Word for word, where the experimental channel's CRDs are.
pub(in crate::e2e) fn verbatim(place: &Place<'_>) -> Result<()> {
    follow(place, GUIDE)
}

fn follow(place: &Place<'_>, guide: &str) -> Result<()> {
    place.kubectl.apply(CLASS)?;
    let start = Instant::now();
    place.apply(guide)?;
    let address = place.programmed("my-tcp-gateway")?;
    let programmed = start.elapsed();
    place.answers(SocketAddr::new(address, 8080), "foo")?;
    let first_byte = start.elapsed();
    place.answers(SocketAddr::new(address, 8090), "bar")?;
    place.tell(&format!(
        "applied to Programmed {:.1} s, to the first byte {:.1} s",
        programmed.as_secs_f64(),
        first_byte.as_secs_f64()
    ));
    place.run(&["delete", "gateway", "my-tcp-gateway"])?;
    place.kubectl.run(&[
        "delete",
        "gatewayclass",
        "my-tcp-gateway-class",
        "--timeout=60s",
    ])?;
    Ok(())
}
