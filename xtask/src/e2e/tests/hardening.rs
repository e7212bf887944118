//! What proxies may do, what becomes of changes by other hands, and addresses that are asked for.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::e2e::client::{self, Load};
use crate::e2e::manifest::{gateway, gateway_with, grant, route};
use crate::e2e::place::{BACKENDS, Place, condition, name};

/// A proxy serves a port below 1024 with no capability, as nobody, on a root that it cannot write;
/// what is made for a Gateway has the labels and annotations of its `infrastructure`.
pub(in crate::e2e) fn confined(place: &Place<'_>) -> Result<()> {
    let config = "{resources: {requests: {cpu: 1m}}}";
    let mut objects = gateway_with("gw", &[("low", 80)], config);
    objects += "    labels: {example.com/team: data}\n";
    objects += "    annotations: {example.com/pager: data-on-call}\n";
    place.apply(&(objects + &route("r", "gw", "low", "foo")))?;
    let at = SocketAddr::new(place.programmed("gw")?, 80);
    place.answers(at, "foo")?;

    let made = place.provisioned("services,deployments,serviceaccounts,pods", "gw")?;
    ensure!(made.len() == 4, "{} objects were made", made.len());
    for object in &made {
        let metadata = &object["metadata"];
        let is_marked = metadata["labels"]["example.com/team"] == "data"
            && metadata["annotations"]["example.com/pager"] == "data-on-call";
        ensure!(is_marked, "{} {metadata}", object["kind"]);
    }
    let pod = made.iter().find(|it| it["kind"] == "Pod");
    let pod = pod.context("a proxy")?;
    tells_of_itself(pod)?;
    let portway = place
        .portway_in(&place.namespace, name(pod)?)?
        .as_raw_nonzero();
    let its_root = Path::new("/proc").join(portway.to_string()).join("root");
    let token = its_root.join("var/run/secrets/kubernetes.io");
    ensure!(!token.exists(), "it has a token for the API server");
    let status = fs::read_to_string(format!("/proc/{portway}/status"))?;
    for (field, wanted) in [
        ("Uid:", "65532"),
        ("CapEff:", "0000000000000000"),
        ("CapBnd:", "0000000000000000"),
        ("NoNewPrivs:", "1"),
        ("Seccomp:", "2"),
    ] {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let found = line.and_then(|it| it.split_whitespace().next());
        ensure!(found == Some(wanted), "{field} is {found:?}, not {wanted}");
    }
    let mounts = fs::read_to_string(format!("/proc/{portway}/mountinfo"))?;
    let root = mounts.lines().find(|it| it.split(' ').nth(4) == Some("/"));
    let options = root.and_then(|it| it.split(' ').nth(5));
    let is_read_only = options.is_some_and(|it| it.split(',').any(|it| it == "ro"));
    ensure!(is_read_only, "its root is mounted {options:?}");
    Ok(())
}

/// Whoever scrapes the Pod gets metrics.
fn tells_of_itself(pod: &Value) -> Result<()> {
    let ip = pod.pointer("/status/podIP").and_then(Value::as_str);
    let ip: IpAddr = ip.context("a Pod without an address")?.parse()?;
    let ports = pod
        .pointer("/spec/containers/0/ports")
        .and_then(Value::as_array);
    let admin = ports.into_iter().flatten().find(|it| it["name"] == "admin");
    let admin = admin.and_then(|it| it["containerPort"].as_u64());
    let port = u16::try_from(admin.context("a proxy without a port called admin")?)?;
    let mut admin = TcpStream::connect((ip, port)).context("connect to the admin server")?;
    write!(admin, "GET /metrics HTTP/1.1\r\nHost: {ip}\r\n\r\n")?;
    let mut answer = String::new();
    admin.read_to_string(&mut answer)?;
    let is_ready = answer.lines().any(|line| line == "portway_ready 1");
    ensure!(is_ready, "it answers {answer}");
    Ok(())
}

/// What is ours and somebody changes or deletes by hand comes back. What they add stays theirs, as
/// server-side apply has it.
pub(in crate::e2e) fn drift_is_repaired(place: &Place<'_>) -> Result<()> {
    let objects = gateway("gw", &[("foo", 8080)]);
    place.apply(&(objects + &route("r", "gw", "foo", "foo")))?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;

    let service = one(place, "services")?;
    let ports = |service: &Value| -> Vec<Value> {
        let ports = service["spec"]["ports"].as_array();
        let of = |it: &Value| json!([it["name"], it["port"], it["targetPort"]]);
        ports.into_iter().flatten().map(of).collect()
    };
    place.patch(
        &format!("service/{}", name(&service)?),
        r#"{"spec":{"ports":[{"name":"other","port":9999}]}}"#,
    )?;
    place.until("the Service's ports again", || {
        let now = ports(&one(place, "services")?);
        let are_there = ports(&service).iter().all(|it| now.contains(it));
        Ok(are_there.then_some(()))
    })?;
    place.answers(at, "foo")?;

    // A key more in the selector, and it finds no Pod.
    let selector = &service["spec"]["selector"];
    place.patch(
        &format!("service/{}", name(&service)?),
        r#"{"spec":{"selector":{"theirs":"a"}}}"#,
    )?;
    place.until("the Service's selector again", || {
        let now = one(place, "services")?;
        Ok((now["spec"]["selector"] == *selector).then_some(()))
    })?;
    place.answers(at, "foo")?;

    let deployment = one(place, "deployments")?;
    place.run(&["delete", "deployment", name(&deployment)?])?;
    place.until("a Deployment again", || {
        let now = place.provisioned("deployments", "gw")?;
        let before = &deployment["metadata"]["uid"];
        let is_other = now.iter().any(|it| it["metadata"]["uid"] != *before);
        Ok(is_other.then_some(()))
    })?;
    place.programmed("gw")?;
    place.answers(at, "foo").map(drop)
}

/// An address of a type that nobody here knows is refused, one that the cluster does not give is told,
/// and an empty one means any.
pub(in crate::e2e) fn addresses_are_asked_for(place: &Place<'_>) -> Result<()> {
    let objects = gateway("gw", &[("foo", 8080)]);
    let asking = |address: &str| format!("{objects}  addresses: [{address}]\n");
    place.apply(&asking("{type: example.com/pool, value: public}"))?;
    has(place, "Accepted", ("False", "UnsupportedAddress"))?;
    // The documentation's network (RFC 5737), which no cluster has.
    place.apply(&asking("{type: IPAddress, value: 192.0.2.7}"))?;
    has(place, "Programmed", ("False", "AddressNotUsable"))?;
    place.apply(&asking("{type: IPAddress}"))?;
    let given = place.programmed("gw")?;
    // One of the half of the pool that nobody gets who does not ask for it.
    let free = IpAddr::V4(Ipv4Addr::new(172, 30, 1, 201));
    ensure!(
        given != free,
        "{free} was given to somebody who did not ask"
    );
    let asked = asking(&format!("{{type: IPAddress, value: {free}}}"));
    place.apply(&(asked + &route("r", "gw", "foo", "foo")))?;
    place.until("the address that was asked for", || {
        Ok((place.programmed("gw")? == free).then_some(()))
    })?;
    place.answers(SocketAddr::new(free, 8080), "foo").map(drop)
}

/// Waits for a condition of the Gateway as it is now.
fn has(place: &Place<'_>, kind: &str, (status, reason): (&str, &str)) -> Result<()> {
    let what = format!("{kind}={status} for {reason}");
    let mut last = Value::Null;
    let reached = place.until(&what, || {
        last = place.get("gateway/gw")?;
        let found = condition(&last, kind);
        let is_so = found.is_some_and(|it| {
            let current = it["observedGeneration"] == last["metadata"]["generation"];
            current && it["status"] == status && it["reason"] == reason
        });
        Ok(is_so.then_some(()))
    });
    reached.with_context(|| format!("{}", last["status"]))
}

fn one(place: &Place<'_>, kind: &str) -> Result<Value> {
    let found = place.provisioned(kind, "gw")?;
    found
        .into_iter()
        .next()
        .with_context(|| format!("no {kind}"))
}

/// Parameters go while a Gateway serves: it is refused, its proxies stay, are let in again when they
/// start anew, and obey the grant that goes as well.
pub(in crate::e2e) fn refused_keeps_serving(place: &Place<'_>) -> Result<()> {
    let other = format!("{}-other", place.namespace);
    place.make_namespace(&other)?;
    let in_other = format!("--namespace={other}");
    let apply = ["apply", in_other.as_str(), "-f", "-"];
    place.kubectl.feed(&apply, BACKENDS)?;
    place
        .kubectl
        .feed(&apply, &grant("lets", &place.namespace))?;
    let away = route("away", "gw", "away", "foo").replace(
        "my-foo-service",
        &format!("my-foo-service, namespace: {other}"),
    );
    let listeners = [("foo", 8080), ("away", 8090)];
    let config = "{resources: {requests: {cpu: 1m}}, drainTimeoutSeconds: 5}";
    let objects = gateway_with("gw", &listeners, config);
    place.apply(&(objects + &route("r", "gw", "foo", "foo") + &away))?;
    let address = place.programmed("gw")?;
    let (at, away) = (
        SocketAddr::new(address, 8080),
        SocketAddr::new(address, 8090),
    );
    place.answers(at, "foo")?;
    place.answers(away, "foo")?;

    let load = Load::start(at, 5)?;
    place.run(&["delete", "gatewayconfig", "gw"])?;
    place.until("refused Gateway", || {
        let gateway = place.get("gateway/gw")?;
        let accepted = condition(&gateway, "Accepted");
        let is_refused = accepted.is_some_and(|it| it["reason"] == "InvalidParameters");
        Ok(is_refused.then_some(()))
    })?;
    place
        .kubectl
        .run(&["delete", &in_other, "referencegrant", "lets"])?;
    place.is_silent(away)?;
    load.end().flawless()?;

    let before = pods(place)?;
    place.run(&[
        "delete",
        "pod",
        "--selector=gateway.networking.k8s.io/gateway-name=gw",
    ])?;
    place.until("another proxy that serves", || {
        let now = pods(place)?;
        let is_new = !now.is_empty() && now.iter().all(|it| !before.contains(it));
        Ok((is_new && client::pod(at).is_ok()).then_some(()))
    })?;
    ensure!(
        client::pod(away).is_err(),
        "the proxy that started anew serves what no grant lets it"
    );
    place.remove_namespace(&other)
}

fn pods(place: &Place<'_>) -> Result<Vec<String>> {
    let pods = place.provisioned("pods", "gw")?;
    pods.iter().map(|it| Ok(name(it)?.to_owned())).collect()
}

/// Objects of somebody else that have the name a Gateway's would get: it says so and leaves them.
pub(in crate::e2e) fn others_are_left_alone(place: &Place<'_>) -> Result<()> {
    let theirs = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gw-e2e}\ndata: {mine: a}\n---\n\
                  apiVersion: v1\nkind: Service\nmetadata: {name: gw-e2e}\n\
                  spec: {selector: {app: mine}, ports: [{port: 5}]}\n";
    place.apply(theirs)?;
    let theirs = |object: &str| place.get(&format!("{object}/gw-e2e"));
    let before = (theirs("configmap")?, theirs("service")?);
    place.apply(&(gateway("gw", &[("foo", 8080)]) + &route("r", "gw", "foo", "foo")))?;
    let says = |what: &str| {
        place.until("word of what is in the way", || {
            let gateway = place.get("gateway/gw")?;
            let message = condition(&gateway, "Programmed").map(|it| it["message"].to_string());
            Ok(message.is_some_and(|it| it.contains(what)).then_some(()))
        })
    };
    says("ConfigMap not provisioned: `gw-e2e` exists")?;
    ensure!(
        theirs("configmap")? == before.0,
        "their ConfigMap was written"
    );
    place.run(&["delete", "configmap", "gw-e2e"])?;
    says("Service not provisioned: `gw-e2e` exists")?;
    ensure!(theirs("service")? == before.1, "their Service was written");
    place.run(&["delete", "service", "gw-e2e"])?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo").map(drop)
}
