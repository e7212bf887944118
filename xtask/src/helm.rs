//! `cargo xtask helm`, and `cargo xtask manifests`: the plain manifest is what the chart renders.
//!
//! In: `deploy/helm/portway`. Out: `deploy/manifests/portway.yaml`. Never: a manifest that differs
//! from the chart; `--check` says so.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::cluster::site::Site;
use crate::golang;
use crate::install::NAMESPACE;
use crate::interrupt::Interrupt;
use crate::repo::{at_root, root};
use crate::tally::say;

/// Run Helm, built from its Go module, on this checkout's cluster
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Write deploy/manifests/portway.yaml from the chart
#[derive(Debug, clap::Args)]
pub(crate) struct ManifestArgs {
    /// Only say whether it is as the chart renders it
    #[arg(long)]
    check: bool,
}

/// Becomes Helm; inside the cluster's network if there is a cluster.
///
/// # Errors
/// When it does not build.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let helm = golang::HELM.built(&Interrupt::listen()?)?;
    let site = Site::here();
    let mut command = if site.namespace().exists() {
        let mut inside = site.inside(&helm);
        inside.env("KUBECONFIG", site.kubeconfig("admin"));
        inside
    } else {
        Command::new(&helm)
    };
    Err(command.args(&args.arguments).exec()).context("become helm")
}

/// Writes or compares the manifest.
///
/// # Errors
/// When the chart does not render, or `--check` finds a difference.
pub(crate) fn manifests(args: &ManifestArgs) -> Result<ExitCode> {
    let path: PathBuf = root().join("deploy/manifests/portway.yaml");
    let text = rendered(&Interrupt::listen()?)?;
    if !args.check {
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    ensure!(
        stored == text,
        "{} is not what the chart renders: `cargo xtask manifests`",
        path.display()
    );
    say("manifests: 1 passed, 0 failed");
    Ok(ExitCode::SUCCESS)
}

/// What `kubectl apply -f` needs: the namespace, the CRDs and all that the chart has.
fn rendered(interrupt: &Interrupt) -> Result<String> {
    let helm = golang::HELM.built(interrupt)?;
    let mut template = at_root(helm);
    template.args([
        "template",
        "portway",
        "deploy/helm/portway",
        "--include-crds",
    ]);
    template.args(["--namespace", NAMESPACE]);
    let output = template.output().context("run helm")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the chart does not render: {}",
        error.trim()
    );
    Ok(format!(
        "# Written by `cargo xtask manifests` from deploy/helm/portway; change it there.\n\
         apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {NAMESPACE}\n{}",
        String::from_utf8_lossy(&output.stdout)
    ))
}

#[cfg(test)]
mod tests;
