//! Where a checkout's cluster is: its names, folders and addresses.
//!
//! In: the path of the repository. Out: [`Site`]. Never: a name that another checkout's cluster on
//! this host has too; addresses may be the same, since each is in a network namespace of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::golang::hex;
use crate::repo::root;

/// The image of what holds a pod's network.
pub(crate) const PAUSE_IMAGE: &str = "localhost/pause:1";

/// The image of the name server.
pub(crate) const DNS_IMAGE: &str = "localhost/dns:1";

/// The node, in a network of its own.
pub(crate) const NODE_ADDRESS: &str = "172.30.0.1";
/// What the node is called.
pub(crate) const NODE: &str = "node";
/// Pods' addresses.
pub(crate) const PODS: &str = "10.244.0.0/24";
/// Services' addresses.
pub(crate) const SERVICES: &str = "10.96.0.0/16";
/// The API server's Service.
pub(crate) const FIRST_SERVICE: &str = "10.96.0.1";
/// The name server's Service.
pub(crate) const DNS_SERVICE: &str = "10.96.0.10";
/// What Services of type `LoadBalancer` get; the upper half only if they ask for it.
pub(crate) const BALANCED: &str = "172.30.1.0/24";
/// The API server.
pub(crate) const API_SERVER: &str = "https://172.30.0.1:16443";
/// Etcd, for the API server alone.
pub(crate) const ETCD: &str = "http://127.0.0.1:12379";

/// The names of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Of the network namespace, the cgroup, the container network.
    pub(crate) name: String,
    /// What is kept while it runs, and the logs.
    pub(crate) dir: PathBuf,
    /// Sockets, whose paths must be short, and what must not be on a disk.
    pub(crate) run: PathBuf,
}

impl Site {
    /// The cluster of this checkout.
    pub(crate) fn here() -> Self {
        let hash = hex(&Sha256::digest(root().as_os_str().as_encoded_bytes()));
        let short: String = hash.chars().take(6).collect();
        let name = format!("portway-{short}");
        Self {
            dir: root().join("target/cluster"),
            run: Path::new("/run").join(&name),
            name,
        }
    }

    /// The network namespace, as a file.
    pub(crate) fn namespace(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    /// Keys, certificates and kubeconfigs.
    pub(crate) fn certs(&self) -> PathBuf {
        self.dir.join("certs")
    }

    /// How `who` reaches the API server.
    pub(crate) fn kubeconfig(&self, who: &str) -> PathBuf {
        self.certs().join(format!("{who}.kubeconfig"))
    }

    /// Where a part's lines go.
    pub(crate) fn log(&self, part: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{part}.log"))
    }

    /// Containerd's socket.
    pub(crate) fn containerd(&self) -> PathBuf {
        self.run.join("containerd.sock")
    }

    /// A program inside the cluster's network.
    ///
    /// Not `ip netns exec`: that mounts /sys anew, and the cgroups in it are gone.
    pub(crate) fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        let mut namespace = std::ffi::OsString::from("--net=");
        namespace.push(self.namespace());
        command.arg(namespace).arg("--").arg(program);
        command
    }

    /// The text of a configuration file with this cluster's names in it.
    pub(crate) fn fill(&self, template: &str) -> String {
        let values = [
            ("{name}", self.name.clone()),
            ("{dir}", self.dir.display().to_string()),
            ("{run}", self.run.display().to_string()),
            ("{certs}", self.certs().display().to_string()),
            ("{pods}", PODS.to_owned()),
            ("{node}", NODE.to_owned()),
            ("{node-address}", NODE_ADDRESS.to_owned()),
            ("{dns}", DNS_SERVICE.to_owned()),
            ("{dns-image}", DNS_IMAGE.to_owned()),
            ("{pause}", PAUSE_IMAGE.to_owned()),
        ];
        values
            .iter()
            .fold(template.to_owned(), |text, (name, value)| {
                text.replace(name, value)
            })
    }
}
