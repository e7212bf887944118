//! `cargo xtask conformance`: the official Gateway API suite, unmodified, on our own cluster.
//!
//! In: an installed implementation. Out: what each test came to, the suite's report, a line with
//! the sum. Never: a test changed or skipped for a reason that `conformance/suite/expected.yaml`
//! does not give.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::cluster::site::Site;
use crate::cluster::{Channel, ensure_up};
use crate::golang;
use crate::install;
use crate::interrupt::Interrupt;
use crate::repo::root;
use crate::tally::say;

/// The features of the profile that we run, where the suite cannot read them from the class.
const FEATURES: &str = "Gateway,ReferenceGrant,TCPRoute";

/// What a line begins with that is for people; all others are for the log.
const OUTCOME: &str = "outcome: ";

/// Run the official conformance suite against Portway
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask conformance                                  all tests of GATEWAY-TCP, a minute or two
  cargo xtask conformance --run TCPRouteWeightedRouting    one of them
  cargo xtask conformance --times 10                       is it steady?
  cargo xtask conformance --stock --class traefik          another implementation, already running")]
pub(crate) struct Args {
    /// Only this test
    #[arg(long, value_name = "TEST")]
    run: Option<String>,

    /// How many times, until the first that fails
    #[arg(long, value_name = "N", default_value_t = 1)]
    times: u32,

    /// The class whose Gateways are tried
    #[arg(long, default_value = install::CLASS)]
    class: String,

    /// As upstream runs it, for an implementation that is installed by hand
    #[arg(long)]
    stock: bool,

    /// With the Portway that is in the cluster, instead of one built now
    #[arg(long)]
    as_installed: bool,

    /// A binary to install, instead of one built now
    #[arg(long, value_name = "FILE")]
    portway: Option<PathBuf>,
}

/// Runs it on the cluster of this checkout, which is made if it is not there and stays.
///
/// # Errors
/// When the cluster, Portway or the suite cannot be started.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let interrupt = Interrupt::listen()?;
    let site = Site::here();
    let suite = golang::SUITE.built(&interrupt)?;
    ensure_up(&site, Channel::Standard, &interrupt)?;
    if !args.stock && !args.as_installed {
        install::portway(&site, args.portway.as_deref(), &interrupt)?;
    }
    for turn in 1..=args.times {
        if args.times > 1 {
            say(&format!("run {turn} of {}", args.times));
        }
        if !turn_passes(args, &site, &suite, &interrupt)? {
            say(&format!(
                "all lines of it are in {}",
                site.log("suite").display()
            ));
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn turn_passes(args: &Args, site: &Site, suite: &Path, interrupt: &Interrupt) -> Result<bool> {
    let report = golang::folder().join("report.yaml");
    let mut command = site.inside(suite);
    command
        .env("KUBECONFIG", site.kubeconfig("admin"))
        .args(arguments(args, &report));
    // The suite's own manifests are in it; it reads and writes nothing where it stands.
    command.current_dir(golang::folder());
    let mut log = File::create(site.log("suite")).context("write the suite's log")?;
    let mut sum = None;
    let start = Instant::now();
    command.stderr(log.try_clone()?);
    let status = interrupt.run_lines(&mut command, |line| {
        let _ = writeln!(log, "{line}");
        let Some(outcome) = line.strip_prefix(OUTCOME) else {
            return;
        };
        if outcome.contains(" passed, ") {
            sum = Some(outcome.to_owned());
        } else {
            say(&format!(
                "  {:5.1} s  {outcome}",
                start.elapsed().as_secs_f64()
            ));
        }
    })?;
    let sum = sum.context("the suite ended before its first test")?;
    if status.success() && args.run.is_none() && !args.stock {
        keep(&report)?;
    }
    say(&format!("{sum} in {:.1} s", start.elapsed().as_secs_f64()));
    if !status.success() {
        complaints(site)?;
    }
    Ok(status.success())
}

fn arguments(args: &Args, report: &Path) -> Vec<String> {
    let mut arguments = vec![
        "-test.v".to_owned(),
        "-test.timeout=20m".to_owned(),
        format!("-gateway-class={}", args.class),
        "-conformance-profiles=GATEWAY-TCP".to_owned(),
        // The next run then waits for no pods.
        "-cleanup-base-resources=false".to_owned(),
        "-organization=portway".to_owned(),
        "-project=portway".to_owned(),
        "-url=https://portway.dev".to_owned(),
        format!("-version=v{}", env!("CARGO_PKG_VERSION")),
        "-contact=https://portway.dev".to_owned(),
        format!("-report-output={}", report.display()),
    ];
    if let Some(test) = &args.run {
        arguments.push(format!("-run-test={test}"));
    }
    if args.stock {
        arguments.push("-stock".to_owned());
        arguments.push(format!("-supported-features={FEATURES}"));
    }
    arguments
}

/// Puts the report where the repository keeps it, unless all but its date is there already.
fn keep(report: &Path) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let kept = root().join(format!("conformance/reports/gateway-tcp-v{version}.yaml"));
    let new = fs::read_to_string(report).context("read the suite's report")?;
    let old = fs::read_to_string(&kept).unwrap_or_default();
    if undated(&new) != undated(&old) {
        fs::write(&kept, new).with_context(|| format!("write {}", kept.display()))?;
        say(&format!("  the report is new: {}", kept.display()));
    }
    Ok(())
}

fn undated(report: &str) -> Vec<&str> {
    report
        .lines()
        .filter(|line| !line.starts_with("date:"))
        .collect()
}

/// Shows what the tests that failed said last.
fn complaints(site: &Site) -> Result<()> {
    let log = fs::read_to_string(site.log("suite"))?;
    let about = [
        "Error:",
        "Error Trace:",
        "--- FAIL",
        "panic:",
        "expected to pass",
    ];
    let said = log
        .lines()
        .filter(|line| about.iter().any(|it| line.contains(it)));
    said.take(super::cluster::limits::COMPLAINTS_SHOWN)
        .for_each(|line| say(&format!("    | {line}")));
    Ok(())
}
