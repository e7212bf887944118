//! What people see who look at a cluster: the verbs with `--kube`, columns, Events.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::e2e::manifest::{gateway, route};
use crate::e2e::place::Place;
use crate::install::{CONTROLLER, NAMESPACE};

/// A Gateway, a route that it serves, and one that names a listener it has not.
fn objects() -> String {
    gateway("gw", &[("foo", 8080)])
        + &route("good", "gw", "foo", "foo")
        + &route("lost", "gw", "nowhere", "foo")
}

/// `status`, `check` and `explain` tell of the cluster what its statuses say and why.
pub(in crate::e2e) fn verbs(place: &Place<'_>) -> Result<()> {
    place.apply(&objects())?;
    place.programmed("gw")?;
    let namespace = &place.namespace;
    let portway = Portway::installed(place)?;

    let lost = place.until("judged route", || {
        let status = portway.says(&["status", "--kube", "--output", "json"], "", 1)?;
        let status: Value = serde_json::from_str(&status).context("understand status")?;
        let routes = status["routes"].as_array().cloned().unwrap_or_default();
        let is_it = |it: &Value| it["name"] == "lost" && it["namespace"] == namespace.as_str();
        let lost = routes.into_iter().find(is_it);
        Ok(lost.filter(|it| it["parents"][0]["accepted"]["reason"] != "Pending"))
    })?;
    ensure!(
        lost["parents"][0]["accepted"]["reason"] == "NoMatchingParent",
        "status of the lost route: {lost}"
    );
    let text = portway.says(&["status", "--kube", "--all"], "", 1)?;
    has(&text, &format!("GATEWAY {namespace}/gw, of class e2e, at "))?;
    has(&text, &format!("{namespace}/lost"))?;
    has(&text, "NoMatchingParent")?;
    let nobody = [
        "status",
        "--kube",
        "--controller-name",
        "example.com/nobody",
    ];
    has(&portway.says(&nobody, "", 1)?, "no GatewayClass names it")?;

    let explain = |subject: &str| {
        let arguments = ["explain", subject, "--kube", "--target", "cluster"];
        portway.says(&arguments, "", 0)
    };
    let why = explain(&format!("tcproute/{namespace}/lost"))?;
    has(&why, "not attached (NoMatchingParent)")?;
    let why = explain(&format!("gateway/{namespace}/gw"))?;
    has(&why, "its class `e2e` is Portway's")?;
    has(
        &why,
        &format!("its only route is TCPRoute `{namespace}/good`"),
    )?;

    // A file among what the cluster has: one is right, the other names no listener.
    let file = |section: &str| {
        let route = route("more", "gw", section, "bar");
        route.replace(
            "{name: more}",
            &format!("{{name: more, namespace: {namespace}}}"),
        )
    };
    let check = ["check", "-f", "-", "--kube", "--target", "cluster"];
    let more = portway.says(&check, &file("nowhere"), 1)?;
    has(&more, "PW0403")?;
    let fine = portway.says(&check, &file("foo"), 0)?;
    ensure!(!fine.contains("error["), "{fine}");
    Ok(())
}

/// The columns of `kubectl get`, and the Events that `kubectl describe` shows.
pub(in crate::e2e) fn columns_and_events(place: &Place<'_>) -> Result<()> {
    let config = "---\napiVersion: portway.dev/v1alpha1\nkind: GatewayConfig\n\
                  metadata: {name: columns}\nspec: {replicas: 2, service: {type: ClusterIP}}\n";
    place.apply(&(objects() + config))?;
    let address = place.programmed("gw")?.to_string();
    let row = |kind: &str, name: &str| -> Result<Vec<(String, String)>> {
        let text = place.run(&["get", kind, name])?;
        let mut lines = text
            .lines()
            .map(|it| it.split_whitespace().map(str::to_owned));
        let (names, values) = (
            lines.next().context("a head")?,
            lines.next().context("a row")?,
        );
        Ok(names.zip(values).collect())
    };
    let reads = |row: &[(String, String)], want: &[(&str, &str)]| -> Result<()> {
        for (name, value) in want {
            let is_there = row.iter().any(|(n, v)| n == name && v == value);
            ensure!(is_there, "no column {name} of {value}: {row:?}");
        }
        Ok(())
    };
    let gateway = [
        ("CLASS", "e2e"),
        ("ADDRESS", &*address),
        ("PROGRAMMED", "True"),
    ];
    reads(&row("gateway", "gw")?, &gateway)?;
    reads(&row("gatewayclass", "e2e")?, &[("ACCEPTED", "True")])?;
    let config = [("SERVICE", "ClusterIP"), ("REPLICAS", "2")];
    reads(&row("gatewayconfig", "columns")?, &config)?;

    let told = place.until("Events", || {
        let (gateway, route) = (
            place.run(&["describe", "gateway", "gw"])?,
            place.run(&["describe", "tcproute", "lost"])?,
        );
        let is_told = gateway.contains("Programmed=True: ") && route.contains("Accepted=False: ");
        Ok(is_told.then_some(route))
    })?;
    let event = told.lines().find(|it| it.contains("Accepted=False: "));
    let event = event.context("the Event")?;
    for word in [
        "Warning",
        "NoMatchingParent",
        "portway.dev/gateway-controller",
        "nowhere",
    ] {
        has(event, word)?;
    }
    let good = place.run(&["describe", "tcproute", "good"])?;
    ensure!(
        !good.contains("Accepted="),
        "an Event for what is fine: {good}"
    );
    Ok(())
}

/// The binary that runs as the controller.
struct Portway<'a> {
    place: &'a Place<'a>,
    program: PathBuf,
}

impl<'a> Portway<'a> {
    fn installed(place: &'a Place<'a>) -> Result<Self> {
        let namespace = format!("--namespace={NAMESPACE}");
        let label = format!("--selector=app.kubernetes.io/instance={CONTROLLER}");
        let name = "--output=jsonpath={.items[0].metadata.name}";
        let pod = place
            .kubectl
            .run(&["get", "pods", &namespace, &label, name])?;
        let pid = place.portway_in(NAMESPACE, pod.trim())?;
        let program = PathBuf::from(format!("/proc/{}/exe", pid.as_raw_nonzero()));
        Ok(Self { place, program })
    }

    /// What it prints, and that it ends with this code.
    fn says(&self, arguments: &[&str], input: &str, code: i32) -> Result<String> {
        use std::io::Write;
        let mut command = self.place.kubectl.beside(&self.program);
        command.args(arguments).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("start Portway")?;
        let mut stdin = child.stdin.take().context("its stdin")?;
        stdin.write_all(input.as_bytes()).context("speak to it")?;
        drop(stdin);
        let output = child.wait_with_output().context("wait for Portway")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let ended = output.status.code();
        let said = arguments.join(" ");
        ensure!(
            ended == Some(code),
            "portway {said} ended with {ended:?}:\n{out}{err}"
        );
        Ok(out + &err)
    }
}

fn has(text: &str, part: &str) -> Result<()> {
    ensure!(text.contains(part), "no {part:?} in:\n{text}");
    Ok(())
}
