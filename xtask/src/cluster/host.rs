//! What the host must have, and its network namespace for the cluster.
//!
//! In: this host. Out: what is missing, in one message; packages installed; a namespace with the
//! node's devices. Never: a device, route or rule outside of the namespace.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::site::{BALANCED, NODE_ADDRESS, Site};
use crate::interrupt::Interrupt;
use crate::tally::say;

/// Programs, and the Debian packages that bring them.
const PROGRAMS: [(&str, &str); 8] = [
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
];

/// Sees that all is there, and installs what is not.
///
/// # Errors
/// With everything that is missing.
pub(crate) fn prepare(interrupt: &Interrupt) -> Result<()> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root: namespaces, mounts and cgroups are made".to_owned());
    }
    if !is_there("go") {
        missing.push("Go 1.21 or newer in the path, to build Kubernetes".to_owned());
    }
    if !Path::new("/sys/fs/cgroup").is_dir() {
        missing.push("cgroups at /sys/fs/cgroup".to_owned());
    }
    ensure!(
        missing.is_empty(),
        "a cluster here needs:\n  {}",
        missing.join("\n  ")
    );
    let absent = || PROGRAMS.iter().filter(|(program, _)| !is_there(program));
    let mut packages: Vec<&str> = absent().map(|(_, package)| *package).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    say(&format!("  installing {}", packages.join(" ")));
    install(&packages, interrupt)?;
    let left: Vec<&str> = absent().map(|(program, _)| *program).collect();
    ensure!(
        left.is_empty(),
        "still absent after the installation: {}",
        left.join(", ")
    );
    Ok(())
}

fn install(packages: &[&str], interrupt: &Interrupt) -> Result<()> {
    ensure!(
        is_there("apt-get"),
        "without apt-get these must be installed by hand: {}",
        packages.join(" ")
    );
    let mut update = Command::new("apt-get");
    update.args(["update", "-qq"]);
    let mut install = Command::new("apt-get");
    install
        .args(["install", "-qq", "--yes", "--no-install-recommends"])
        .args(packages);
    for mut command in [update, install] {
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null());
        ensure!(interrupt.run(&mut command)?.success(), "apt-get fails");
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).exists();
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

/// Makes the network namespace with the node's address in it.
///
/// # Errors
/// When the kernel refuses a step.
pub(crate) fn create_network(site: &Site) -> Result<()> {
    let name = site.name.as_str();
    let node = format!("{NODE_ADDRESS}/24");
    ip(&["netns", "add", name])?;
    let inside: [&[&str]; 5] = [
        &["link", "set", "lo", "up"],
        // Both ends of a pair stay here: kernels without dummy devices have these.
        &[
            "link", "add", "node", "up", "type", "veth", "peer", "name", "peer",
        ],
        &["link", "set", "peer", "up"],
        &["address", "add", &node, "dev", "node"],
        // Any route will do: kube-proxy rewrites the destination, after a route was found.
        &["route", "add", BALANCED, "dev", "node"],
    ];
    for arguments in inside {
        let mut all = vec!["-n", name];
        all.extend(arguments);
        ip(&all)?;
    }
    set(site, "net/ipv4/ip_forward", "1")?;
    let where_built_in = [
        // Pods of one node reach each other's Services through the bridge, where rules must see
        // them.
        ("net/bridge/bridge-nf-call-iptables", "1"),
        // What is dialled when no Service has the address yet, or any more, is remembered as not
        // rewritten, for two minutes, and a later client at the same port gets nowhere: the kernel
        // does not renew such an entry, so it is over before that client asks again.
        ("net/netfilter/nf_conntrack_tcp_timeout_syn_sent", "1"),
    ];
    for (name, value) in where_built_in {
        if Path::new("/proc/sys").join(name).exists() {
            set(site, name, value)?;
        }
    }
    Ok(())
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .context("run ip")?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("ip {}: {}", arguments.join(" "), error.trim());
    }
    Ok(())
}

fn set(site: &Site, name: &str, value: &str) -> Result<()> {
    let mut write = site.inside("sh");
    write.args(["-c", &format!("echo {value} > /proc/sys/{name}")]);
    let status = write.status().context("run nsenter")?;
    ensure!(status.success(), "the kernel refuses {name} = {value}");
    Ok(())
}
