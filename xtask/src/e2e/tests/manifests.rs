//! The manifests for people without Helm.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::cluster::site::Site;
use crate::e2e::manifest::{gateway_of, route};
use crate::e2e::place::Place;
use crate::e2e::tests::installs::{installed_image, run_helm};
use crate::install::{self, CONTROLLER, NAMESPACE, RELEASE};
use crate::repo::root;

/// Installed instead of the chart they serve a Gateway, and go again; the API server knows every
/// field of them. The chart's release is there again afterwards.
pub(in crate::e2e) fn manifests_serve(place: &Place<'_>) -> Result<()> {
    let image = installed_image(place)?;
    let text = manifests(&image)?;
    // Gateways first, as the guide has it: the suite's hold the class, and nobody would let go.
    let gateways = [
        "delete",
        "gateways",
        "--all",
        "--all-namespaces",
        "--timeout=90s",
    ];
    place.kubectl.run(&gateways)?;
    let uninstall = [
        "uninstall",
        RELEASE,
        "--namespace",
        NAMESPACE,
        "--wait",
        "--timeout=90s",
    ];
    let outcome = run_helm(place, &uninstall).and_then(|()| serve(place, &text));
    let delete = ["delete", "--ignore-not-found", "--timeout=90s", "-f", "-"];
    let deleted = place.kubectl.feed(&delete, &text);
    let released = install::release(&Site::here(), &image, place.interrupt);
    let released = released.and_then(|()| Place::make_class(&place.kubectl));
    // What failed first is most likely why the rest did.
    outcome?;
    deleted?;
    released
}

/// As they stand in the repository, with an image that this cluster has.
fn manifests(image: &str) -> Result<String> {
    let path = root().join("deploy/manifests/portway.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let released = format!("portway:{}", env!("CARGO_PKG_VERSION"));
    ensure!(
        text.contains(&released),
        "no image {released} in {}",
        path.display()
    );
    Ok(text.replace(&released, image))
}

fn serve(place: &Place<'_>, text: &str) -> Result<()> {
    let n_objects = text.lines().filter(|it| it.starts_with("kind: ")).count();
    let apply = ["apply", "--server-side", "--validate=strict", "-f", "-"];
    let said = place.kubectl.feed(&apply, text)?;
    let n_taken = said.matches(" serverside-applied").count();
    ensure!(
        n_objects > 0 && n_taken == n_objects,
        "{n_taken} of {n_objects} objects were taken: {said}"
    );
    let class = format!("gatewayclass/{}", install::CLASS);
    let namespace = format!("--namespace={NAMESPACE}");
    let deployment = format!("deployment/{CONTROLLER}");
    let status = [
        "rollout",
        "status",
        &deployment,
        &namespace,
        "--timeout=90s",
    ];
    place.kubectl.run(&status)?;
    let wait = ["wait", "--for=condition=Accepted", &class, "--timeout=60s"];
    place.kubectl.run(&wait)?;

    let gateway = gateway_of(install::CLASS, "gw", &[("foo", 8080)]);
    place.apply(&(gateway + &route("r", "gw", "foo", "foo")))?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;
    place.tell(&format!("{n_objects} objects, and a Gateway that answers"));
    place.run(&["delete", "gateway", "gw", "--timeout=60s"])?;
    place.proxies_end("gw")
}
