//! The images that the cluster and the tests need: each one static binary, made here.
//!
//! In: binaries. Out: images in the cluster's containerd. Never: a registry.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::site::{DNS_IMAGE, PAUSE_IMAGE, Site};
use crate::golang::{self, Program};
use crate::image::archive::{self, Image};
use crate::interrupt::Interrupt;

/// The backend, under both names that the suite's manifests use. Both are v0.1.0's code: see
/// `conformance/suite/go.mod`.
pub(crate) const ECHO: [&str; 2] = [
    "registry.k8s.io/gateway-api/conformance/echo-basic:v0.1.0",
    "registry.k8s.io/gateway-api/conformance/echo-basic:v0.2.0",
];

/// Puts all of them into containerd.
///
/// # Errors
/// When one cannot be built, written or imported.
pub(crate) fn import_all(site: &Site, interrupt: &Interrupt) -> Result<()> {
    let plan: [(&Program, &str, &[&str]); 3] = [
        (&golang::PAUSE, "pause", &[PAUSE_IMAGE]),
        (&golang::DNS, "dns", &[DNS_IMAGE]),
        (&golang::ECHO, "echo-basic", &ECHO),
    ];
    for (program, name, references) in plan {
        let binary = program.built(interrupt)?;
        for reference in references {
            let image = Image {
                reference,
                binary: &binary,
                name,
                files: &[],
                arguments: &[],
                labels: &[],
            };
            let file = site.dir.join(format!("{name}.tar"));
            archive::write(&image, &file)?;
            import(site, &file)?;
        }
    }
    Ok(())
}

/// Puts one archive into containerd.
///
/// # Errors
/// When containerd does not take it.
pub(crate) fn import(site: &Site, archive: &Path) -> Result<()> {
    ctr_images(site, &["import", &archive.to_string_lossy()])
}

/// Gives an image a second name.
///
/// # Errors
/// When containerd does not know it.
pub(crate) fn tag(site: &Site, image: &str, name: &str) -> Result<()> {
    ctr_images(site, &["tag", "--force", image, name])
}

/// Takes a name from an image, if it has it.
///
/// # Errors
/// When containerd refuses.
pub(crate) fn untag(site: &Site, name: &str) -> Result<()> {
    ctr_images(site, &["remove", name])
}

fn ctr_images(site: &Site, arguments: &[&str]) -> Result<()> {
    let mut ctr = Command::new("ctr");
    ctr.arg("--address").arg(site.containerd());
    ctr.args(["--namespace", "k8s.io", "images"])
        .args(arguments);
    let output = ctr.output().context("run ctr")?;
    ensure!(
        output.status.success(),
        "ctr images {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
