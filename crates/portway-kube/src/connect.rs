//! How the API is reached.
//!
//! In: where a kubeconfig is, and which of its contexts. Out: a client. Never: a limit on how often it
//! calls; the API server has its own and says when it is too much.

use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::limits::SILENCE_MAX;

/// Which cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cluster {
    /// That of `KUBECONFIG` or `~/.kube/config`; else the one whose Pod this is.
    Inferred,
    /// That of a kubeconfig.
    File {
        /// Where it is; `None` = as kubectl finds it.
        path: Option<PathBuf>,
        /// Which of its entries; `None` = the current one.
        entry: Option<String>,
    },
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a kubeconfig nor a Pod's account.
    #[error("find a cluster: no usable kubeconfig, and this is no Pod")]
    Inferred(#[from] kube::config::InferConfigError),
    /// The kubeconfig cannot be used.
    #[error("read the kubeconfig")]
    File(#[from] kube::config::KubeconfigError),
    /// What it says cannot be used.
    #[error("make a client for the API")]
    Client(#[from] kube::Error),
}

/// Makes a client; nothing is sent yet.
///
/// # Errors
/// When there is no cluster to talk to.
pub async fn connect(cluster: Cluster) -> Result<Client, ConnectError> {
    let mut config = match cluster {
        Cluster::Inferred => Config::infer().await?,
        Cluster::File { path, entry } => {
            let read = match path {
                None => Kubeconfig::read()?,
                Some(path) => Kubeconfig::read_from(path)?,
            };
            let options = KubeConfigOptions {
                context: entry,
                ..KubeConfigOptions::default()
            };
            Config::from_custom_kubeconfig(read, &options).await?
        }
    };
    // A connection that died without a word must not hold up the next watch, which would take it.
    config.read_timeout = Some(SILENCE_MAX);
    // Nor is one that merely rested for so long given up at its next request.
    config.reset_reader_on_write = true;
    Ok(Client::try_from(config)?)
}
