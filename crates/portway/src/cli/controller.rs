//! `portway controller`: watch a cluster, provision proxies for its Gateways, and feed them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result};
use clap::ValueEnum;
use portway_control::provision::names::{ADMIN_PORT, FEED_PORT};
use portway_kube::{Cluster, Config, Health, Role};
use tokio::sync::watch;
use tracing::info;

use super::cluster::NamedArgs;
use super::log::LogArgs;
use crate::admin::{self, At, Door, Reach, Readiness, Wanted};
use crate::board::Board;
use crate::exit::Exit;
use crate::news::News;
use crate::signals::Signals;

/// Watch a Kubernetes cluster, provision proxies for its Gateways, and feed them
///
/// Writes the status of every GatewayClass that names it, of their Gateways and routes, and makes
/// for each Gateway a Deployment of proxies with a Service in front, in the Gateway's namespace. Of
/// several controllers of one name one leads; the others take over when it is gone. Without any
/// controller proxies go on with the table they have. The cluster is that of the Pod it runs in, or of
/// KUBECONFIG.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Installing it is described in docs/guide/kubernetes.md; the chart sets all of these flags.

Exit codes:
  0   ended by a signal
  2   could not run: no cluster to talk to, or an address is taken")]
pub(crate) struct Args {
    #[command(flatten)]
    named: NamedArgs,

    /// Namespaces to look at, with commas between; by default all.
    #[arg(
        long,
        value_name = "NAMESPACE,…",
        value_delimiter = ',',
        env = "PORTWAY_WATCH_NAMESPACES",
        hide_env_values = true
    )]
    watch_namespaces: Vec<String>,

    /// Namespace that this controller runs in.
    #[arg(
        long,
        value_name = "NAMESPACE",
        default_value = "portway-system",
        env = "PORTWAY_NAMESPACE",
        hide_env_values = true
    )]
    namespace: String,

    /// Name among the controllers, unlike every other.
    #[arg(
        long,
        value_name = "NAME",
        env = "PORTWAY_IDENTITY",
        hide_env_values = true
    )]
    identity: String,

    /// Image that proxies run; best the controller's own.
    #[arg(
        long,
        value_name = "IMAGE",
        env = "PORTWAY_PROXY_IMAGE",
        hide_env_values = true
    )]
    proxy_image: String,

    /// When that image is pulled.
    #[arg(
        long,
        value_enum,
        default_value = "if-not-present",
        env = "PORTWAY_PROXY_IMAGE_PULL_POLICY",
        hide_env_values = true
    )]
    proxy_image_pull_policy: PullPolicy,

    /// Where proxies fetch their tables.
    #[arg(
        long,
        value_name = "ADDR",
        default_value_t = SocketAddr::from(([0; 16], FEED_PORT)),
        env = "PORTWAY_FEED_ADDR",
        hide_env_values = true,
    )]
    feed_addr: SocketAddr,

    /// Where health, readiness and metrics are told.
    #[arg(
        long,
        value_name = "ADDR",
        default_value_t = SocketAddr::from(([0; 16], ADMIN_PORT)),
        env = "PORTWAY_POD_ADDR",
        hide_env_values = true,
    )]
    pod_addr: SocketAddr,

    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PullPolicy {
    /// When the node has none
    IfNotPresent,
    /// At every start
    Always,
    /// The node has it
    Never,
}

/// Runs until a signal comes.
///
/// # Errors
/// When there is no cluster, or an address is taken.
pub(crate) fn run(args: Args) -> Result<Exit> {
    args.log.start();
    let signals = Signals::catch().context("watch for signals")?;
    let board = Arc::new(Board::new("controller"));
    let doors = [Door {
        at: At::Tcp(args.pod_addr),
        wanted: Wanted::Explicitly,
        reach: Reach::Probes,
    }];
    let _admin = admin::serve(&doors, Arc::<Board>::clone(&board))?;
    let config = config(args);
    // Two threads: one owns the state and translates, the other may serve proxies meanwhile.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")?;
    let stop = stop_by(signals).context("listen to signals")?;
    let (health_sender, health) = watch::channel(Health {
        is_synced: false,
        role: Role::Follower,
    });
    runtime.spawn(tell_health(health, board));
    info!(controller = %config.controller_name, namespace = config.namespace, "controller starts");
    runtime.block_on(async {
        let client = portway_kube::connect(Cluster::Inferred).await?;
        portway_kube::run(client, config, health_sender, stop).await?;
        anyhow::Ok(())
    })?;
    info!("stopped");
    Ok(Exit::Fine)
}

fn config(args: Args) -> Config {
    let namespaces = args.watch_namespaces.into_iter();
    let image_pull_policy = match args.proxy_image_pull_policy {
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Always => "Always",
        PullPolicy::Never => "Never",
    };
    Config {
        controller_name: args.named.controller_name.into(),
        watch_namespaces: namespaces.filter(|it| !it.is_empty()).collect(),
        namespace: args.namespace,
        identity: args.identity,
        feed_addr: args.feed_addr,
        image: args.proxy_image,
        image_pull_policy: image_pull_policy.to_owned(),
    }
}

fn stop_by(signals: Signals) -> io::Result<watch::Receiver<bool>> {
    let (news_sender, news) = mpsc::channel();
    let (stop_sender, stop) = watch::channel(false);
    signals.tell(news_sender);
    let listen = move || {
        if news.iter().any(|it| matches!(it, News::Stop)) {
            stop_sender.send_replace(true);
        }
    };
    thread::Builder::new().name("stop".into()).spawn(listen)?;
    Ok(stop)
}

/// Ready = everything has been seen, whoever leads.
async fn tell_health(mut health: watch::Receiver<Health>, board: Arc<Board>) {
    loop {
        if health.borrow_and_update().is_synced {
            board.set_readiness(Readiness::Ready);
        }
        if health.changed().await.is_err() {
            board.set_readiness(Readiness::Draining);
            return;
        }
    }
}
