//! An image archive of one static binary, made without a container engine.
//!
//! ```text
//!  oci-layout, index.json ─► manifest ─► config, layer      OCI's image layout
//!  manifest.json ──────────────────────► config, layer      what older engines load
//! ```
//!
//! In: a binary and how it is started. Out: a tar that `ctr images import`, `docker load`, `podman
//! load` and `skopeo copy oci-archive:` take. Never: a clock, a user's name or a path of this host:
//! the same binary gives the same bytes. Spec: opencontainers/image-spec v1.1, `image-layout.md`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::golang::hex;

/// The moment all that is dated was made: the start of time, which nobody takes for real.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What an image holds and how it starts.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    /// Its full name with a tag, `localhost/portway:1`.
    pub(crate) reference: &'a str,
    /// What lies at the root of its file system.
    pub(crate) binary: &'a Path,
    /// What it is called there.
    pub(crate) name: &'a str,
    /// Other files, at the same paths as here: the libraries of a binary that is not static.
    pub(crate) files: &'a [PathBuf],
    /// Arguments before those of whoever starts it.
    pub(crate) arguments: &'a [&'a str],
    /// `org.opencontainers.image.*`.
    pub(crate) labels: &'a [(&'a str, &'a str)],
}

/// A blob: what it says and what it is called.
struct Blob {
    bytes: Vec<u8>,
    digest: String,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let digest = hex(&Sha256::digest(&bytes));
        Self { bytes, digest }
    }

    fn json(value: &Value) -> Result<Self> {
        Ok(Self::new(serde_json::to_vec(value)?))
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }

    fn descriptor(&self, media_type: &str) -> Value {
        json!({
            "mediaType": media_type,
            "digest": format!("sha256:{}", self.digest),
            "size": self.bytes.len(),
        })
    }
}

/// Writes the archive and gives its size in bytes.
///
/// # Errors
/// When the binary cannot be read or the archive not written.
pub(crate) fn write(image: &Image<'_>, archive: &Path) -> Result<u64> {
    let layer = Blob::new(layer(image)?);
    let config = Blob::json(&config(image, &layer))?;
    let manifest = Blob::json(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
        "layers": [layer.descriptor("application/vnd.oci.image.layer.v1.tar")],
    }))?;
    let mut described = manifest.descriptor("application/vnd.oci.image.manifest.v1+json");
    let (_, tag) = image
        .reference
        .rsplit_once(':')
        .context("an image needs a tag")?;
    described["annotations"] = json!({
        "io.containerd.image.name": image.reference,
        "org.opencontainers.image.ref.name": tag,
    });
    let index = json!({"schemaVersion": 2, "manifests": [described]});
    let older = json!([{
        "Config": config.path(),
        "RepoTags": [image.reference],
        "Layers": [layer.path()],
    }]);

    let output = File::create(archive).with_context(|| format!("write {}", archive.display()))?;
    let mut tar = tar::Builder::new(BufWriter::new(output));
    add(
        &mut tar,
        "oci-layout",
        0o644,
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    add(&mut tar, "index.json", 0o644, &serde_json::to_vec(&index)?)?;
    add(
        &mut tar,
        "manifest.json",
        0o644,
        &serde_json::to_vec(&older)?,
    )?;
    for blob in [&config, &manifest, &layer] {
        add(&mut tar, &blob.path(), 0o644, &blob.bytes)?;
    }
    tar.into_inner()?.flush()?;
    Ok(fs::metadata(archive)?.len())
}

fn layer(image: &Image<'_>) -> Result<Vec<u8>> {
    let binary =
        fs::read(image.binary).with_context(|| format!("read {}", image.binary.display()))?;
    let mut tar = tar::Builder::new(Vec::with_capacity(binary.len() + 4096));
    add(&mut tar, image.name, 0o755, &binary)?;
    for file in image.files {
        let path = file.to_string_lossy();
        let bytes = fs::read(file).with_context(|| format!("read {path}"))?;
        add(&mut tar, path.trim_start_matches('/'), 0o755, &bytes)?;
    }
    Ok(tar.into_inner()?)
}

fn config(image: &Image<'_>, layer: &Blob) -> Value {
    let mut entrypoint = vec![format!("/{}", image.name)];
    entrypoint.extend(image.arguments.iter().map(|&it| it.to_owned()));
    let labels: serde_json::Map<String, Value> = image
        .labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    json!({
        "created": CREATED,
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "Entrypoint": entrypoint,
            "Labels": labels,
            // A number: a cluster can see that it is not root without a list of users.
            "User": "65532:65532",
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", layer.digest)]},
        "history": [{"created": CREATED, "created_by": "cargo xtask image"}],
    })
}

/// What Go and OCI call the machine we build for, which is this one.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn add<W: Write>(tar: &mut tar::Builder<W>, path: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(u64::try_from(bytes.len()).map_err(io::Error::other)?);
    header.set_mode(mode);
    // A date of zero and nobody as owner, whoever builds it and when.
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    tar.append_data(&mut header, path, bytes)
}

#[cfg(test)]
mod tests;
