//! Controllers that are killed, and two of them at once.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde_json::Value;

use crate::e2e::audit::Audit;
use crate::e2e::client::Load;
use crate::e2e::manifest::{gateway, route};
use crate::e2e::place::{Place, crash};
use crate::e2e::tests::statuses::route_is_accepted;
use crate::install::{CONTROLLER, NAMESPACE};

/// One of two controllers writes; when it is killed the other does, and no connection notices.
pub(in crate::e2e) fn two_controllers(place: &Place<'_>) -> Result<()> {
    scale(place, 2)?;
    let outcome = take_over(place);
    outcome.and(scale(place, 1))
}

fn take_over(place: &Place<'_>) -> Result<()> {
    place.apply(&(gateway("gw", &[("foo", 8080)]) + &route("r", "gw", "foo", "foo")))?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;
    let load = Load::start(at, 10)?;
    let leader = leader(place)?;
    let process = place.portway_in(NAMESPACE, &leader)?;
    hears_from_the_start(process)?;
    let audit = Audit::from_now()?;
    place.apply(&route("r", "gw", "foo", "bar"))?;
    route_is_accepted(place, "r")?;
    let by_both = writers(&audit)?;
    ensure!(
        by_both == [leader.as_str()],
        "{leader} leads, and {by_both:?} wrote"
    );
    let killed = Instant::now();
    kill(place, &leader)?;
    // The kubelet hears of it later; a leader that still runs would act on the change itself.
    place.until("end of the leader", || {
        Ok((test_kill_process(process) == Err(Errno::SRCH)).then_some(()))
    })?;
    place.apply(&route("r", "gw", "foo", "foo"))?;
    place.turns_to(at, "foo")?;
    place.tell(&format!(
        "the other acts {:.1} s after the kill",
        killed.elapsed().as_secs_f64()
    ));
    route_is_accepted(place, "r")?;
    let [before, after] = &writers(&audit)?[..] else {
        bail!(
            "one after the other should write, and {:?} did",
            writers(&audit)?
        );
    };
    ensure!(
        *before == leader && after != before,
        "{before} wrote, then {after}"
    );
    let outcome = load.end();
    place.tell(&format!("{} new connections meanwhile", outcome.n_answered));
    outcome.flawless()
}

/// The controllers that wrote, in their order, each once for all that it wrote in a row.
fn writers(audit: &Audit) -> Result<Vec<String>> {
    let of_install = format!("system:serviceaccount:{NAMESPACE}:");
    let writes = audit.writes()?.into_iter();
    let ours = writes.filter(|it| it.user.starts_with(&of_install));
    let mut pods: Vec<String> = ours.map(|it| it.pod).collect();
    pods.dedup();
    Ok(pods)
}

/// How many routes a change brings: kubectl takes a second or more to apply them.
const N_ROUTES: usize = 100;

/// The only controller is killed while objects change, when a quarter is there; the next one
/// brings about what they say.
pub(in crate::e2e) fn killed_in_mid_change(place: &Place<'_>) -> Result<()> {
    place.apply(&(gateway("gw", &[("foo", 8080)]) + &route("r", "gw", "foo", "foo")))?;
    let address = place.programmed("gw")?;
    let at = SocketAddr::new(address, 8080);
    place.answers(at, "foo")?;
    let load = Load::start(at, 10)?;
    for turn in 0..3 {
        let (listener, port) = (format!("turn-{turn}"), 8100 + turn);
        let mut objects = gateway("gw", &[("foo", 8080), (listener.as_str(), port)]);
        let name = |n: usize| format!("turn-{turn}-{n}");
        for n in 0..N_ROUTES {
            objects += &route(&name(n), "gw", &listener, "bar");
        }
        let killed = killed_while_applying(place, &objects, &name(N_ROUTES / 4))?;
        place.answers(SocketAddr::new(address, port), "bar")?;
        place.programmed("gw")?;
        place.until("listener with all its routes", || {
            let gateway = place.get("gateway/gw")?;
            let listeners = gateway["status"]["listeners"].as_array();
            let of_turn = listeners.and_then(|all| all.iter().find(|it| it["name"] == *listener));
            let n_routes = of_turn.map(|it| &it["attachedRoutes"]);
            Ok((n_routes == Some(&Value::from(N_ROUTES))).then_some(()))
        })?;
        let seconds = killed.elapsed().as_secs_f64();
        place.tell(&format!(
            "turn {turn}: as the objects say {seconds:.1} s after the kill"
        ));
    }
    load.end().flawless()
}

/// Whether a signal that comes before it is handled ends the controller: the kernel drops those of the
/// first process of a PID namespace, see pid_namespaces(7).
fn hears_from_the_start(portway: Pid) -> Result<()> {
    let path = format!("/proc/{}/status", portway.as_raw_nonzero());
    let status = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let innermost = pids.and_then(|it| it.split_whitespace().last());
    ensure!(
        innermost.is_some_and(|it| it != "1"),
        "its numbers are {pids:?}: a SIGTERM at its birth is lost"
    );
    Ok(())
}

/// Applies objects, and kills the controller once a route of them is there and more are to come.
fn killed_while_applying(place: &Place<'_>, objects: &str, route: &str) -> Result<Instant> {
    let pod = leader(place)?;
    let leader = place.portway_in(NAMESPACE, &pod)?;
    let kubectl = place.kubectl.clone();
    let (namespace, objects) = (
        format!("--namespace={}", place.namespace),
        objects.to_owned(),
    );
    let applying = thread::spawn(move || kubectl.feed(&["apply", &namespace, "-f", "-"], &objects));
    place.until("route in the middle of the change", || {
        let get = [
            "get",
            "tcproute",
            route,
            "--ignore-not-found",
            "--output=name",
        ];
        Ok((!place.run(&get)?.trim().is_empty()).then_some(()))
    })?;
    crash(leader)?;
    let killed = Instant::now();
    ensure!(
        !applying.is_finished(),
        "the change was over before the kill"
    );
    // Another pod starts at once; a container that crashed again and again only after minutes.
    kill(place, &pod)?;
    let applied = applying.join();
    applied.map_err(|_| anyhow!("the thread that applies panicked"))??;
    Ok(killed)
}

fn scale(place: &Place<'_>, n_pods: usize) -> Result<()> {
    let namespace = format!("--namespace={NAMESPACE}");
    let deployment = format!("deployment/{CONTROLLER}");
    let replicas = format!("--replicas={n_pods}");
    place
        .kubectl
        .run(&["scale", &namespace, &deployment, &replicas])?;
    place.kubectl.run(&[
        "rollout",
        "status",
        &namespace,
        &deployment,
        "--timeout=90s",
    ])?;
    // One that ends may lead for as long as it is there.
    place.until("as many controllers as are asked for", || {
        let label = format!("--selector=app.kubernetes.io/instance={CONTROLLER}");
        let all = ["get", &namespace, "pods", &label, "--output=name"];
        let n = place.kubectl.run(&all)?.lines().count();
        Ok((n == n_pods).then_some(()))
    })
}

/// The pod that holds the Lease.
fn leader(place: &Place<'_>) -> Result<String> {
    let namespace = format!("--namespace={NAMESPACE}");
    place.until("holder of the Lease that runs", || {
        let leases = place
            .kubectl
            .run(&["get", &namespace, "leases", "--output=json"])?;
        let leases: Value = serde_json::from_str(&leases).context("understand kubectl")?;
        let holder = leases
            .pointer("/items/0/spec/holderIdentity")
            .and_then(Value::as_str);
        let pods = place
            .kubectl
            .run(&["get", &namespace, "pods", "--output=name"])?;
        let mut pods = pods.lines().filter_map(|line| line.strip_prefix("pod/"));
        Ok(pods
            .find(|pod| holder.is_some_and(|it| it.starts_with(pod)))
            .map(str::to_owned))
    })
}

fn kill(place: &Place<'_>, pod: &str) -> Result<()> {
    let namespace = format!("--namespace={NAMESPACE}");
    let now = [
        "delete",
        &namespace,
        "pod",
        pod,
        "--grace-period=0",
        "--force",
        "--wait=false",
    ];
    let said = place.kubectl.run(&now)?;
    ensure!(said.contains(pod), "no pod was killed: {said}");
    Ok(())
}
