//! What the controller depends on is away, slow or not there; serving goes on.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cluster::site::Site;
use crate::cluster::{objects, parts};
use crate::e2e::client::Load;
use crate::e2e::manifest::{gateway, route};
use crate::e2e::place::{Place, STATE_WAIT, is_ending, name};
use crate::e2e::tests::installs::installed_image;
use crate::install::{self, CONTROLLER, NAMESPACE};

/// How long the API server hangs: longer than the controller's Lease lasts without it, 15 s.
const HANGS: Duration = Duration::from_secs(20);

/// The API server hangs, and is killed; connections notice nothing, and what is changed afterwards
/// is obeyed by the same controller.
pub(in crate::e2e) fn api_server_lost(place: &Place<'_>) -> Result<()> {
    place.apply(&(gateway("gw", &[("foo", 8080)]) + &route("r", "gw", "foo", "foo")))?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;
    let site = Site::here();
    let n_restarts = restarts(place)?;
    let load = Load::start(at, 10)?;

    let server = parts::running(&site, "apiserver")?;
    kill_process(server, Signal::STOP).context("stop the API server")?;
    let stopped = Instant::now();
    let hung = place.interrupt.until("end of the hang", STATE_WAIT, || {
        Ok((stopped.elapsed() >= HANGS).then_some(()))
    });
    // Also when we are asked to end: nobody else would.
    kill_process(server, Signal::CONT).context("continue the API server")?;
    hung?;
    is_obeyed(place, at, "bar", "it hung")?;

    kill_process(server, Signal::KILL).context("kill the API server")?;
    let gone = is_gone(place, server);
    let mut server = parts::start_api_server_again(&site)?;
    gone?;
    let ready = place.until("API server that is ready", || {
        if let Some(status) = server.try_wait().context("ask for the API server")? {
            // As whoever keeps one would: why it does not stay is nothing of Portway's.
            let said = parts::tail(&site, "apiserver");
            place.tell(&format!("the API server ended again, {status}:{said}"));
            server = parts::start_api_server_again(&site)?;
        }
        Ok(place.kubectl.run(&["get", "--raw", "/readyz"]).ok())
    });
    ready.with_context(|| format!("it says:{}", parts::tail(&site, "apiserver")))?;
    is_obeyed(place, at, "foo", "it was killed")?;

    let outcome = load.end();
    place.tell(&format!("{} new connections meanwhile", outcome.n_answered));
    outcome.flawless()?;
    has_not_restarted(place, &n_restarts)
}

fn is_obeyed(place: &Place<'_>, at: SocketAddr, backend: &str, after: &str) -> Result<()> {
    let back = Instant::now();
    place.apply(&route("r", "gw", "foo", backend))?;
    place.turns_to(at, backend)?;
    place.programmed("gw")?;
    let seconds = back.elapsed().as_secs_f64();
    place.tell(&format!(
        "after {after} a change is obeyed in {seconds:.1} s"
    ));
    Ok(())
}

fn is_gone(place: &Place<'_>, process: Pid) -> Result<()> {
    let stat = format!("/proc/{}/stat", process.as_raw_nonzero());
    place.until("end of the API server", || {
        // Whoever started it may not have asked yet how it ended: then it stays as a zombie.
        let is_running = fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z "));
        Ok((!is_running).then_some(()))
    })
}

/// How often containers of the controller were started again. A pod that ends counts no more: it may
/// be of the upgrade before, and gone at the next look.
fn restarts(place: &Place<'_>) -> Result<Vec<String>> {
    let namespace = format!("--namespace={NAMESPACE}");
    let pods = ["get", "pods", &namespace, "--output=json"];
    let pods: Value =
        serde_json::from_str(&place.kubectl.run(&pods)?).context("understand kubectl")?;
    let pods = pods["items"].as_array().into_iter().flatten();
    let lasting = pods.filter(|pod| !is_ending(pod));
    let counts = lasting.map(|pod| {
        let n_restarts = pod.pointer("/status/containerStatuses/0/restartCount");
        Ok(format!(
            "{}: {}",
            name(pod)?,
            n_restarts.unwrap_or(&Value::Null)
        ))
    });
    counts.collect()
}

fn has_not_restarted(place: &Place<'_>, before: &[String]) -> Result<()> {
    let now = restarts(place)?;
    ensure!(
        now == before,
        "the controller started anew: {before:?}, then {now:?} times"
    );
    Ok(())
}

/// The CRDs go, with all objects of theirs, and come again: the controller says so and lives. The
/// classes are there again afterwards, the chart's too.
pub(in crate::e2e) fn crds_absent(place: &Place<'_>) -> Result<()> {
    let objects = gateway("gw", &[("foo", 8080)]) + &route("r", "gw", "foo", "foo");
    place.apply(&objects)?;
    let at = SocketAddr::new(place.programmed("gw")?, 8080);
    place.answers(at, "foo")?;
    let n_restarts = restarts(place)?;
    let image = installed_image(place)?;

    let outcome = crds_go(place);
    // Whatever came of it: the tests after this one need them.
    let back = objects::apply_crds(&place.kubectl, "experimental");
    let back = back.and_then(|()| Place::make_class(&place.kubectl));
    let outcome = outcome.and(back).and_then(|()| {
        place.apply(&objects)?;
        let at = SocketAddr::new(place.programmed("gw")?, 8080);
        place.answers(at, "foo")?;
        has_not_restarted(place, &n_restarts)
    });
    let released = install::release(&Site::here(), &image, place.interrupt);
    outcome?;
    released
}

fn crds_go(place: &Place<'_>) -> Result<()> {
    let n_before = n_told(place)?;
    let crds = place.kubectl.run(&["get", "crds", "--output=name"])?;
    let ours: Vec<&str> = crds
        .lines()
        .filter(|it| it.ends_with(".gateway.networking.k8s.io"))
        .collect();
    ensure!(!ours.is_empty(), "no CRDs: {crds}");
    let mut delete = vec!["delete", "--timeout=60s"];
    delete.extend(&ours);
    place.kubectl.run(&delete)?;
    place.proxies_end("gw")?;
    place.until("word of the controller", || {
        Ok((n_told(place)? > n_before).then_some(()))
    })
}

/// How often the controller said that kinds are not served.
fn n_told(place: &Place<'_>) -> Result<usize> {
    let namespace = format!("--namespace={NAMESPACE}");
    let deployment = format!("deployment/{CONTROLLER}");
    let log = place.kubectl.run(&["logs", &deployment, &namespace])?;
    Ok(log.matches("CRDs not installed").count())
}
