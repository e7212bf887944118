//! Objects that come and go while others are served.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::e2e::client::Load;
use crate::e2e::manifest::{gateway, gateway_of, gateway_with, grant, route};
use crate::e2e::place::{Place, condition, is_ending, name};

/// A class of its own.
const HELD: &str = "e2e-held";

/// What a Gateway brings with it, and what Kubernetes makes of that.
const KINDS: &str = "deployments,services,serviceaccounts,configmaps,poddisruptionbudgets,\
                     horizontalpodautoscalers,pods,replicasets,endpointslices";

/// What of it is made for a Gateway that asks for all there is.
const MADE: [&str; 7] = [
    "Deployment",
    "Service",
    "ServiceAccount",
    "ConfigMap",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "Pod",
];

/// With the Gateway goes all that was made for it.
pub(in crate::e2e) fn gateway_deleted(place: &Place<'_>) -> Result<()> {
    let config = "{autoscaling: {maxReplicas: 2}, podDisruptionBudget: {maxUnavailable: 1}}";
    let objects = gateway_with("gw", &[("foo", 8080)], config);
    place.apply(&(objects + &route("r", "gw", "foo", "foo")))?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;
    let made = place.provisioned(KINDS, "gw")?;
    for kind in MADE {
        let is_made = made.iter().any(|it| it["kind"] == kind);
        ensure!(is_made, "no {kind} carries the Gateway's label");
    }
    place.run(&["delete", "gateway", "gw", "--timeout=60s"])?;
    let silent = place.is_silent(at)?;
    place.until("end of all that was made", || {
        Ok(place.provisioned(KINDS, "gw")?.is_empty().then_some(()))
    })?;
    place.tell(&format!(
        "{} objects gone, silent after {:.1} s",
        made.len(),
        silent.as_secs_f64()
    ));
    Ok(())
}

/// A Gateway that is replaced by one of its name is not served by what goes with the one before: a
/// finalizer keeps its Service for a while, as a load balancer's does.
pub(in crate::e2e) fn gateway_replaced(place: &Place<'_>) -> Result<()> {
    let objects = gateway("gw", &[("foo", 8080)]);
    place.apply(&(objects.clone() + &route("r", "gw", "foo", "foo")))?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;
    let made = place.provisioned("services", "gw")?;
    let service = format!("service/{}", name(made.first().context("a Service")?)?);
    place.patch(
        &service,
        r#"{"metadata":{"finalizers":["example.com/cloud"]}}"#,
    )?;
    let outcome = waits_for_another(place, &objects, &service);
    let let_go = place.patch(&service, r#"{"metadata":{"finalizers":null}}"#);
    outcome.and(let_go)?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;
    let load = Load::start(at, 10)?;
    place.apply(&route("r", "gw", "foo", "bar"))?;
    place.turns_to(at, "bar")?;
    load.end().flawless()?;
    // It waits for all that it owns to be gone, so nothing may be made meanwhile.
    let foreground = ["delete", "gateway", "gw", "--cascade=foreground"];
    place
        .run(&[&foreground[..], &["--timeout=60s"]].concat())
        .map(drop)
}

/// The Gateway goes and comes again, and has no address while its Service is being deleted.
fn waits_for_another(place: &Place<'_>, gateway: &str, service: &str) -> Result<()> {
    place.run(&["delete", "gateway", "gw", "--timeout=60s"])?;
    place.until("Service that is being deleted", || {
        Ok(is_ending(&place.get(service)?).then_some(()))
    })?;
    place.apply(gateway)?;
    place.until("Gateway that says whom it waits for", || {
        let gateway = place.get("gateway/gw")?;
        let message = condition(&gateway, "Programmed").and_then(|it| it["message"].as_str());
        let is_told =
            message.is_some_and(|it| it.contains("held by finalizer `example.com/cloud`"));
        ensure!(
            gateway["status"]["addresses"].is_null(),
            "it has the address of what is being deleted: {}",
            gateway["status"]
        );
        Ok(is_told.then_some(()))
    })
}

/// A class that is deleted stays, and serves, until its last Gateway is gone.
pub(in crate::e2e) fn class_held(place: &Place<'_>) -> Result<()> {
    let class = format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n\
         metadata: {{name: {HELD}}}\nspec: {{controllerName: portway.dev/gateway-controller}}\n---\n"
    );
    let of_class = gateway_of(HELD, "gw", &[("foo", 8080)]);
    place.apply(&(class + &of_class + &route("r", "gw", "foo", "foo")))?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;
    let object = format!("gatewayclass/{HELD}");
    place.run(&["delete", &object, "--wait=false"])?;
    place.apply(&route("r", "gw", "foo", "bar"))?;
    place.turns_to(at, "bar")?;
    let held = place.get(&object)?;
    ensure!(is_ending(&held), "the class is not being deleted: {held}");
    place.run(&["delete", "gateway", "gw", "--timeout=60s"])?;
    place
        .run(&["wait", "--for=delete", &object, "--timeout=60s"])
        .map(drop)
}

/// A backend in another namespace is reached while a ReferenceGrant lets it, and no longer.
pub(in crate::e2e) fn grant_removed(place: &Place<'_>) -> Result<()> {
    let other = format!("{}-other", place.namespace);
    place.make_namespace(&other)?;
    let away = format!(
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\nmetadata: {{name: away}}\n\
         spec:\n  parentRefs: [{{name: gw, namespace: {}}}]\n  rules: [{{backendRefs: \
         [{{name: my-foo-service, namespace: {}, port: 6000}}]}}]\n",
        place.namespace, place.namespace
    );
    let open = "{name: foo, protocol: TCP, port: 8080, allowedRoutes: {namespaces: {from: All}}}";
    let all = gateway("gw", &[]) + "  - " + open + "\n";
    let grant = grant("lets", &other);
    place.apply(&(all + "---\n" + &grant))?;
    let namespace = format!("--namespace={other}");
    place
        .kubectl
        .feed(&["apply", &namespace, "-f", "-"], &away)?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;
    place.run(&["delete", "referencegrant", "lets"])?;
    let silent = place.is_silent(at)?;
    place.tell(&format!(
        "no traffic {:.2} s after the grant was gone",
        silent.as_secs_f64()
    ));
    place.apply(&grant)?;
    place.answers(at, "foo")?;
    place.remove_namespace(&other)
}

/// The Service of the Gateway `gw` has this port, and a slice of it sends connections there.
fn leads_to(place: &Place<'_>, port: u16) -> Result<()> {
    for (kind, ports) in [("services", "/spec/ports"), ("endpointslices", "/ports")] {
        let all = place.provisioned(kind, "gw")?;
        let ports = all.iter().filter_map(|it| it.pointer(ports)?.as_array());
        ensure!(
            ports.flatten().any(|it| it["port"] == port),
            "Programmed, but none of its {kind} has port {port}: {all:?}"
        );
    }
    Ok(())
}

/// Listeners are added to a living Gateway and removed from it; the others' connections, new and
/// old, do not notice.
pub(in crate::e2e) fn listeners_under_load(place: &Place<'_>) -> Result<()> {
    place.apply(&(gateway("gw", &[("foo", 8080)]) + &route("r", "gw", "foo", "foo")))?;
    let address = place.programmed("gw")?;
    let at = SocketAddr::new(address, 8080);
    place.answers(at, "foo")?;
    let load = Load::start(at, 10)?;
    for turn in 0..3 {
        let both = gateway("gw", &[("foo", 8080), ("bar", 8090)]) + &route("s", "gw", "bar", "bar");
        place.apply(&both)?;
        place.programmed("gw")?;
        leads_to(place, 8090)?;
        let answered = place.answers(SocketAddr::new(address, 8090), "bar")?;
        place.apply(&gateway("gw", &[("foo", 8080)]))?;
        let silent = place.is_silent(SocketAddr::new(address, 8090))?;
        place.tell(&format!(
            "turn {turn}: answers {:.2} s after Programmed, silent {:.2} s after removal",
            answered.as_secs_f64(),
            silent.as_secs_f64()
        ));
    }
    let outcome = load.end();
    place.tell(&format!("{} new connections meanwhile", outcome.n_answered));
    outcome.flawless()
}
