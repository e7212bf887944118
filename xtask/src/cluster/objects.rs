//! What every cluster of ours has in it: Gateway API and the name server.
//!
//! In: a channel. Out: CRDs that are established, a name server that answers. Never: a CRD from
//! somewhere else than the Go module whose suite is run.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::kubectl::Kubectl;
use super::site::Site;
use crate::golang;

/// The Go module with the CRDs; `conformance/suite/go.mod` requires the same.
const GATEWAY_API: &str = "sigs.k8s.io/gateway-api@v1.7.0";

/// The CRDs of a channel, copied to where a cache of builds keeps them.
///
/// # Errors
/// When the module cannot be had.
pub(crate) fn crds(channel: &str) -> Result<Vec<PathBuf>> {
    let folder = golang::folder().join("crds").join(channel);
    if !folder.is_dir() {
        let from = golang::required("suite", GATEWAY_API)?
            .join("config/crd")
            .join(channel);
        let half = folder.with_extension("new");
        fs::create_dir_all(&half).context("create a folder for CRDs")?;
        for entry in fs::read_dir(&from).with_context(|| format!("list {}", from.display()))? {
            let file = entry?.path();
            let Some(name) = file
                .file_name()
                .filter(|name| *name != "kustomization.yaml")
            else {
                continue;
            };
            // Not a copy of the file: the module cache is read-only, and so a copy would be.
            fs::write(half.join(name), fs::read(&file)?)?;
        }
        fs::rename(&half, &folder).context("name the folder of CRDs")?;
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder)? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

/// Applies the CRDs and waits until they are served.
///
/// # Errors
/// When the API server refuses one.
pub(crate) fn apply_crds(kubectl: &Kubectl, channel: &str) -> Result<()> {
    kubectl.apply_files(&crds(channel)?)?;
    kubectl.run(&[
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "crd",
        "--all",
    ])?;
    Ok(())
}

/// Applies the name server; it is waited for with the node.
///
/// # Errors
/// When the API server refuses an object.
pub(crate) fn apply_dns(site: &Site, kubectl: &Kubectl) -> Result<()> {
    let template = include_str!("../../../conformance/cluster/etc/dns.yaml");
    kubectl.apply(&site.fill(template))
}
