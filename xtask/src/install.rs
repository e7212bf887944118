//! Puts the Portway of this checkout into the cluster.
//!
//! In: the sources. Out: a controller that is available, a class that is accepted. Never: an image
//! of yesterday: each build has a tag of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::cluster::images;
use crate::cluster::kubectl::Kubectl;
use crate::cluster::site::Site;
use crate::golang::{self, hex};
use crate::image;
use crate::interrupt::Interrupt;
use crate::repo;
use crate::tally::say;

/// The class that the manifests bring.
pub(crate) const CLASS: &str = "portway";
/// Where the controller lives.
pub(crate) const NAMESPACE: &str = "portway-system";

/// The controller's Deployment.
pub(crate) const CONTROLLER: &str = "portway";

/// What Helm calls the installation.
pub(crate) const RELEASE: &str = "portway";

/// How long the controller may take to be available; a second or two is usual.
const AVAILABLE_WAIT: &str = "--timeout=120s";

/// Makes the cluster run an image, by the chart as users do: of the binary that is named, or else of
/// one that is built. Gives the binary.
///
/// # Errors
/// When it does not build, or the controller does not get ready.
pub(crate) fn portway(site: &Site, named: Option<&Path>, interrupt: &Interrupt) -> Result<PathBuf> {
    let binary = match named {
        Some(_) => repo::portway(named)?,
        None => image::static_binary(interrupt)?,
    };
    let reference = import(site, &binary)?;
    release(site, &reference, interrupt)?;
    Ok(binary)
}

/// Makes the cluster run an image that it has.
///
/// # Errors
/// When the controller does not get ready.
pub(crate) fn release(site: &Site, reference: &str, interrupt: &Interrupt) -> Result<()> {
    let helm = golang::HELM.built(interrupt)?;
    let start = Instant::now();
    let (repository, tag) = reference
        .rsplit_once(':')
        .context("an image without a tag")?;
    let mut upgrade = site.inside(helm);
    upgrade
        .env("KUBECONFIG", site.kubeconfig("admin"))
        .current_dir(repo::root());
    upgrade.args([
        "upgrade",
        "--install",
        RELEASE,
        "deploy/helm/portway",
        "--create-namespace",
    ]);
    upgrade.args(["--namespace", NAMESPACE, "--wait", AVAILABLE_WAIT]);
    upgrade.args([
        "--set",
        &format!("image.repository={repository},image.tag={tag}"),
    ]);
    // One small node has to hold the proxies of all tests at once.
    upgrade.args(["--set", "gatewayConfig.resources.requests.cpu=1m"]);
    upgrade.stdout(Stdio::null());
    let status = interrupt.run(&mut upgrade)?;
    ensure!(
        status.success(),
        "helm does not install Portway; see kubectl -n {NAMESPACE} get events"
    );
    let kubectl = Kubectl::new(site);
    let class = format!("gatewayclass/{CLASS}");
    kubectl.run(&["wait", "--for=condition=Accepted", &class, "--timeout=120s"])?;
    let seconds = start.elapsed().as_secs_f64();
    say(&format!(
        "  {reference} is installed, its class accepted, in {seconds:.1} s"
    ));
    Ok(())
}

/// Puts the image of a binary into the cluster, and gives its name.
///
/// # Errors
/// When it cannot be written, or the cluster does not take it.
fn import(site: &Site, binary: &Path) -> Result<String> {
    let bytes = fs::read(binary).with_context(|| format!("read {}", binary.display()))?;
    let tag: String = hex(&Sha256::digest(&bytes)).chars().take(12).collect();
    let reference = format!("localhost/portway:{tag}");
    let archive = site.dir.join("portway.tar");
    let size = image::write(&reference, binary, &archive)?;
    ensure!(size > 0, "an empty image");
    images::import(site, &archive)?;
    Ok(reference)
}
