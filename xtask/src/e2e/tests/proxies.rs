//! Proxies that are killed, replaced and scaled under load.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Pid;
use serde_json::{Value, json};

use crate::e2e::client::Load;
use crate::e2e::manifest::{gateway_with, route};
use crate::e2e::outside::Outside;
use crate::e2e::place::{Place, clients, crash, is_ending, name};

/// How long new connections may find a proxy that was killed.
const FIND_OTHERS: Duration = Duration::from_secs(5);

fn parameters(replicas: u32) -> String {
    format!(
        "{{replicas: {replicas}, resources: {{requests: {{cpu: 1m}}}}, preStopSleepSeconds: 3, \
         drainTimeoutSeconds: 120}}"
    )
}

fn served(place: &Place<'_>, replicas: usize) -> Result<SocketAddr> {
    let config = parameters(u32::try_from(replicas)?);
    let objects = gateway_with("gw", &[("foo", 8080)], &config);
    place.apply(&(objects + &route("r", "gw", "foo", "foo")))?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    all_ready(place, replicas)?;
    place.answers(at, "foo")?;
    Ok(at)
}

/// One of two proxies is killed: its connections are lost, new ones find the other within 5 s.
pub(in crate::e2e) fn proxy_killed(place: &Place<'_>) -> Result<()> {
    let at = served(place, 2)?;
    let load = Load::start(at, 10)?;
    let proxy = busier(place)?;
    let killed = load.age();
    crash(proxy)?;
    place.until("a proxy that was started again", || {
        let pods = place.provisioned("pods", "gw")?;
        let again = |it: &Value| {
            let n_times = it.pointer("/status/containerStatuses/0/restartCount");
            n_times.and_then(Value::as_u64) > Some(0)
        };
        Ok(pods.iter().any(again).then_some(()))
    })?;
    all_ready(place, 2)?;
    let wanted = killed + FIND_OTHERS * 2;
    place.until("moment when all connections must be answered", || {
        Ok((load.age() > wanted).then_some(()))
    })?;
    let outcome = load.end();
    ensure!(
        outcome.last_answered > killed + FIND_OTHERS,
        "the last answer was at {:.1} s, the kill at {:.1} s",
        outcome.last_answered.as_secs_f64(),
        killed.as_secs_f64()
    );
    let last = outcome.failed.iter().map(|failure| failure.at).max();
    let after = last.map_or(Duration::ZERO, |last| last.saturating_sub(killed));
    place.tell(&format!(
        "{} of {} new connections failed, the last {:.1} s after the kill; {} of 10 streams lost",
        outcome.failed.len(),
        outcome.failed.len() + outcome.n_answered,
        after.as_secs_f64(),
        outcome.broken.len()
    ));
    ensure!(
        after <= FIND_OTHERS,
        "the last failure came {:.1} s after the kill",
        after.as_secs_f64()
    );
    ensure!(
        !outcome.broken.is_empty(),
        "the proxy that was killed had no stream"
    );
    Ok(())
}

/// The proxy that has more of the streams; they may all have gone to one.
fn busier(place: &Place<'_>) -> Result<Pid> {
    let mut counted = Vec::new();
    for pod in place.provisioned("pods", "gw")? {
        let portway = place.portway_in(&place.namespace, name(&pod)?)?;
        counted.push((clients(portway, 8080)?.len(), portway));
    }
    let busier = counted.into_iter().max_by_key(|(n, _)| *n);
    Ok(busier.context("a proxy")?.1)
}

/// Proxies are scaled and replaced; no new connection fails, and every old one goes on until its
/// client ends it.
pub(in crate::e2e) fn rolled_and_scaled(place: &Place<'_>) -> Result<()> {
    let at = served(place, 1)?;
    let load = Load::start(at, 8)?;
    for replicas in [3, 1] {
        let patch = format!(r#"{{"spec":{{"replicas":{replicas}}}}}"#);
        place.patch("gatewayconfig/gw", &patch)?;
        all_ready(place, replicas)?;
        place.tell(&format!(
            "{replicas} proxies at {:.1} s",
            load.age().as_secs_f64()
        ));
    }
    let deployments = place.provisioned("deployments", "gw")?;
    let deployment = format!(
        "deployment/{}",
        name(deployments.first().context("a Deployment")?)?
    );
    place.run(&["rollout", "restart", &deployment])?;
    place.run(&["rollout", "status", &deployment, "--timeout=90s"])?;
    all_ready(place, 1)?;
    place.tell(&format!("replaced at {:.1} s", load.age().as_secs_f64()));
    let outcome = load.end();
    place.tell(&format!("{} new connections meanwhile", outcome.n_answered));
    outcome.flawless()?;
    place.until("end of the proxies that drained", || {
        let pods = place.provisioned("pods", "gw")?;
        Ok((pods.len() == 1).then_some(()))
    })
}

/// A proxy that is told to end lets its connections finish.
pub(in crate::e2e) fn drained(place: &Place<'_>) -> Result<()> {
    let at = served(place, 1)?;
    let mut stream = crate::e2e::client::Stream::open(at)?;
    let pods = place.provisioned("pods", "gw")?;
    let old = name(pods.first().context("a proxy")?)?.to_owned();
    place.run(&["delete", "pod", &old, "--wait=false"])?;
    place.until("another proxy that serves", || {
        let pods = place.provisioned("pods", "gw")?;
        Ok(pods
            .iter()
            .any(|pod| is_ready(pod) && pod["metadata"]["name"] != *old)
            .then_some(()))
    })?;
    // Its endpoint is withdrawn, it has SIGTERM or will have it soon, and the stream goes on.
    for _ in 0..50 {
        stream
            .ask("PING")
            .context("the stream broke while its proxy drained")?;
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(stream);
    place.until("end of the proxy once nothing is open", || {
        let pods = place.provisioned("pods", "gw")?;
        Ok(pods
            .iter()
            .all(|pod| pod["metadata"]["name"] != *old)
            .then_some(()))
    })
}

/// Every parameter that is not tried elsewhere reaches its object, and proxies run with all of them.
/// That the autoscaler scales needs a metrics server, which this cluster has not.
pub(in crate::e2e) fn parameters_reach_their_objects(place: &Place<'_>) -> Result<()> {
    place.apply(&gateway_with("gw", &[("foo", 8080)], PARAMETERS))?;
    place.programmed("gw")?;
    let kinds = "horizontalpodautoscalers,poddisruptionbudgets,deployments,services,pods";
    let made = place.provisioned(kinds, "gw")?;
    let of = |kind: &str| {
        let found = made.iter().find(|it| it["kind"] == kind);
        found.with_context(|| format!("no {kind} was made"))
    };
    let deployment = of("Deployment")?;
    let scaler = of("HorizontalPodAutoscaler")?;
    let target = &scaler["spec"]["scaleTargetRef"]["name"];
    ensure!(*target == deployment["metadata"]["name"], "{scaler}");
    reads(
        &scaler["spec"],
        &json!({"minReplicas": 2, "maxReplicas": 4}),
    )?;
    reads(
        &of("PodDisruptionBudget")?["spec"],
        &json!({"minAvailable": 1}),
    )?;
    let service = of("Service")?;
    let wanted = json!({
        "type": "LoadBalancer",
        "loadBalancerSourceRanges": ["172.16.0.0/12", "10.0.0.0/8"],
        "ipFamilyPolicy": "PreferDualStack",
    });
    reads(&service["spec"], &wanted)?;
    other_services_are_made(place)?;
    let annotations = &service["metadata"]["annotations"];
    reads(annotations, &json!({"example.com/pool": "public"}))?;
    let pod = json!({
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-cluster-critical",
        "imagePullSecrets": [{"name": "a-registry"}],
        // Five seconds more than the two waits.
        "terminationGracePeriodSeconds": 14,
    });
    // The API server adds tolerations of its own to a Pod.
    let tolerations = json!([{"key": "example.com/l4", "operator": "Exists"}]);
    let template = &deployment["spec"]["template"]["spec"];
    reads(template, &json!({"tolerations": tolerations}))?;
    for spec in [template, &of("Pod")?["spec"]] {
        reads(spec, &pod)?;
        let weight = spec.pointer(
            "/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/weight",
        );
        ensure!(weight == Some(&json!(7)), "the affinity of {spec}");
        let container = &spec["containers"][0];
        let resources = &container["resources"];
        reads(&resources["requests"], &json!({"cpu": "1m"}))?;
        reads(&resources["limits"], &json!({"memory": "64Mi"}))?;
        reads(
            &container["lifecycle"],
            &json!({"preStop": {"sleep": {"seconds": 2}}}),
        )?;
    }
    Ok(())
}

/// Services of another type, and of a load balancer that is not there.
fn other_services_are_made(place: &Place<'_>) -> Result<()> {
    for (gateway, asked, wanted) in [
        ("node-port", "type: NodePort", json!({"type": "NodePort"})),
        (
            "of-class",
            "loadBalancerClass: example.com/none",
            json!({"type": "LoadBalancer", "loadBalancerClass": "example.com/none"}),
        ),
    ] {
        let config = format!("{{resources: {{requests: {{cpu: 1m}}}}, service: {{{asked}}}}}");
        place.apply(&gateway_with(gateway, &[("foo", 8080)], &config))?;
        let service = place.until("a Service", || {
            Ok(place.provisioned("services", gateway)?.into_iter().next())
        })?;
        reads(&service["spec"], &wanted)?;
    }
    Ok(())
}

/// What it asks for: each differs from what there is without it.
const PARAMETERS: &str = r#"
  autoscaling: {minReplicas: 2, maxReplicas: 4}
  podDisruptionBudget: {minAvailable: 1}
  service:
    annotations: {example.com/pool: public}
    loadBalancerSourceRanges: [172.16.0.0/12, 10.0.0.0/8]
    ipFamilyPolicy: PreferDualStack
  resources: {requests: {cpu: 1m}, limits: {memory: 64Mi}}
  nodeSelector: {kubernetes.io/os: linux}
  tolerations: [{key: example.com/l4, operator: Exists}]
  affinity:
    nodeAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 7
        preference: {matchExpressions: [{key: example.com/l4, operator: Exists}]}
  priorityClassName: system-cluster-critical
  imagePullSecrets: [{name: a-registry}]
  preStopSleepSeconds: 2
  drainTimeoutSeconds: 7"#;

/// Each field of `wanted` is there, and is so.
fn reads(found: &Value, wanted: &Value) -> Result<()> {
    for (field, value) in wanted.as_object().into_iter().flatten() {
        ensure!(
            found[field] == *value,
            "{field} is {}, not {value}",
            found[field]
        );
    }
    Ok(())
}

/// With `externalTrafficPolicy: Local` a proxy sees the client's own address.
pub(in crate::e2e) fn client_addresses_are_seen(place: &Place<'_>) -> Result<()> {
    let config = "{resources: {requests: {cpu: 1m}}, service: {externalTrafficPolicy: Local}}";
    let objects = gateway_with("gw", &[("foo", 8080)], config);
    place.apply(&(objects + &route("r", "gw", "foo", "foo")))?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;
    let services = place.provisioned("services", "gw")?;
    let policy = &services.first().context("a Service")?["spec"]["externalTrafficPolicy"];
    ensure!(policy == "Local", "the Service's policy is {policy}");
    let pods = place.provisioned("pods", "gw")?;
    let pod = name(pods.first().context("a proxy")?)?;
    let proxy = place.portway_in(&place.namespace, pod)?;

    let outside = Outside::make()?;
    let _client = outside.connect(at)?;
    let seen = clients(proxy, 8080)?;
    ensure!(
        seen.contains(&outside.address()),
        "the proxy sees {seen:?}, the client is {}",
        outside.address()
    );
    Ok(())
}

fn all_ready(place: &Place<'_>, replicas: usize) -> Result<()> {
    place.until("proxies, all ready and no others", || {
        let mut pods = place.provisioned("pods", "gw")?;
        pods.retain(|pod| !is_ending(pod));
        Ok((pods.len() == replicas && pods.iter().all(is_ready)).then_some(()))
    })
}

fn is_ready(pod: &Value) -> bool {
    let ready = crate::e2e::place::condition(pod, "Ready");
    !is_ending(pod) && ready.is_some_and(|it| it["status"] == "True")
}
