//! A second install beside the first: what each sees, an upgrade, an end.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::cluster::images;
use crate::cluster::site::Site;
use crate::e2e::audit::Audit;
use crate::e2e::client::Load;
use crate::e2e::manifest::{gateway, gateway_of, route};
use crate::e2e::place::{Place, is_ending};
use crate::e2e::tests::statuses::route_is_accepted;
use crate::golang;
use crate::install::{CONTROLLER, NAMESPACE};
use crate::repo::root;

/// Where the second one lives; its release, its class and its controller are named alike.
const OTHER: &str = "portway-other";

/// The kind that the chart makes for the Prometheus operator, which is not in this cluster.
const POD_MONITORS: &str = include_str!("../podmonitors.yaml");

/// Two installs with names of their own leave each other alone; the second sees one namespace, is
/// upgraded under load, and goes without a trace.
pub(in crate::e2e) fn two_installs(place: &Place<'_>) -> Result<()> {
    let unwatched = format!("{}-unwatched", place.namespace);
    clean(place, &unwatched)?;
    place.kubectl.apply(POD_MONITORS)?;
    place.kubectl.run(&["create", "namespace", &unwatched])?;
    place.apply(&(gateway("first", &[("foo", 8080)]) + &route("r", "first", "foo", "foo")))?;
    place.programmed("first")?;
    let audit = Audit::from_now()?;

    helm(place, &["--set", "controller.logLevel=info"])?;
    let at = sees_its_namespace_alone(place, &unwatched)?;
    is_left_alone_by_the_first(place, &audit)?;
    only_its_own_proxies_are_scraped(place)?;
    who_may_come_in_is_said(place)?;
    is_upgraded_under_load(place, at)?;
    is_upgraded_to_another_image(place, at)?;
    goes_without_a_trace(place, &unwatched)?;
    proxies_outlive_it(place)?;
    wrote(
        &audit,
        OTHER,
        &["gateways/second", "tcproutes/s"],
        &["gateways/first", "tcproutes/r"],
    )?;
    clean(place, &unwatched)
}

/// A Gateway of the second install.
fn of_other(name: &str) -> String {
    gateway_of(OTHER, name, &[("foo", 8080)])
}

/// The same Gateway in two namespaces: one is served, the other not even judged.
fn sees_its_namespace_alone(place: &Place<'_>, unwatched: &str) -> Result<SocketAddr> {
    let class = format!("gatewayclass/{OTHER}");
    let wait = ["wait", "--for=condition=Accepted", &class, "--timeout=60s"];
    place.kubectl.run(&wait)?;
    let namespace = format!("--namespace={unwatched}");
    let apply = ["apply", &namespace, "-f", "-"];
    place.kubectl.feed(&apply, &of_other("unseen"))?;
    place.apply(&(of_other("second") + &route("s", "second", "foo", "bar")))?;
    let at = SocketAddr::new(place.programmed("second")?, 8080);
    place.answers(at, "bar")?;
    let get = ["get", "gateway", "unseen", &namespace, "--output=json"];
    let unseen: Value =
        serde_json::from_str(&place.kubectl.run(&get)?).context("understand kubectl")?;
    let conditions = unseen["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let judged = conditions.find(|it| it["reason"] != "Pending");
    ensure!(
        judged.is_none(),
        "judged, and in no watched namespace: {judged:?}"
    );
    Ok(at)
}

/// The first install acts on its own route, and writes nothing of the second's.
fn is_left_alone_by_the_first(place: &Place<'_>, audit: &Audit) -> Result<()> {
    place.apply(&route("r", "first", "foo", "bar"))?;
    let at = SocketAddr::new(place.programmed("first")?, 8080);
    place.turns_to(at, "bar")?;
    route_is_accepted(place, "r")?;
    let others = [
        "gateways/second",
        "tcproutes/s",
        "gatewayclasses/portway-other",
    ];
    wrote(audit, NAMESPACE, &["tcproutes/r"], &others)
}

/// The controller of an install wrote its own objects, and none of the others.
fn wrote(audit: &Audit, install: &str, own: &[&str], others: &[&str]) -> Result<()> {
    let user = format!("system:serviceaccount:{install}:");
    let mut writes = audit.writes()?;
    writes.retain(|it| it.user.starts_with(&user));
    let has = |object: &&str| writes.iter().any(|it| it.object == **object);
    let missing = own.iter().find(|it| !has(it));
    ensure!(
        missing.is_none(),
        "{install} did not write {missing:?}: {writes:?}"
    );
    let meddled = others.iter().find(|it| has(it));
    ensure!(meddled.is_none(), "{install} wrote {meddled:?}");
    Ok(())
}

/// The NetworkPolicy of the chart; that this cluster's network heeds none is another matter.
fn who_may_come_in_is_said(place: &Place<'_>) -> Result<()> {
    let policy = format!("networkpolicy/{OTHER}");
    let namespace = format!("--namespace={OTHER}");
    let ingress = "--output=jsonpath={.spec.ingress}";
    let ingress = place.kubectl.run(&["get", &policy, &namespace, ingress])?;
    let ingress: Value = serde_json::from_str(&ingress).context("understand kubectl")?;
    let gateway_name = "gateway.networking.k8s.io/gateway-name";
    let proxies = json!({
        "namespaceSelector": {},
        "podSelector": {"matchExpressions": [{"key": gateway_name, "operator": "Exists"}]},
    });
    let watchers = json!({"namespaceSelector": {"matchLabels": {"team": "watch"}}});
    let wanted = json!([
        {"from": [proxies], "ports": [{"port": "feed", "protocol": "TCP"}]},
        {"from": [watchers], "ports": [{"port": "admin", "protocol": "TCP"}]},
    ]);
    ensure!(ingress == wanted, "the NetworkPolicy lets in {ingress}");
    Ok(())
}

/// A changed value reaches the controller; proxies and their connections hear nothing of it.
fn is_upgraded_under_load(place: &Place<'_>, at: SocketAddr) -> Result<()> {
    let proxies = pods(place, "second")?;
    let load = Load::start(at, 10)?;
    helm(place, &["--set", "controller.logLevel=debug"])?;
    let deployment = format!("deployment/{OTHER}");
    let namespace = format!("--namespace={OTHER}");
    let container = "--output=jsonpath={.spec.template.spec.containers[0]}";
    let container = place
        .kubectl
        .run(&["get", &deployment, &namespace, container])?;
    ensure!(container.contains("debug"), "not upgraded: {container}");
    place.apply(&route("s", "second", "foo", "foo"))?;
    place.turns_to(at, "foo")?;
    load.end().flawless()?;
    ensure!(pods(place, "second")? == proxies, "the proxies are others");
    Ok(())
}

/// Another image, under load: its proxies are others, and no connect is lost between them.
fn is_upgraded_to_another_image(place: &Place<'_>, at: SocketAddr) -> Result<()> {
    let image = installed_image(place)?;
    let next = next_of(&image);
    images::tag(&Site::here(), &image, &next)?;
    let before = pods(place, "second")?;
    let load = Load::start(at, 0)?;
    let (_, tag) = next.rsplit_once(':').context("an image's tag")?;
    helm(place, &["--set", &format!("image.tag={tag}")])?;
    place.until("proxies of the next image alone", || {
        let now = pods(place, "second")?;
        let are_others = now.len() == before.len() && now.iter().all(|it| !before.contains(it));
        Ok(are_others.then_some(()))
    })?;
    let outcome = load.end();
    place.tell(&format!(
        "{} new connections during an upgrade",
        outcome.n_answered
    ));
    outcome.flawless()?;
    let all = place.provisioned("pods", "second")?;
    let images = all.iter().map(|it| &it["spec"]["containers"][0]["image"]);
    let image = images.into_iter().find(|it| **it != *next);
    ensure!(image.is_none(), "a proxy has still the image {image:?}");
    Ok(())
}

/// The name under which an image is another one.
fn next_of(image: &str) -> String {
    format!("{image}-next")
}

/// Uninstalled as the guide says: Gateways first.
fn goes_without_a_trace(place: &Place<'_>, unwatched: &str) -> Result<()> {
    place.run(&["delete", "gateway", "second", "--timeout=60s"])?;
    place.proxies_end("second")?;
    let namespace = format!("--namespace={unwatched}");
    let delete = ["delete", "gateway", "unseen", &namespace, "--timeout=60s"];
    place.kubectl.run(&delete)?;
    let uninstall = [
        "uninstall",
        OTHER,
        "--namespace",
        OTHER,
        "--wait",
        "--timeout=60s",
    ];
    run_helm(place, &uninstall)?;
    let kinds = "clusterroles,clusterrolebindings,gatewayclasses";
    let label = format!("--selector=app.kubernetes.io/instance={OTHER}");
    let left = place
        .kubectl
        .run(&["get", kinds, &label, "--output=name"])?;
    ensure!(
        left.trim().is_empty(),
        "uninstalled, and there is still {left}"
    );
    // What the guide says that stays: what controllers made themselves.
    let namespace = format!("--namespace={OTHER}");
    let get = ["get", "secrets,leases", &namespace, "--output=name"];
    let mut left: Vec<String> = Vec::new();
    left.extend(place.kubectl.run(&get)?.lines().map(str::to_owned));
    left.sort();
    let [lease, secret] = &left[..] else {
        bail!("uninstalled, and its namespace has {left:?}");
    };
    ensure!(
        lease.starts_with("lease.coordination.k8s.io/")
            && secret == "secret/portway-feed-authorities",
        "uninstalled, and its namespace has {left:?}"
    );
    Ok(())
}

/// Installed again, and uninstalled before its Gateway is gone: proxies go on until that is, and the
/// class waits for somebody to take its finalizer away.
fn proxies_outlive_it(place: &Place<'_>) -> Result<()> {
    helm(place, &[])?;
    place.apply(&(of_other("second") + &route("s", "second", "foo", "bar")))?;
    let at = SocketAddr::new(place.programmed("second")?, 8080);
    place.answers(at, "bar")?;
    let proxies = pods(place, "second")?;
    let load = Load::start(at, 10)?;
    run_helm(place, &["uninstall", OTHER, "--namespace", OTHER])?;
    let namespace = format!("--namespace={OTHER}");
    place.until("end of the controller", || {
        let get = ["get", "pods", &namespace, "--output=name"];
        Ok(place.kubectl.run(&get)?.trim().is_empty().then_some(()))
    })?;
    load.end().flawless()?;
    ensure!(pods(place, "second")? == proxies, "the proxies are others");
    place.answers(at, "bar")?;

    place.run(&["delete", "gateway", "second", "--timeout=60s"])?;
    place.proxies_end("second")?;
    let class = format!("gatewayclass/{OTHER}");
    let held = place.get(&class)?;
    ensure!(is_ending(&held), "the class is not held: {held}");
    place.patch(&class, r#"{"metadata":{"finalizers":null}}"#)?;
    let wait = ["wait", "--for=delete", &class, "--timeout=60s"];
    place.kubectl.run(&wait).map(drop)
}

/// Removes what this test makes beside its namespace, as one before may have left it.
fn clean(place: &Place<'_>, unwatched: &str) -> Result<()> {
    let gone = ["--ignore-not-found", "--timeout=90s"];
    let class = ["delete", "gatewayclass", OTHER];
    let namespaces = ["delete", "namespace", OTHER, unwatched];
    let kind = ["delete", "crd", "podmonitors.monitoring.coreos.com"];
    let roles = ["delete", "clusterrole,clusterrolebinding", "--selector"];
    let label = format!("app.kubernetes.io/instance={OTHER}");
    for what in [
        &class[..],
        &namespaces,
        &kind,
        &[&roles[..], &[&label]].concat(),
    ] {
        place.kubectl.run(&[what, &gone].concat())?;
    }
    images::untag(&Site::here(), &next_of(&installed_image(place)?))
}

/// What the PodMonitor of proxies selects: those of this install, and no others.
fn only_its_own_proxies_are_scraped(place: &Place<'_>) -> Result<()> {
    let monitor = format!("podmonitor/{OTHER}-proxies");
    let namespace = format!("--namespace={OTHER}");
    let labels = "--output=jsonpath={.spec.selector.matchLabels}";
    let labels = place.kubectl.run(&["get", &monitor, &namespace, labels])?;
    let labels: Value = serde_json::from_str(&labels).context("understand kubectl")?;
    let labels = labels.as_object().context("labels")?.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    let selector = format!("--selector={}", labels.join(","));
    let gateways = "--output=jsonpath={.items[*].metadata.labels.gateway\\.networking\\.k8s\\.io/gateway-name}";
    let found = place
        .kubectl
        .run(&["get", "pods", "--all-namespaces", &selector, gateways])?;
    let mut found: Vec<&str> = found.split_whitespace().collect();
    found.dedup();
    ensure!(found == ["second"], "scraped are the proxies of {found:?}");
    Ok(())
}

fn pods(place: &Place<'_>, gateway: &str) -> Result<Vec<String>> {
    let pods = place.provisioned("pods", gateway)?;
    let names = pods.iter().filter_map(|it| it["metadata"]["uid"].as_str());
    Ok(names.map(str::to_owned).collect())
}

/// The image of the first install.
pub(super) fn installed_image(place: &Place<'_>) -> Result<String> {
    let image = "--output=jsonpath={.spec.template.spec.containers[0].image}";
    let first = [
        "get",
        &format!("deployment/{CONTROLLER}"),
        &format!("--namespace={NAMESPACE}"),
        image,
    ];
    Ok(place.kubectl.run(&first)?.trim().to_owned())
}

/// Installs or upgrades the second one, with the image of the first.
fn helm(place: &Place<'_>, more: &[&str]) -> Result<()> {
    let image = installed_image(place)?;
    let (repository, tag) = image.rsplit_once(':').context("an image's tag")?;
    let image = format!("image.repository={repository},image.tag={tag}");
    let names = format!("controller.name=example.com/other,gatewayClass.name={OTHER}");
    let namespaces = format!("controller.watchNamespaces={{{}}}", place.namespace);
    let mut arguments = vec!["upgrade", "--install", OTHER, "deploy/helm/portway"];
    arguments.extend([
        "--namespace",
        OTHER,
        "--create-namespace",
        "--wait",
        "--timeout=90s",
    ]);
    arguments.extend(["--set", &image, "--set", &names, "--set", &namespaces]);
    arguments.extend(["--set", "gatewayConfig.resources.requests.cpu=1m"]);
    arguments.extend([
        "--set",
        "networkPolicy.enabled=true,networkPolicy.metricsFrom.team=watch",
    ]);
    arguments.extend(["--set", "podMonitor.enabled=true"]);
    arguments.extend(more);
    run_helm(place, &arguments)
}

/// # Errors
/// When Helm fails.
pub(super) fn run_helm(place: &Place<'_>, arguments: &[&str]) -> Result<()> {
    let helm = golang::HELM.built(place.interrupt)?;
    let mut command = place.kubectl.beside(Path::new(&helm));
    command.args(arguments).current_dir(root());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = place.interrupt.run(&mut command)?;
    ensure!(status.success(), "helm {} failed", arguments.join(" "));
    Ok(())
}
