//! `cargo xtask image`: the container image of Portway, one static binary from scratch.
//!
//! In: the sources. Out: `target/image/portway.tar`, its size, and how soon its binary is ready. Never:
//! a container engine.

pub(crate) mod archive;
mod start;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use self::archive::Image;
use crate::interrupt::Interrupt;
use crate::repo::{cargo, root};
use crate::tally::say;

/// What the image is called where nobody says otherwise.
const REFERENCE: &str = concat!("localhost/portway:", env!("CARGO_PKG_VERSION"));

/// Build the container image of Portway
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask image                                 target/image/portway.tar, a release build
  docker load < target/image/portway.tar            or podman load, or ctr images import")]
pub(crate) struct Args {
    /// Full name and tag.
    #[arg(long, value_name = "NAME:TAG", default_value = REFERENCE)]
    reference: String,

    /// Where to write it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Builds it.
///
/// # Errors
/// When the binary does not build or is not static, or the archive cannot be written.
pub(crate) fn run(args: &Args) -> Result<()> {
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| root().join("target/image/portway.tar"));
    let binary = static_binary(&Interrupt::listen()?)?;
    let size = write(&args.reference, &binary, &out)?;
    let (whole, tenths) = (size / 1_000_000, size % 1_000_000 / 100_000);
    say(&format!(
        "{}: {}, {whole}.{tenths} MB",
        out.display(),
        args.reference
    ));
    start::measure(&binary)
}

/// Writes the image of this binary, and gives its size in bytes.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(reference: &str, binary: &Path, out: &Path) -> Result<u64> {
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let image = Image {
        reference,
        binary,
        name: "portway",
        files: &libraries(binary)?,
        arguments: &[],
        labels: &[
            ("org.opencontainers.image.title", "portway"),
            (
                "org.opencontainers.image.version",
                env!("CARGO_PKG_VERSION"),
            ),
            ("org.opencontainers.image.licenses", "Apache-2.0"),
        ],
    };
    archive::write(&image, out)
}

/// One file with libc in it, wherever it is loaded; the places to mend for that are packed.
const STATIC: &str = "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs";

/// Builds Portway as one file that needs no other: libc is in it.
///
/// # Errors
/// When it does not build, or needs a loader all the same.
pub(crate) fn static_binary(interrupt: &Interrupt) -> Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = cargo();
    build.args(["build", "--quiet", "-p", "portway", "--bin", "portway"]);
    // Naming the target keeps the flag from build scripts, and these files beside those without it.
    build.args(["--release", "--target", &target]);
    build.env("RUSTFLAGS", STATIC);
    ensure!(
        interrupt.run(&mut build)?.success(),
        "portway does not build as a static binary"
    );
    let built = root()
        .join("target")
        .join(target)
        .join("release")
        .join("portway");
    ensure!(!needs_loader(&built)?, "{} is not static", built.display());
    stripped(&built)
}

/// The same without names of functions: a seventh of the size. Where a panic began it still says.
///
/// By `strip` and not by the profile, since with other flags all dependencies are built once more.
fn stripped(built: &Path) -> Result<PathBuf> {
    let folder = root().join("target/image");
    std::fs::create_dir_all(&folder).context("create target/image")?;
    let binary = folder.join("portway");
    let mut strip = Command::new("strip");
    strip.arg("--strip-all").arg("-o").arg(&binary).arg(built);
    let status = strip.status();
    let status = status.context("run strip, of Debian's package binutils")?;
    ensure!(status.success(), "strip cannot read {}", built.display());
    Ok(binary)
}

/// The libraries that a binary loads, which is none for those that are released. A binary of `cargo
/// build` is there sooner, and an image of it is good enough to try something.
fn libraries(binary: &Path) -> Result<Vec<PathBuf>> {
    if !needs_loader(binary)? {
        return Ok(Vec::new());
    }
    let output = Command::new("ldd")
        .arg(binary)
        .output()
        .context("run ldd")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(words.map(PathBuf::from).collect())
}

/// Whether a binary asks for a dynamic loader, which an image from scratch has not.
fn needs_loader(binary: &Path) -> Result<bool> {
    let output = Command::new("readelf").args(["-lW"]).arg(binary).output();
    let output = output.context("run readelf, of Debian's package binutils")?;
    ensure!(
        output.status.success(),
        "readelf cannot read {}",
        binary.display()
    );
    Ok(String::from_utf8_lossy(&output.stdout).contains("INTERP"))
}
