//! Puts the Portway of this checkout into the cluster.
//!
//! In: the sources. Out: a controller that is available, a class that is accepted. Never: an image of
//! yesterday: each build has a tag of its own.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::cluster::images;
use crate::cluster::kubectl::Kubectl;
use crate::cluster::site::Site;
use crate::golang::hex;
use crate::image;
use crate::interrupt::Interrupt;
use crate::repo::root;
use crate::tally::say;

/// The class that the manifests bring.
pub(crate) const CLASS: &str = "portway";
/// Where the controller lives.
pub(crate) const NAMESPACE: &str = "portway-system";

/// How long the controller may take to be available; a second or two is usual.
const AVAILABLE_WAIT: &str = "--timeout=120s";

/// Builds the image, and makes the cluster run it.
///
/// # Errors
/// When it does not build, or the controller does not get ready.
pub(crate) fn portway(site: &Site, interrupt: &Interrupt) -> Result<()> {
    let start = Instant::now();
    let reference = import(site, interrupt)?;
    let manifest = manifest(&reference)?;
    let kubectl = Kubectl::new(site);
    kubectl.apply(&manifest)?;
    let available = ["wait", "--for=condition=Available", "deployment", "--all"];
    let namespace = format!("--namespace={NAMESPACE}");
    // The rollout first: the old pod is available too.
    kubectl.run(&[
        "rollout",
        "status",
        "deployment",
        &namespace,
        AVAILABLE_WAIT,
    ])?;
    kubectl.run(&[&available[..], &[&namespace, AVAILABLE_WAIT]].concat())?;
    let class = format!("gatewayclass/{CLASS}");
    kubectl.run(&["wait", "--for=condition=Accepted", &class, AVAILABLE_WAIT])?;
    let seconds = start.elapsed().as_secs_f64();
    say(&format!(
        "  {reference} is installed, its class accepted, in {seconds:.1} s"
    ));
    Ok(())
}

/// Builds the image and puts it into the cluster, and gives its name.
///
/// # Errors
/// When it does not build.
pub(crate) fn import(site: &Site, interrupt: &Interrupt) -> Result<String> {
    let binary = image::static_binary("release", interrupt)?;
    let bytes = fs::read(&binary).with_context(|| format!("read {}", binary.display()))?;
    let tag: String = hex(&Sha256::digest(&bytes)).chars().take(12).collect();
    let reference = format!("localhost/portway:{tag}");
    let archive = site.dir.join("portway.tar");
    let size = image::write(&reference, &binary, &archive)?;
    ensure!(size > 0, "an empty image");
    images::import(site, &archive)?;
    Ok(reference)
}

/// The manifest that users apply, with this image in it.
///
/// # Errors
/// When it is not there or names no image.
pub(crate) fn manifest(reference: &str) -> Result<String> {
    let path: PathBuf = root().join("deploy/manifests/portway.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let published = text
        .lines()
        .find_map(|line| line.trim().trim_start_matches("- ").strip_prefix("image: "))
        .with_context(|| format!("{} names no image", path.display()))?
        .trim_matches('"')
        .to_owned();
    Ok(text.replace(&published, reference))
}
