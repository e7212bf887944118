//! Programs that are not part of Rust: found where they are, or installed with what is here.
//!
//! In: nothing. Out: the path of a program. Never: a silent wait; an installation takes minutes and
//! says so.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::repo::{at_root, cargo};
use crate::tally::say;

/// `cargo-deny`, which looks at dependencies.
///
/// # Errors
/// When it is absent and cannot be built.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    cargo_program("cargo-deny", "^0.20")
}

/// `cargo-fuzz`, which builds and runs fuzz targets.
///
/// # Errors
/// When it is absent and cannot be built.
pub(crate) fn cargo_fuzz() -> Result<PathBuf> {
    cargo_program("cargo-fuzz", "^0.13")
}

/// A program of crates.io, built once if it is not there. `version` is a range with its sign: cargo takes
/// nothing less for one.
fn cargo_program(name: &str, version: &str) -> Result<PathBuf> {
    if runs(name) {
        return Ok(name.into());
    }
    let built = cargo_home()?.join("bin").join(name);
    if built.is_file() {
        return Ok(built);
    }
    say(&format!(
        "  {name} is absent: `cargo install --locked {name}` builds it, some minutes, once"
    ));
    // Its speed does not matter here: without optimisation it is there in a third of the time.
    let status = cargo()
        .args(["install", "--quiet", "--locked", "--debug"])
        .args(["--version", version, name])
        // A toolchain file of ours must not decide how it is built, nor our flags.
        .env_remove("RUSTFLAGS")
        .status()
        .with_context(|| format!("run cargo install {name}"))?;
    ensure!(
        status.success(),
        "{name} cannot be built; is crates.io reachable?"
    );
    Ok(built)
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("CARGO_HOME") {
        return Ok(given.into());
    }
    let home = std::env::home_dir().context("no home directory, and no CARGO_HOME")?;
    Ok(home.join(".cargo"))
}

/// Whether a program of this name is in the path.
pub(crate) fn runs(name: &str) -> bool {
    let mut version = at_root(name);
    version.arg("--version");
    version.stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
