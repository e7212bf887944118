//! The Gateway API's own guide on TCP routing, from `kubectl apply` to the first byte.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Result;

use crate::cluster::Channel;
use crate::e2e::place::{Place, condition};

/// The guide's Gateway and routes.
const GUIDE: &str = include_str!("../../../../examples/tcp-routing/tcp-routing.yaml");

/// Its class, which the guide takes for granted.
const CLASS: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n\
    metadata: {name: my-tcp-gateway-class}\n\
    spec: {controllerName: portway.dev/gateway-controller}\n";

/// With the version that the standard channel serves.
pub(in crate::e2e) fn with_v1(place: &Place<'_>) -> Result<()> {
    follow(place, &GUIDE.replace("/v1alpha2", "/v1"), Channel::Standard)
}

/// Word for word, where the experimental channel's CRDs are.
pub(in crate::e2e) fn verbatim(place: &Place<'_>) -> Result<()> {
    follow(place, GUIDE, Channel::Experimental)
}

fn follow(place: &Place<'_>, guide: &str, channel: Channel) -> Result<()> {
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
    says_channel(place, channel)?;
    place.run(&["delete", "gateway", "my-tcp-gateway"])?;
    place.kubectl.run(&[
        "delete",
        "gatewayclass",
        "my-tcp-gateway-class",
        "--timeout=60s",
    ])?;
    Ok(())
}

/// Waits until the class says of which channel the CRDs are.
fn says_channel(place: &Place<'_>, channel: Channel) -> Result<()> {
    let want = format!("({} channel)", channel.name());
    place.until(&format!("word of the {} channel", channel.name()), || {
        let class = place.get("gatewayclass/my-tcp-gateway-class")?;
        let said = condition(&class, "SupportedVersion").and_then(|it| it["message"].as_str());
        Ok(said.is_some_and(|it| it.contains(&want)).then_some(()))
    })
}
