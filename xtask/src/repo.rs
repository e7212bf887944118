//! This repository, and the tools that build it.
//!
//! In: nothing. Out: paths and commands that start at the root. Never: the directory that somebody
//! happens to stand in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The repository.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The Cargo that runs us.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    at_root(cargo)
}

/// Any program, started at the root.
pub(crate) fn at_root(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// The binary that is to be tested: the one named with `--portway`, or else the release binary.
///
/// # Errors
/// When the one named is not Portway, or the other does not build.
pub(crate) fn portway(named: Option<&Path>) -> Result<PathBuf> {
    match named {
        Some(path) => named_portway(path).with_context(|| format!("--portway {}", path.display())),
        None => build_release(),
    }
}

fn named_portway(path: &Path) -> Result<PathBuf> {
    let path = path.canonicalize()?;
    ensure!(path.is_file(), "not a file");
    let asked = at_root(&path).arg("--version").output();
    let said = asked.context("ask its version")?.stdout;
    ensure!(said.starts_with(b"portway "), "not Portway");
    Ok(path)
}

/// Builds the release binary, and gives its path as Cargo tells it.
///
/// # Errors
/// When it does not build.
fn build_release() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--release", "-p", "portway", "--bin", "portway"]);
    executable(build)
}

/// Runs a `cargo build` of one program, and gives the path of what it built.
///
/// # Errors
/// When it does not build.
pub(crate) fn executable(mut build: Command) -> Result<PathBuf> {
    let output = build
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .context("run cargo build")?;
    ensure!(output.status.success(), "portway does not build");
    let lines = String::from_utf8_lossy(&output.stdout);
    let mut built = lines.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    });
    built.next_back().context("cargo named no executable")
}

#[cfg(test)]
mod tests;
