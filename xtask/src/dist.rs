//! `cargo xtask dist`: the static binary, packed, with its checksum.
//!
//! In: the sources. Out: `dist/portway-VERSION-ARCH-linux.tar.gz` and `.sha256`; the same sources in
//! the same place give the same bytes. Never: an archive of a binary that was not seen to work.

use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::gateway::while_ready;
use crate::golang;
use crate::image;
use crate::interrupt::Interrupt;
use crate::repo::{at_root, root};
use crate::tally::say;

/// Build the static binary and pack it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask dist    dist/portway-….tar.gz and its .sha256")]
pub(crate) struct Args;

/// What lies beside the binary.
const PAPERS: [&str; 3] = ["LICENSE", "README.md", "CHANGELOG.md"];

/// Longest wait for each step of the trial.
const TRIAL_WAIT: Duration = Duration::from_secs(20);

/// Builds, tries and packs it.
///
/// # Errors
/// When the binary does not build, does not work, or cannot be packed.
pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    let binary = image::static_binary(&Interrupt::listen()?)?;
    let version = version(&binary)?;
    say(&format!("  {version}, static"));
    serves_by_name(&binary).context("a trial of the static binary")?;
    say("  it serves, and finds an endpoint by name");
    let name = format!(
        "portway-{}-{}-linux",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    );
    let archive = pack(&binary, &name)?;
    let bytes = fs::read(&archive).context("read the archive")?;
    let hash = golang::hex(&Sha256::digest(&bytes));
    let sums = archive.with_extension("gz.sha256");
    fs::write(&sums, format!("{hash}  {name}.tar.gz\n")).context("write the checksum")?;
    let megabytes = bytes.len() / 1_000_000;
    say(&format!(
        "{}: {megabytes} MB, sha256 {hash}",
        archive.display()
    ));
    say("dist: 1 passed, 0 failed");
    Ok(ExitCode::SUCCESS)
}

fn version(binary: &Path) -> Result<String> {
    let output = at_root(binary).arg("--version").output();
    let output = output.context("run the static binary")?;
    ensure!(
        output.status.success(),
        "--version ended with {}",
        output.status
    );
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().to_owned())
}

/// What is most likely to break in a static binary: it looks up a name, and relays to what it finds.
fn serves_by_name(binary: &Path) -> Result<()> {
    let backend = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen as a backend")?;
    let dir = root().join(format!("target/dist-trial-{}", std::process::id()));
    fs::create_dir_all(&dir).context("create a folder for the trial")?;
    let outcome = trial(binary, &backend, &dir);
    fs::remove_dir_all(&dir).context("remove the folder of the trial")?;
    outcome
}

fn trial(binary: &Path, backend: &TcpListener, dir: &Path) -> Result<()> {
    // Whoever takes it between now and the start makes the trial fail, not pass.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = free.local_addr()?.port();
    drop(free);
    let manifest = manifest(port, backend.local_addr()?.port());
    fs::write(dir.join("trial.yaml"), manifest)?;
    while_ready(binary, dir, || exchange(port, backend))
}

/// The backend speaks first; what it says must arrive.
fn exchange(port: u16, backend: &TcpListener) -> Result<()> {
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("connect")?;
    client.set_read_timeout(Some(TRIAL_WAIT))?;
    backend.set_nonblocking(false)?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write as _;
            let accepted = backend.accept();
            accepted.and_then(|(mut stream, _)| stream.write_all(b"found\n"))
        });
        let mut word = [0; 6];
        let heard = client.read_exact(&mut word).context("hear the backend");
        if heard.is_err() {
            // So that the thread above, which still waits, comes back.
            drop(TcpStream::connect(backend.local_addr()?));
        }
        heard?;
        ensure!(&word == b"found\n", "heard {word:?}");
        Ok(())
    })
}

fn manifest(port: u16, backend: u16) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\n\
         kind: Gateway\n\
         metadata: {{name: trial}}\n\
         spec:\n  gatewayClassName: portway\n  listeners:\n  \
         - {{name: trial, protocol: TCP, port: {port}}}\n\
         ---\n\
         apiVersion: gateway.networking.k8s.io/v1\n\
         kind: TCPRoute\n\
         metadata: {{name: trial}}\n\
         spec:\n  parentRefs: [{{name: trial}}]\n  \
         rules: [{{backendRefs: [{{name: trial, port: 80}}]}}]\n\
         ---\n\
         apiVersion: v1\n\
         kind: Service\n\
         metadata: {{name: trial}}\n\
         spec: {{ports: [{{port: 80}}]}}\n\
         ---\n\
         apiVersion: discovery.k8s.io/v1\n\
         kind: EndpointSlice\n\
         metadata:\n  name: trial\n  labels: {{kubernetes.io/service-name: trial}}\n\
         addressType: FQDN\n\
         endpoints: [{{addresses: [trial.localhost]}}]\n\
         ports: [{{port: {backend}}}]\n"
    )
}

/// One folder in an archive whose bytes depend on its files alone.
fn pack(binary: &Path, name: &str) -> Result<PathBuf> {
    let out = root().join("dist");
    fs::create_dir_all(&out).context("create dist")?;
    let tar = out.join(format!("{name}.tar"));
    let mut builder = tar::Builder::new(File::create(&tar).context("create the archive")?);
    add(&mut builder, binary, &format!("{name}/portway"), 0o755)?;
    for paper in PAPERS {
        add(
            &mut builder,
            &root().join(paper),
            &format!("{name}/{paper}"),
            0o644,
        )?;
    }
    builder.finish().context("finish the archive")?;
    drop(builder);
    // `-n`: neither name nor time, which would differ.
    let status = at_root("gzip").args(["-9", "-n", "-f"]).arg(&tar).status();
    ensure!(status.context("run gzip")?.success(), "gzip failed");
    Ok(out.join(format!("{name}.tar.gz")))
}

fn add(builder: &mut tar::Builder<File>, file: &Path, name: &str, mode: u32) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len().try_into()?);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    let added = builder.append_data(&mut header, name, bytes.as_slice());
    added.with_context(|| format!("pack {name}"))
}
