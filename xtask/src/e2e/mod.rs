//! `cargo xtask e2e`: what the suite does not ask, on the same cluster, with real clients.
//!
//! ```text
//!  e2e ── cluster up, Portway installed ──► e2e-inside, in the cluster's network
//!                                              └► each test: a namespace, backends, a Gateway,
//! clients
//! ```
//!
//! In: names of tests. Out: what each measured and its seconds, then a line with the sum. Never: a
//! test that needs another one, or leaves its namespace behind.

mod audit;
mod client;
mod manifest;
mod outside;
mod place;
mod scene;
mod tests;
mod trail;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use self::place::Place;
use self::tests::{
    controllers, guide, hardening, installs, manifests, objects, outages, people, proxies, statuses,
};
use crate::cluster::kubectl::Kubectl;
use crate::cluster::site::Site;
use crate::cluster::{Channel, ensure_up};
use crate::install;
use crate::interrupt::Interrupt;
use crate::tally::{Count, Tally, say};

/// One test.
struct Test {
    name: &'static str,
    run: fn(&Place<'_>) -> Result<()>,
    channel: Channel,
}

const fn test(name: &'static str, run: fn(&Place<'_>) -> Result<()>) -> Test {
    Test {
        name,
        run,
        channel: Channel::Standard,
    }
}

const TESTS: [Test; 27] = [
    test("guide", guide::with_v1),
    test("foreign-conditions", statuses::foreign_conditions_survive),
    test("longest-name", statuses::longest_name),
    test("gateway-deleted", objects::gateway_deleted),
    test("gateway-replaced", objects::gateway_replaced),
    test("class-held", objects::class_held),
    test("grant-removed", objects::grant_removed),
    test("listeners-under-load", objects::listeners_under_load),
    test("two-controllers", controllers::two_controllers),
    test("killed-in-mid-change", controllers::killed_in_mid_change),
    test("api-server-lost", outages::api_server_lost),
    test("proxy-killed", proxies::proxy_killed),
    test("rolled-and-scaled", proxies::rolled_and_scaled),
    test("drained", proxies::drained),
    test("parameters", proxies::parameters_reach_their_objects),
    test("client-addresses", proxies::client_addresses_are_seen),
    test("confined", hardening::confined),
    test("drift-repaired", hardening::drift_is_repaired),
    test("refused-keeps-serving", hardening::refused_keeps_serving),
    test("others-left-alone", hardening::others_are_left_alone),
    test("addresses", hardening::addresses_are_asked_for),
    test("verbs", people::verbs),
    test("columns-and-events", people::columns_and_events),
    test("two-installs", installs::two_installs),
    test("manifests", manifests::manifests_serve),
    Test {
        name: "guide-verbatim",
        run: guide::verbatim,
        channel: Channel::Experimental,
    },
    Test {
        name: "crds-absent",
        run: outages::crds_absent,
        channel: Channel::Experimental,
    },
];

/// Try Portway in a real cluster with real clients
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask e2e                                   all tests for a cluster with the standard CRDs
  cargo xtask e2e guide drained                     these
  cargo xtask e2e --channel experimental            those for the experimental CRDs, on such a cluster")]
pub(crate) struct Args {
    /// Which tests; by default all
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Which CRDs the cluster has
    #[arg(long, value_enum, default_value = "standard")]
    channel: Channel,

    /// With the Portway that is in the cluster, instead of one built now
    #[arg(long)]
    as_installed: bool,

    /// A binary to install, instead of one built now
    #[arg(long, value_name = "FILE")]
    portway: Option<PathBuf>,

    /// Only tell which tests there are
    #[arg(long)]
    list: bool,
}

/// Makes all ready and runs the tests in the cluster's network.
///
/// # Errors
/// When the cluster or Portway cannot be started.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        TESTS.iter().for_each(|test| say(test.name));
        return Ok(ExitCode::SUCCESS);
    }
    for name in &args.names {
        ensure!(
            TESTS.iter().any(|test| test.name == *name),
            "no test is called {name}: --list"
        );
    }
    let interrupt = Interrupt::listen()?;
    let site = Site::here();
    ensure_up(&site, args.channel, &interrupt)?;
    if !args.as_installed {
        install::portway(&site, args.portway.as_deref(), &interrupt)?;
    }
    let this = std::env::current_exe().context("find this program")?;
    let mut inside = site.inside(this);
    inside
        .arg("e2e-inside")
        .args(["--channel", args.channel.name()])
        .args(&args.names);
    let status = interrupt.run(&mut inside)?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The tests themselves; a verb of its own because they run in the cluster's network.
#[derive(Debug, clap::Args)]
pub(crate) struct Inside {
    names: Vec<String>,
    #[arg(long, value_enum, default_value = "standard")]
    channel: Channel,
}

/// Runs the tests.
///
/// # Errors
/// When the class of the tests is not accepted.
pub(crate) fn run_inside(args: &Inside) -> Result<ExitCode> {
    let interrupt = Interrupt::listen()?;
    let kubectl = Kubectl::new(&Site::here());
    Place::make_class(&kubectl)?;
    let mut tally = Tally::new("e2e");
    let asked = |test: &&Test| args.names.is_empty() || args.names.iter().any(|it| it == test.name);
    for test in TESTS
        .iter()
        .filter(asked)
        .filter(|test| test.channel == args.channel)
    {
        interrupt.check()?;
        tally.part(test.name, || {
            let place = Place::make(test.name, &kubectl, &interrupt)?;
            let outcome = (test.run)(&place);
            if outcome.is_err() {
                scene::tell(&place);
                place.tell(&format!(
                    "its objects stay in namespace {}",
                    place.namespace
                ));
            } else {
                place.remove()?;
            }
            outcome.map(|()| Count::ONE)
        });
    }
    Ok(tally.end())
}
