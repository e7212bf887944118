//! `cargo xtask bench-control`: how soon the cluster's objects are true of traffic, and what it
//! costs, beside a peer on the same cluster.
//!
//! In: rounds. Out: `bench/results/DATE/control-SCENARIO.jsonl`, and `bench/CONTROL.md` made from the
//! newest of them. Never: both at once; each scenario runs alone, and starts from no routes.

mod report;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::bench::peers::{Found, Peer};
use crate::bench::results::{Results, commit_of};
use crate::cluster::kubectl::Kubectl;
use crate::cluster::site::Site;
use crate::cluster::{Channel, ensure_up};
use crate::interrupt::{self, Interrupt};
use crate::repo::root;
use crate::tally::say;
use crate::{golang, install};

/// The peer's address, one that no Service gets.
const PEER_ADDRESS: &str = "172.30.2.1";
/// The ports of the bench, which the peer has to be started with.
const PORTS: std::ops::Range<u16> = 20000..20500;

/// Rounds of what is kept.
const ROUNDS: u32 = 3;

/// A scenario of `conformance/suite/bench`, how many routes, changes or Gateways, and who is tried.
const SCENARIOS: [(&str, u32, bool); 5] = [
    ("attached", 1000, true),
    ("propagation", 500, true),
    ("change", 40, true),
    ("gateway", 5, true),
    // What a peer's one process does for everything else at once says nothing beside it.
    ("churn", 1000, false),
];

/// Measure Portway's control plane beside a peer's, in a real cluster
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each scenario runs
    #[arg(long, default_value_t = ROUNDS)]
    rounds: u32,

    /// Only this scenario: attached, propagation, change, gateway or churn
    #[arg(long)]
    only: Option<String>,

    /// Fewer routes, by this factor, to see that it works
    #[arg(long, default_value_t = 1)]
    smaller: u32,

    /// With the Portway that is in the cluster, instead of one built now
    #[arg(long)]
    as_installed: bool,

    /// A binary to install, instead of one built now
    #[arg(long, value_name = "FILE")]
    portway: Option<PathBuf>,

    /// Write bench/CONTROL.md again, from the newest results
    #[arg(long)]
    report: bool,
}

/// Measures.
///
/// # Errors
/// When the cluster, an implementation or a scenario fails.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.report {
        report::write()?;
        return Ok(ExitCode::SUCCESS);
    }
    let interrupt = Interrupt::listen()?;
    let site = Site::here();
    let bench = golang::BENCH.built(&interrupt)?;
    ensure_up(&site, Channel::Standard, &interrupt)?;
    let commit = install_portway(args, &site, &interrupt)?;
    let peer = Peer::Traefik.find()?;
    let mut traefik = start_traefik(&site, &peer)?;
    let measured = measure(args, &site, (&bench, &commit), &interrupt, &peer);
    interrupt::end(&mut traefik);
    measured?;
    Ok(ExitCode::SUCCESS)
}

/// Installs what is to be measured, and gives the commit it was built from.
fn install_portway(args: &Args, site: &Site, interrupt: &Interrupt) -> Result<String> {
    if args.as_installed {
        return Ok("as installed".to_owned());
    }
    let binary = install::portway(site, args.portway.as_deref(), interrupt)?;
    Ok(commit_of(&binary))
}

fn measure(
    args: &Args,
    site: &Site,
    (bench, commit): (&Path, &str),
    interrupt: &Interrupt,
    peer: &Found,
) -> Result<()> {
    // What was tried in small is not kept beside the code.
    let is_small = args.smaller > 1 || args.rounds < ROUNDS;
    let out = is_small.then(|| root().join("target/bench"));
    let asked = |name: &str| args.only.as_deref().is_none_or(|only| only == name);
    for (scenario, n, beside_peer) in SCENARIOS.iter().filter(|(name, ..)| asked(name)) {
        let mut results = Results::begin(&format!("control-{scenario}"), out.as_deref(), commit)?;
        results.add(&json!({"kind": "target", "target": "traefik", "version": peer.version}))?;
        let classes: &[&str] = match beside_peer {
            true => &[install::CLASS, "traefik"],
            false => &[install::CLASS],
        };
        let n = (n / args.smaller).max(4);
        for round in 1..=args.rounds {
            for class in in_turn(classes, round) {
                let mut command = scenario_command(site, bench, scenario, class);
                command.arg(format!("-n={n}"));
                let mut line = None;
                let status = interrupt.run_lines(&mut command, |it| line = Some(it.to_owned()))?;
                ensure!(status.success(), "{scenario} fails with {class}");
                let sample: Value = serde_json::from_str(&line.context("no result")?)?;
                say(&format!("round {round}: {sample}"));
                results.add(&json!({"kind": "control", "round": round, "sample": sample}))?;
            }
        }
        results.add(&json!({"kind": "end"}))?;
    }
    match out {
        None => report::write(),
        Some(_) => Ok(()),
    }
}

/// Who goes first takes turns: each finds what the other left of the cluster.
fn in_turn<'a>(classes: &[&'a str], round: u32) -> Vec<&'a str> {
    let mut classes = classes.to_vec();
    if round.is_multiple_of(2) {
        classes.reverse();
    }
    classes
}

fn scenario_command(site: &Site, bench: &Path, scenario: &str, class: &str) -> Command {
    let mut command = site.inside(bench);
    command.env("KUBECONFIG", site.kubeconfig("admin"));
    command.args([
        "-scenario",
        scenario,
        "-class",
        class,
        "-cluster",
        &site.name,
    ]);
    command.arg(format!("-audit={}", site.log("audit").display()));
    command.arg("-processes=controller=@controller,proxy=@proxy");
    command
}

/// The peer as a process in the cluster's network, with a class. It serves all Gateways at one
/// address, and holds back what changes for as long as it is told: not at all here.
fn start_traefik(site: &Site, peer: &Found) -> Result<Child> {
    let kubectl = Kubectl::new(site);
    // It watches a version that the standard CRDs have, but do not serve.
    for kind in ["tcproutes", "udproutes"] {
        let serve = r#"[{"op":"replace","path":"/spec/versions/1/served","value":true}]"#;
        let crd = format!("{kind}.gateway.networking.k8s.io");
        kubectl.run(&["patch", "crd", &crd, "--type=json", "--patch", serve])?;
    }
    let class = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n\
        metadata: {name: traefik}\nspec: {controllerName: traefik.io/gateway-controller}\n";
    kubectl.apply(class)?;
    let mut address = site.inside("ip");
    address.args([
        "address",
        "replace",
        &format!("{PEER_ADDRESS}/32"),
        "dev",
        "node",
    ]);
    ensure!(
        address.status()?.success(),
        "the peer's address cannot be set"
    );
    let mut command = site.inside(&peer.program);
    command.env("KUBECONFIG", site.kubeconfig("admin"));
    command.args([
        "--providers.kubernetesgateway=true",
        "--providers.providersthrottleduration=0s",
    ]);
    command.args([
        "--providers.kubernetesgateway.throttleduration=0s",
        "--log.level=ERROR",
    ]);
    command.arg("--providers.kubernetesgateway.experimentalchannel=true");
    command.arg(format!(
        "--providers.kubernetesgateway.statusaddress.ip={PEER_ADDRESS}"
    ));
    for port in PORTS {
        command.arg(format!(
            "--entrypoints.p{port}.address={PEER_ADDRESS}:{port}"
        ));
    }
    let log = File::create(site.log("traefik")).context("write the peer's log")?;
    command.stdout(log.try_clone()?).stderr(log);
    let traefik = command.spawn().context("start the peer")?;
    kubectl.run(&[
        "wait",
        "--for=condition=Accepted",
        "--timeout=60s",
        "gatewayclass/traefik",
    ])?;
    Ok(traefik)
}

#[cfg(test)]
mod tests;
