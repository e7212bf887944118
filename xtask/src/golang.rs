//! Go programs of `conformance/`: built once, and again when their sources change.
//!
//! In: a module and a package of it. Out: the path of a static binary under `target/conformance`.
//! Never: an old binary for new sources; beside each lies the hash of what it was made from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::interrupt::Interrupt;
use crate::repo::root;
use crate::tally::say;

/// The Go that builds all of it. An older one that is installed fetches it by itself.
const TOOLCHAIN: &str = "go1.27.3";

/// What the parts of the cluster say their version is; see `conformance/cluster/go.mod`.
const KUBERNETES: &str = "v1.37.2";

/// Where the packages lie that say a version.
const VERSION_PACKAGES: [&str; 2] = [
    "k8s.io/component-base/version",
    "k8s.io/client-go/pkg/version",
];

/// One binary.
#[derive(Debug)]
pub(crate) struct Program {
    /// What it is called under `target/conformance`.
    name: &'static str,
    /// The folder of its module, under `conformance`.
    module: &'static str,
    /// The package, as `go build` takes it.
    package: &'static str,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    /// With Kubernetes' version linked in; without it every part says v0.0.0.
    Kubernetes,
    /// A package's tests.
    Tests,
}

/// All parts of Kubernetes in one.
pub(crate) const CLUSTER: Program = Program {
    name: "cluster",
    module: "cluster",
    package: ".",
    kind: Kind::Kubernetes,
};

/// What holds a pod's network.
pub(crate) const PAUSE: Program = Program {
    name: "pause",
    module: "cluster",
    package: "./pause",
    kind: Kind::Plain,
};

/// The cluster's name server.
pub(crate) const DNS: Program = Program {
    name: "dns",
    module: "dns",
    package: ".",
    kind: Kind::Plain,
};

/// The backend of the suite's tests and of ours.
pub(crate) const ECHO: Program = Program {
    name: "echo-basic",
    module: "suite",
    package: "sigs.k8s.io/gateway-api-conformance-images/echo-basic",
    kind: Kind::Plain,
};

/// What measures a control plane.
pub(crate) const BENCH: Program = Program {
    name: "bench",
    module: "suite",
    package: "./bench",
    kind: Kind::Plain,
};

/// Helm.
pub(crate) const HELM: Program = Program {
    name: "helm",
    module: "helm",
    package: "helm.sh/helm/v4/cmd/helm",
    kind: Kind::Plain,
};

/// The official suite.
pub(crate) const SUITE: Program = Program {
    name: "suite",
    module: "suite",
    package: ".",
    kind: Kind::Tests,
};

/// Where all of this is.
pub(crate) fn folder() -> PathBuf {
    root().join("target/conformance")
}

impl Program {
    /// Gives the path of the binary, built first if it is not there or not of these sources.
    ///
    /// # Errors
    /// When Go is absent or the build fails.
    pub(crate) fn built(&self, interrupt: &Interrupt) -> Result<PathBuf> {
        let module = root().join("conformance").join(self.module);
        let binary = folder().join(self.name);
        let key_file = folder().join(format!("{}.key", self.name));
        let key = self.key(&module)?;
        let stored = fs::read_to_string(&key_file).unwrap_or_default();
        if binary.is_file() && stored == key {
            return Ok(binary);
        }
        say(&format!(
            "  building {} with Go, once; minutes if nothing is cached",
            self.name
        ));
        fs::create_dir_all(folder()).context("create target/conformance")?;
        let status = interrupt.run(&mut self.build(&module, &binary))?;
        ensure!(
            status.success(),
            "{} does not build; it needs Go 1.21 or newer and the Go module proxy",
            self.name
        );
        fs::write(&key_file, key).context("remember what was built")?;
        Ok(binary)
    }

    fn build(&self, module: &Path, binary: &Path) -> Command {
        let mut link = "-s -w".to_owned();
        if self.kind == Kind::Kubernetes {
            for package in VERSION_PACKAGES {
                link += &format!(
                    " -X {package}.gitVersion={KUBERNETES} -X {package}.gitMajor=1 \
                     -X {package}.gitMinor=37 -X {package}.gitTreeState=clean \
                     -X {package}.gitCommit=0 -X {package}.buildDate=2026-01-01T00:00:00Z"
                );
            }
        }
        let mut build = go(module);
        match self.kind {
            Kind::Tests => build.args(["test", "-c"]),
            Kind::Plain | Kind::Kubernetes => build.arg("build"),
        };
        build.args(["-trimpath", "-tags", "grpcnotrace", "-ldflags", &link, "-o"]);
        build.arg(binary).arg(self.package);
        build
    }

    /// A hash of all that decides what comes out.
    fn key(&self, module: &Path) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(TOOLCHAIN);
        hash.update(KUBERNETES);
        hash.update(self.package);
        let mut files = Vec::new();
        collect(module, &mut files)?;
        files.sort();
        for file in files {
            hash.update(
                file.strip_prefix(module)
                    .unwrap_or(&file)
                    .as_os_str()
                    .as_encoded_bytes(),
            );
            hash.update(fs::read(&file).with_context(|| format!("read {}", file.display()))?);
        }
        Ok(hex(&hash.finalize()))
    }
}

/// The folder of a module that `module` requires, fetched if need be.
///
/// # Errors
/// When it cannot be had.
pub(crate) fn required(module: &str, required: &str) -> Result<PathBuf> {
    let mut list = go(&root().join("conformance").join(module));
    list.args(["mod", "download", "-json", required]);
    let output = list.output().context("run go mod download")?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{required} cannot be had from the Go module proxy"))?;
    let dir = answer.get("Dir").and_then(serde_json::Value::as_str);
    Ok(dir
        .with_context(|| format!("{required} has no folder"))?
        .into())
}

fn go(dir: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(dir);
    go.env("GOTOOLCHAIN", TOOLCHAIN)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off");
    go
}

/// All files that a build of the module can read; what lies in `etc` is ours alone.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "etc") {
                collect(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Bytes as people write hashes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
