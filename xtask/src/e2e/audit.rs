//! Who wrote what, as the API server recorded it.
//!
//! In: the cluster's audit log, which holds every write of a routing object. Out: the writes since a
//! mark, in their order. Never: a guess at a writer from what an object looks like.
//! Spec: audit.k8s.io/v1 Event; `conformance/cluster/etc/audit.yaml` says what is kept.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cluster::site::Site;

/// The log, from a moment on.
pub(crate) struct Audit {
    path: PathBuf,
    from: u64,
}

/// A write that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Write {
    /// Such as `system:serviceaccount:portway-system:portway`.
    pub(crate) user: String,
    /// Of whoever is a pod.
    pub(crate) pod: String,
    /// Such as `tcproutes/r`.
    pub(crate) object: String,
}

impl Audit {
    /// From now on.
    ///
    /// # Errors
    /// When there is no log.
    pub(crate) fn from_now() -> Result<Self> {
        let path = Site::here().log("audit");
        let read = fs::metadata(&path).with_context(|| format!("read {}", path.display()))?;
        Ok(Self {
            from: read.len(),
            path,
        })
    }

    /// What was asked of the API server since.
    ///
    /// # Errors
    /// When the log cannot be read, or began anew.
    pub(crate) fn writes(&self) -> Result<Vec<Write>> {
        let mut log = File::open(&self.path).context("open the audit log")?;
        let length = log.metadata().context("read the audit log")?.len();
        ensure!(length >= self.from, "the audit log began anew");
        log.seek(SeekFrom::Start(self.from))
            .context("read the audit log")?;
        let mut text = String::new();
        log.read_to_string(&mut text)
            .context("read the audit log")?;
        // The last line may be under way.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(write).collect()
    }
}

fn write(line: &str) -> Result<Write> {
    let event: Value = serde_json::from_str(line).context("understand the audit log")?;
    let text = |pointer: &str| {
        let found = event.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    Ok(Write {
        user: text("/user/username"),
        pod: text("/user/extra/authentication.kubernetes.io~1pod-name/0"),
        object: [text("/objectRef/resource"), text("/objectRef/name")].join("/"),
    })
}
