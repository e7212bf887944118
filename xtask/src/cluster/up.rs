//! Makes a cluster, step by step.
//!
//! In: a [`Site`] where there is none. Out: a cluster whose node, name server and CRDs are ready,
//! in some 15 seconds. Never: a half cluster that is left behind: an error or a signal removes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::kubectl::Kubectl;
use super::limits::{API_SERVER_WAIT, NODE_WAIT};
use super::record::Record;
use super::site::{API_SERVER, FIRST_SERVICE, NODE, NODE_ADDRESS, Site};
use super::{cgroup, down, host, images, objects, parts};
use crate::golang;
use crate::interrupt::Interrupt;
use crate::tally::say;

/// Files of configuration, and what they are called.
const CONFIGURATION: [(&str, &str); 5] = [
    (
        "audit.yaml",
        include_str!("../../../conformance/cluster/etc/audit.yaml"),
    ),
    (
        "cni/cluster.conflist",
        include_str!("../../../conformance/cluster/etc/cni.json"),
    ),
    (
        "containerd.toml",
        include_str!("../../../conformance/cluster/etc/containerd.toml"),
    ),
    (
        "kubelet.yaml",
        include_str!("../../../conformance/cluster/etc/kubelet.yaml"),
    ),
    (
        "proxy.yaml",
        include_str!("../../../conformance/cluster/etc/proxy.yaml"),
    ),
];

/// Makes it.
///
/// # Errors
/// With the part that failed and its last lines; all that was made is gone again then.
pub(crate) fn make(site: &Site, channel: &str, interrupt: &Interrupt) -> Result<()> {
    let program = build(interrupt)?;
    objects::crds(channel)?;
    let mut record = Record::begin(site, channel);
    fs::create_dir_all(&site.dir).context("create target/cluster")?;
    record.write(site)?;
    let mut rise = Rise {
        site,
        program,
        children: Vec::new(),
        start: Instant::now(),
        interrupt,
    };
    let risen = rise.all(&mut record);
    if let Err(error) = risen {
        // Children of ours that ended stay in the table until we look.
        let removed = down::remove(site, &record);
        rise.children
            .iter_mut()
            .for_each(|(_, child)| drop(child.wait()));
        removed.context("remove what was made")?;
        return Err(error);
    }
    record.complete = true;
    record.write(site)
}

/// Builds what its parts and its images are made of, and gives the program of the parts.
///
/// # Errors
/// When one does not build.
pub(crate) fn build(interrupt: &Interrupt) -> Result<PathBuf> {
    let program = golang::CLUSTER.built(interrupt)?;
    for other in [&golang::PAUSE, &golang::DNS, &golang::ECHO] {
        other.built(interrupt)?;
    }
    Ok(program)
}

/// A cluster on its way up.
struct Rise<'a> {
    site: &'a Site,
    program: PathBuf,
    children: Vec<(&'static str, Child)>,
    start: Instant,
    interrupt: &'a Interrupt,
}

impl Rise<'_> {
    fn all(&mut self, record: &mut Record) -> Result<()> {
        let site = self.site;
        self.configure()?;
        host::create_network(site)?;
        cgroup::create(&site.name)?;
        self.part(record, "etcd", &parts::etcd(site))?;
        self.part(record, "apiserver", &parts::api_server(site))?;
        let containerd = [format!(
            "--config={}/etc/containerd.toml",
            site.dir.display()
        )];
        self.start_program(record, Path::new("containerd"), "containerd", &containerd)?;
        self.tell("etcd, API server and containerd are started");
        let socket = site.containerd();
        self.wait("containerd", || Ok(socket.exists().then_some(())))?;
        images::import_all(site, self.interrupt)?;
        self.tell("images are imported");
        let kubectl = Kubectl::new(site);
        // Only 200 counts: a body that tells what is not ready says `ok` of all the rest.
        let ready = || Ok(kubectl.run(&["get", "--raw", "/readyz"]).ok());
        self.wait("API server that is ready", ready)?;
        self.tell("the API server is ready");
        // Not before: without the roles that it makes at first these would end at once.
        self.part(record, "controller-manager", &parts::controllers(site))?;
        self.part(record, "scheduler", &parts::scheduler(site))?;
        self.part(record, "kubelet", &parts::kubelet(site))?;
        self.part(record, "proxy", &parts::proxy(site))?;
        self.part(record, "loadbalancer", &parts::load_balancer(site))?;
        objects::apply_crds(&kubectl, &record.channel)?;
        self.tell("Gateway API is served");
        objects::apply_dns(site, &kubectl)?;
        self.node(&kubectl)
    }

    /// Keys and files of configuration.
    fn configure(&self) -> Result<()> {
        let site = self.site;
        for folder in [
            site.certs(),
            site.dir.join("etc/cni"),
            site.dir.join("logs"),
        ] {
            fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        }
        fs::create_dir_all(&site.run).context("create a folder in /run")?;
        // The last cluster's, which is of interest until the next one is made.
        for entry in fs::read_dir(site.dir.join("logs"))? {
            fs::remove_file(entry?.path())?;
        }
        for (name, template) in CONFIGURATION {
            let path = site.dir.join("etc").join(name);
            fs::write(&path, site.fill(template))
                .with_context(|| format!("write {}", path.display()))?;
        }
        let mut certificates = std::process::Command::new(&self.program);
        certificates.arg("certificates");
        certificates.arg(format!("-dir={}", site.certs().display()));
        certificates.arg(format!("-server={API_SERVER}"));
        certificates
            .arg(format!("-node={NODE}"))
            .arg(format!("-address={NODE_ADDRESS}"));
        certificates.arg(format!("-service={FIRST_SERVICE}"));
        let status = self.interrupt.run(&mut certificates)?;
        ensure!(status.success(), "certificates cannot be made");
        Ok(())
    }

    fn part(
        &mut self,
        record: &mut Record,
        name: &'static str,
        arguments: &[String],
    ) -> Result<()> {
        let program = self.program.clone();
        self.start_program(record, &program, name, arguments)
    }

    fn start_program(
        &mut self,
        record: &mut Record,
        program: &Path,
        name: &'static str,
        arguments: &[String],
    ) -> Result<()> {
        self.interrupt.check()?;
        let child = parts::start(self.site, record, program, name, arguments)?;
        self.children.push((name, child));
        Ok(())
    }

    /// Waits, and fails at once when a part ends instead.
    fn wait<T>(&mut self, what: &str, mut reached: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let children = &mut self.children;
        let site = self.site;
        self.interrupt.until(what, API_SERVER_WAIT, || {
            for (name, child) in children.iter_mut() {
                if let Some(status) = child.try_wait()? {
                    bail!("{name} ended with {status}{}", parts::tail(site, name));
                }
            }
            reached()
        })
    }

    fn node(&mut self, kubectl: &Kubectl) -> Result<()> {
        let timeout = format!("--timeout={}s", NODE_WAIT.as_secs());
        let waits: [&[&str]; 3] = [
            &["wait", "--for=condition=Ready", &timeout, "node", NODE],
            &["wait", "--for=create", &timeout, "serviceaccount/default"],
            &[
                "wait",
                "--for=condition=Available",
                &timeout,
                "-n=kube-system",
                "deployment/dns",
            ],
        ];
        self.wait("node", || Ok(kubectl.run(&["get", "node", NODE]).ok()))?;
        for wait in waits {
            let status = self
                .interrupt
                .run(kubectl.command(wait).stdout(std::process::Stdio::null()))?;
            let tail = || parts::tail(self.site, "kubelet");
            ensure!(
                status.success(),
                "kubectl {}: not in time{}",
                wait.join(" "),
                tail()
            );
        }
        self.tell("the node, ServiceAccounts and the name server are ready");
        Ok(())
    }

    fn tell(&self, what: &str) {
        say(&format!(
            "  {:4.1} s  {what}",
            self.start.elapsed().as_secs_f64()
        ));
    }
}

#[cfg(test)]
mod tests;
