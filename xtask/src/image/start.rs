//! How soon the binary of the image is ready.
//!
//! In: the binary. Out: a line. It is `portway run` that is measured, with a hundred routes of files on
//! a hundred listeners: a proxy of a cluster reads no files, but waits for a controller besides.
//! Never: a port of another program; all are on a loopback address of our own.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::gateway::while_ready;
use crate::repo::root;
use crate::tally::say;

/// How many routes and listeners there are.
const N_ROUTES: u16 = 100;
/// A Gateway has at most 64 listeners.
const PER_GATEWAY: u16 = 50;
/// Where the listeners begin.
const FIRST_PORT: u16 = 20000;
/// How often it is started: the median of so many differs little from run to run.
const N_STARTS: usize = 21;

/// Says how soon it is ready.
///
/// # Errors
/// When it does not get ready.
pub(crate) fn measure(binary: &Path) -> Result<()> {
    let dir = root().join(format!("target/image/start-{}", std::process::id()));
    fs::create_dir_all(&dir).context("create a folder for the start")?;
    let taken = (|| {
        fs::write(dir.join("start.yaml"), manifest())?;
        let starts = (0..N_STARTS).map(|_| start(binary, &dir));
        starts.collect::<Result<Vec<_>>>()
    })();
    fs::remove_dir_all(&dir).context("remove the folder of the start")?;
    let mut taken = taken?;
    taken.sort();
    let at = |index: usize| taken.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0;
    say(&format!(
        "from exec to ready with {N_ROUTES} routes: {:.1} ms, the median of {N_STARTS} starts, from \
         {:.1} to {:.1}",
        at(N_STARTS / 2),
        at(0),
        at(N_STARTS - 1)
    ));
    Ok(())
}

fn start(binary: &Path, dir: &Path) -> Result<Duration> {
    let begin = Instant::now();
    while_ready(binary, dir, || Ok(begin.elapsed()))
}

/// Routes that have each a listener and an endpoint of its own.
fn manifest() -> String {
    let process = std::process::id();
    let address = format!("127.77.{}.{}", process / 250 % 250, process % 250 + 1);
    let mut text = String::new();
    for gateway in 0..N_ROUTES / PER_GATEWAY {
        let _ = write!(
            text,
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n\
             metadata: {{name: gw-{gateway}}}\nspec:\n  gatewayClassName: portway\n  \
             addresses: [{{value: {address}}}]\n  listeners:\n"
        );
        for port in ports_of(gateway) {
            let _ = writeln!(text, "  - {{name: p{port}, protocol: TCP, port: {port}}}");
        }
        text.push_str("---\n");
        for port in ports_of(gateway) {
            let _ = write!(
                text,
                "apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n\
                 metadata: {{name: r{port}}}\nspec:\n  \
                 parentRefs: [{{name: gw-{gateway}, sectionName: p{port}}}]\n  \
                 rules: [{{backendRefs: [{{name: s{port}, port: 80}}]}}]\n---\n\
                 apiVersion: v1\nkind: Service\nmetadata: {{name: s{port}}}\n\
                 spec: {{ports: [{{port: 80}}]}}\n---\n\
                 apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
                 metadata: {{name: s{port}, labels: {{kubernetes.io/service-name: s{port}}}}}\n\
                 addressType: IPv4\nendpoints: [{{addresses: [10.0.0.1]}}]\n\
                 ports: [{{port: {port}}}]\n---\n"
            );
        }
    }
    text
}

fn ports_of(gateway: u16) -> std::ops::Range<u16> {
    let first = FIRST_PORT + gateway * PER_GATEWAY;
    first..first + PER_GATEWAY
}
