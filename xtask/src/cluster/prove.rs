//! `cargo xtask cluster prove`: what is left of an `up` that was killed goes with `down`.
//!
//! In: moments. Out: for each, what there was when `up` was killed, and that nothing of it is there after
//! `down`. Never: a cluster that somebody uses: none may be up.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use super::cgroup;
use super::down::{self, CNI_RESULTS, FOLDERS};
use super::ensure_down;
use super::kubectl::Kubectl;
use super::limits::API_SERVER_WAIT;
use super::network::Network;
use super::record::{Part, Record};
use super::site::Site;
use super::{host, up};
use crate::interrupt::{self, Interrupt};
use crate::tally::{Count, Tally, say};

/// When `up` is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The network namespace is there, and not much else.
    Network,
    /// The API server answers, and the node is about to be started.
    ApiServer,
    /// A container is about to run: its files are mounted, and it has a network of its own.
    Container,
}

impl Moment {
    const ALL: [Self; 3] = [Self::Network, Self::ApiServer, Self::Container];

    const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::ApiServer => "API server",
            Self::Container => "container",
        }
    }

    /// Whether it has come.
    fn has_come(self, site: &Site) -> Result<bool> {
        // The file is there before the namespace is mounted on it.
        let is_network = || Ok(!down::mounts_below(&[site.namespace()])?.is_empty());
        let is_ready = || Kubectl::new(site).run(&["get", "--raw", "/readyz"]).is_ok();
        match self {
            Self::Network => is_network(),
            Self::ApiServer => Ok(is_network()? && is_ready()),
            Self::Container => {
                let mounts = down::mounts_below(std::slice::from_ref(&site.run))?;
                Ok(mounts.iter().any(|it| it.ends_with("rootfs")))
            }
        }
    }
}

/// Kills an `up` at each moment.
///
/// # Errors
/// When a cluster is there already, or something that it needs is not.
pub(super) fn run(site: &Site) -> Result<ExitCode> {
    let interrupt = Interrupt::listen()?;
    host::prepare(&interrupt)?;
    ensure!(
        Record::read(site)?.is_none(),
        "a cluster is up, or something of one is left: `cargo xtask cluster down` first"
    );
    up::build(&interrupt)?;
    let mut tally = Tally::new("cluster prove");
    for moment in Moment::ALL {
        interrupt.check()?;
        tally.part(moment.name(), || {
            kill_at(site, moment, &interrupt).map(|()| Count::ONE)
        });
    }
    Ok(tally.end())
}

fn kill_at(site: &Site, moment: Moment, interrupt: &Interrupt) -> Result<()> {
    let this = std::env::current_exe().context("find this program")?;
    let mut up = Command::new(this)
        .args(["cluster", "up"])
        .spawn()
        .context("run `up`")?;
    let reached = reach(site, moment, &mut up, interrupt);
    if interrupt.check().is_err() {
        // It is for it to clean up; what it does not get done is done below.
        interrupt::end(&mut up);
    }
    let _ = up.kill();
    let status = up.wait().context("wait for `up`")?;
    let there = There::now(site);
    // Whatever came of it, nothing may stay.
    ensure_down(site)?;
    reached?;
    ensure_killed(status)?;
    let there = there?;
    there.tell();
    let left = there.left(site)?;
    ensure!(left.is_empty(), "`down` leaves {}", left.join(", "));
    Ok(())
}

fn reach(site: &Site, moment: Moment, up: &mut Child, interrupt: &Interrupt) -> Result<()> {
    interrupt.until(moment.name(), API_SERVER_WAIT, || {
        if let Some(status) = up.try_wait()? {
            bail!("`up` ended before that, with {status}");
        }
        Ok(moment.has_come(site)?.then_some(()))
    })
}

/// # Errors
/// When it was not in the middle of something any more.
fn ensure_killed(status: ExitStatus) -> Result<()> {
    let is_killed = status.signal() == Some(Signal::KILL.as_raw());
    ensure!(is_killed, "`up` was over before it was killed: {status}");
    Ok(())
}

/// What there is of a cluster.
struct There {
    network: Network,
    parts: Vec<Part>,
    processes: usize,
    mounts: usize,
}

impl There {
    fn now(site: &Site) -> Result<Self> {
        let network = Network::of(&site.namespace()).context("no network namespace")?;
        let record = Record::read(site)?.context("`up` wrote nothing down")?;
        ensure!(!record.complete, "`up` was done");
        Ok(Self {
            network,
            processes: cgroup::processes(&site.name).len(),
            mounts: down::mounts_below(&record.mounts_below)?.len(),
            parts: record.parts,
        })
    }

    fn tell(&self) {
        say(&format!(
            "    killed with {} parts, {} processes, {} mounts",
            self.parts.len(),
            self.processes,
            self.mounts
        ));
    }

    /// What of it is there still, in words.
    fn left(&self, site: &Site) -> Result<Vec<String>> {
        let parts = self.parts.iter().filter(|it| it.runs());
        let mut left: Vec<String> = parts.map(|it| it.name.clone()).collect();
        let processes = self.network.processes();
        if !processes.is_empty() {
            left.push(format!("processes in its network: {processes:?}"));
        }
        let its_own = [site.namespace(), site.dir.clone(), site.run.clone()];
        let mounts = down::mounts_below(&its_own)?;
        left.extend(mounts.iter().map(|it| format!("mount {}", it.display())));
        let mut files = cgroup::folders(&site.name);
        files.extend([
            site.namespace(),
            site.run.clone(),
            site.dir.join("record.json"),
        ]);
        files.extend(FOLDERS.iter().map(|it| site.dir.join(it)));
        files.retain(|it| it.exists());
        left.extend(files.iter().map(|it| it.display().to_string()));
        left.extend(results(&site.name));
        Ok(left)
    }
}

/// What the container network's library still knows of the cluster.
fn results(name: &str) -> Vec<String> {
    let of_ours = format!("{name}-");
    let all = fs::read_dir(Path::new(CNI_RESULTS)).into_iter().flatten();
    let names = all.flatten().map(|it| it.file_name());
    let names = names.map(|it| it.to_string_lossy().into_owned());
    names.filter(|it| it.starts_with(&of_ours)).collect()
}
