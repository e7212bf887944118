//! The parts of the cluster: what each is told, and how it is started.
//!
//! In: a [`Site`]. Out: command lines, running processes. Never: a flag that a real cluster would
//! not have, except where the machine is small or shared; each such has its reason beside it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::Pid;

use super::cgroup;
use super::record::{Part, Record, born};
use super::site::{BALANCED, ETCD, NODE, NODE_ADDRESS, PODS, SERVICES, Site};
use crate::golang;

/// Steps into the cgroups and then becomes the program: so nothing it starts is outside.
const ENTER: &str =
    r#"while [ "$1" != -- ]; do echo $$ > "$1" || exit 1; shift; done; shift; exec "$@""#;

/// What etcd is told.
pub(crate) fn etcd(site: &Site) -> Vec<String> {
    vec![
        "etcd".to_owned(),
        format!("--data-dir={}/etcd", site.dir.display()),
        format!("--listen-client-urls={ETCD}"),
        format!("--advertise-client-urls={ETCD}"),
        "--listen-peer-urls=http://127.0.0.1:12380".to_owned(),
        "--log-level=warn".to_owned(),
        // A cluster that is made anew for each run has nothing to lose.
        "--unsafe-no-fsync".to_owned(),
    ]
}

/// What the API server is told.
pub(crate) fn api_server(site: &Site) -> Vec<String> {
    let certs = site.certs();
    let cert = |name: &str| certs.join(name).display().to_string();
    vec![
        "apiserver".to_owned(),
        "--allow-privileged=true".to_owned(),
        format!("--advertise-address={NODE_ADDRESS}"),
        format!("--audit-log-path={}", site.log("audit").display()),
        "--audit-log-maxsize=200".to_owned(),
        format!("--audit-policy-file={}/etc/audit.yaml", site.dir.display()),
        "--authorization-mode=Node,RBAC".to_owned(),
        format!("--bind-address={NODE_ADDRESS}"),
        format!("--client-ca-file={}", cert("ca.crt")),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        format!("--etcd-servers={ETCD}"),
        format!("--kubelet-certificate-authority={}", cert("ca.crt")),
        format!(
            "--kubelet-client-certificate={}",
            cert("apiserver-to-kubelet.crt")
        ),
        format!("--kubelet-client-key={}", cert("apiserver-to-kubelet.key")),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--secure-port=16443".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", cert("tokens.pub")),
        format!("--service-account-signing-key-file={}", cert("tokens.key")),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--shutdown-delay-duration=0s".to_owned(),
        format!("--tls-cert-file={}", cert("apiserver.crt")),
        format!("--tls-private-key-file={}", cert("apiserver.key")),
    ]
}

/// What the controllers of Kubernetes itself are told. They alone need no election.
pub(crate) fn controllers(site: &Site) -> Vec<String> {
    let certs = site.certs();
    vec![
        "controller-manager".to_owned(),
        "--allocate-node-cidrs".to_owned(),
        format!("--cluster-cidr={PODS}"),
        "--node-cidr-mask-size=24".to_owned(),
        format!(
            "--kubeconfig={}",
            site.kubeconfig("controller-manager").display()
        ),
        "--leader-elect=false".to_owned(),
        format!("--root-ca-file={}", certs.join("ca.crt").display()),
        format!(
            "--service-account-private-key-file={}",
            certs.join("tokens.key").display()
        ),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--use-service-account-credentials".to_owned(),
        // Endpoints follow pods at once here, as fast as on an idle large cluster.
        "--concurrent-service-endpoint-syncs=10".to_owned(),
    ]
}

/// What the scheduler is told.
pub(crate) fn scheduler(site: &Site) -> Vec<String> {
    vec![
        "scheduler".to_owned(),
        format!("--kubeconfig={}", site.kubeconfig("scheduler").display()),
        "--leader-elect=false".to_owned(),
    ]
}

/// What the kubelet is told.
pub(crate) fn kubelet(site: &Site) -> Vec<String> {
    vec![
        "kubelet".to_owned(),
        format!("--config={}/etc/kubelet.yaml", site.dir.display()),
        format!("--hostname-override={NODE}"),
        format!("--kubeconfig={}", site.kubeconfig("kubelet").display()),
        format!("--node-ip={NODE_ADDRESS}"),
        format!("--root-dir={}/kubelet", site.run.display()),
    ]
}

/// What kube-proxy is told.
pub(crate) fn proxy(site: &Site) -> Vec<String> {
    vec![
        "proxy".to_owned(),
        format!("--config={}/etc/proxy.yaml", site.dir.display()),
    ]
}

/// What our own giver of addresses is told.
pub(crate) fn load_balancer(site: &Site) -> Vec<String> {
    vec![
        "loadbalancer".to_owned(),
        format!("-kubeconfig={}", site.kubeconfig("admin").display()),
        format!("-pool={BALANCED}"),
    ]
}

/// Starts a part in the cluster's network and cgroups, and writes it down.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn start(
    site: &Site,
    record: &mut Record,
    program: &Path,
    name: &str,
    arguments: &[String],
) -> Result<Child> {
    let log = site.log(name);
    let output = File::create(&log).with_context(|| format!("write {}", log.display()))?;
    let inside = site.inside(program);
    let mut command = Command::new("sh");
    command
        .args(["-c", ENTER, name])
        .args(cgroup::entrances(&site.name))
        .arg("--");
    command
        .arg(inside.get_program())
        .args(inside.get_args())
        .args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    // Ctrl-C in this terminal is for us: we end the parts in their order.
    command.process_group(0);
    let child = command.spawn().with_context(|| format!("start {name}"))?;
    let pid = i32::try_from(child.id()).context("a process without a number")?;
    record.parts.push(Part {
        name: name.to_owned(),
        pid,
        born: born(pid).with_context(|| format!("{name} ended at once, see {}", log.display()))?,
    });
    record.write(site)?;
    Ok(child)
}

/// The process of a part that runs.
///
/// # Errors
/// When it does not.
pub(crate) fn running(site: &Site, name: &str) -> Result<Pid> {
    let record = Record::read(site)?.context("no cluster is up")?;
    let part = record.parts.iter().find(|it| it.name == name && it.runs());
    let part = part.with_context(|| format!("{name} does not run"))?;
    Pid::from_raw(part.pid).context("a process without a number")
}

/// Starts the API server anew after its process was ended.
///
/// # Errors
/// When there is no cluster, or it cannot be started.
pub(crate) fn start_api_server_again(site: &Site) -> Result<Child> {
    let mut record = Record::read(site)?.context("no cluster is up")?;
    let name = "apiserver";
    record.parts.retain(|it| it.name != name);
    let program = golang::folder().join("cluster");
    start(site, &mut record, &program, name, &api_server(site))
}

/// The last lines of a part's log, for the message of a failure.
pub(crate) fn tail(site: &Site, part: &str) -> String {
    let text = fs::read_to_string(site.log(part)).unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .rev()
        .take(super::limits::LOG_LINES_SHOWN)
        .collect();
    lines
        .iter()
        .rev()
        .map(|line| format!("\n    | {line}"))
        .collect()
}
