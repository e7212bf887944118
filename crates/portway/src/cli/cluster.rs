//! `--kube`: objects of a cluster, beside those in files.
//!
//! In: [`KubeArgs`], [`NamedArgs`]. Out: all objects of the cluster, read once, and who leads there.
//! Never: a write.

use anyhow::{Context, Result};
use clap::builder::BoolishValueParser;
use portway_control::snapshot::{CONTROLLER_NAME, Objects, Target};
use portway_kube::{Cluster, Lead};
use tokio::runtime::Runtime;

/// Which cluster.
#[derive(Debug, clap::Args)]
pub(crate) struct KubeArgs {
    /// Ask the cluster of KUBECONFIG: for objects beside those in files, which count first; `status`
    /// shows the statuses that stand there.
    #[arg(
        long,
        env = "PORTWAY_KUBE",
        hide_env_values = true,
        value_parser = BoolishValueParser::new()
    )]
    kube: bool,

    /// Which entry of the kubeconfig; by default the current one.
    #[arg(
        long = "kube-context",
        value_name = "NAME",
        requires = "kube",
        env = "PORTWAY_KUBE_CONTEXT",
        hide_env_values = true
    )]
    kube_entry: Option<String>,
}

/// Whose Gateways.
#[derive(Debug, clap::Args)]
pub(crate) struct NamedArgs {
    /// The controller's name, which its GatewayClasses have in `spec.controllerName`; a second
    /// install needs its own.
    #[arg(
        long,
        value_name = "NAME",
        default_value = CONTROLLER_NAME,
        env = "PORTWAY_CONTROLLER_NAME",
        hide_env_values = true,
    )]
    pub(super) controller_name: String,
}

impl KubeArgs {
    /// Whether a cluster was asked for.
    pub(crate) fn is_wanted(&self) -> bool {
        self.kube
    }

    /// Where objects are used if nobody says it: in the cluster that is asked.
    pub(super) const fn target(&self) -> Target {
        match self.kube {
            true => Target::Cluster,
            false => Target::Standalone,
        }
    }

    /// All objects of the cluster; `None` if none was asked for.
    ///
    /// # Errors
    /// When the cluster cannot be read.
    pub(crate) fn objects(&self) -> Result<Option<Objects>> {
        if !self.kube {
            return Ok(None);
        }
        runtime()?.block_on(async {
            let client = portway_kube::connect(self.cluster()).await?;
            Ok(Some(portway_kube::read(&client, &[]).await?))
        })
    }

    /// Whether a controller of this name leads.
    ///
    /// # Errors
    /// When there is no cluster to ask.
    pub(crate) fn lead(&self, controller_name: &str) -> Result<Lead> {
        runtime()?.block_on(async {
            let client = portway_kube::connect(self.cluster()).await?;
            Ok(portway_kube::lead(&client, controller_name).await)
        })
    }

    /// That of an entry of the kubeconfig, or the current one.
    fn cluster(&self) -> Cluster {
        match &self.kube_entry {
            None => Cluster::Inferred,
            Some(name) => Cluster::File {
                path: None,
                entry: Some(name.clone()),
            },
        }
    }
}

fn runtime() -> Result<Runtime> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().context("start the runtime")
}

#[cfg(test)]
mod tests;
