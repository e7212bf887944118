//! Who is connected to whom in the proxy of one Gateway, which a controller feeds.
//!
//! ```text
//!  controller ══ feed ══► following (thread) ─► RoutingTable ─► Proxy::apply
//!                               ▲                                     │
//!                            Applied                                  ▼
//!                               │           ┌── reports (thread) ◄── Report ◄── workers
//!                             state ◄─ News ┤
//!                                           └── signals (thread) ◄── SIGTERM, SIGINT
//! ```
//!
//! In: [`Config`]. Out: a [`Change`] each time something became different. Never: an end because no
//! controller answers, nor a table of its own making.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use portway_engine::table::diff::diff;
use portway_engine::table::{ListenerKey, RoutingTable, TableVersion};
use portway_feed::{Applied, ClientConfig, Ends, Link, follow};
use portway_proxy::{Observer, Proxy};
use tokio::sync::{mpsc as async_mpsc, oneshot, watch};
use tracing::{debug, info, warn};

use crate::board::Board;
use crate::conn_log::Heard;
use crate::exit::Exit;
use crate::news::News;
use crate::signals::{self, Signals};
use crate::{host, reports};

/// How the proxy of a Gateway runs.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The data plane.
    pub(crate) proxy: portway_proxy::Config,
    /// Who feeds it.
    pub(crate) feed: ClientConfig,
    /// Wait for open connections at the end.
    pub(crate) drain_timeout: Duration,
}

/// What became different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// All workers have a newer table, or other sockets are bound.
    Applied,
    /// The proxy must stop.
    Stop,
    /// A worker panicked: nothing can be relied on.
    WorkerDied,
}

/// A proxy that runs.
pub(crate) struct Fed {
    proxy: Arc<Proxy>,
    news: Receiver<News>,
    applied: watch::Sender<Option<Applied>>,
    hearing: JoinHandle<Exit>,
    following: JoinHandle<()>,
    stop_following: oneshot::Sender<()>,
    drain_timeout: Duration,
    lacks_ipv6: bool,
    board: Arc<Board>,
    handed_out: HandedOut,
}

/// The newest table that the workers were given, and when.
type HandedOut = Arc<Mutex<Option<(TableVersion, Instant)>>>;

impl Fed {
    /// Starts everything. `tell` hears of each connection that is over, on a thread of its own; what
    /// is received says whether a controller feeds us.
    ///
    /// # Errors
    /// When the host refuses threads or what they need.
    pub(crate) fn start(
        config: Config,
        signals: Signals,
        board: Arc<Board>,
        tell: impl FnMut(Heard<'_>) -> Option<Duration> + Send + 'static,
    ) -> anyhow::Result<(Self, watch::Receiver<Link>)> {
        if let Err(error) = portway_proxy::raise_fd_limit() {
            warn!(%error, "descriptor limit not raised");
        }
        let (sender, news) = mpsc::channel();
        signals.tell(sender.clone());
        let (reports, hearing) = reports::hear(sender, tell).context("start the reports thread")?;
        let proxy = Proxy::start(&config.proxy, reports).context("start the workers")?;
        let proxy = Arc::new(proxy);
        let (applied, to_feed) = watch::channel(None);
        let (to_link, link) = watch::channel(Link::Down(None));
        let (stop_following, stopped) = oneshot::channel();
        let (to_tables, tables) = async_mpsc::channel(1);
        let handed_out = HandedOut::default();
        let ends = Ends {
            tables: to_tables,
            applied: to_feed,
            link: to_link,
        };
        let following = start_following(
            follow(config.feed, ends),
            hand_on(
                tables,
                Arc::clone(&proxy),
                Arc::clone(&board),
                Arc::clone(&handed_out),
            ),
            stopped,
        );
        let fed = Self {
            proxy,
            news,
            applied,
            hearing,
            following: following.context("start the feed thread")?,
            stop_following,
            drain_timeout: config.drain_timeout,
            lacks_ipv6: false,
            board,
            handed_out,
        };
        Ok((fed, link))
    }

    /// Waits until something becomes different.
    ///
    /// # Errors
    /// When nobody is left who could say so.
    pub(crate) fn next(&mut self) -> anyhow::Result<Change> {
        loop {
            let news = self.news.recv();
            match news.context("every thread that has news ended")? {
                News::Applied(version, unbound) => {
                    self.learn_applied(version, unbound);
                    return Ok(Change::Applied);
                }
                News::WorkerDied => return Ok(Change::WorkerDied),
                News::Stop => return Ok(Change::Stop),
                other => debug!(?other, "news that no proxy waits for"),
            }
        }
    }

    /// Looks at the data plane while it runs.
    pub(crate) fn observer(&self) -> Observer {
        self.proxy.observer()
    }

    /// Hears no more of the controller, stops accepting, lets open connections finish, and ends. Says
    /// how that went.
    pub(crate) fn shutdown(self) -> Exit {
        let open = self.proxy.open_connections();
        info!(open, timeout = ?self.drain_timeout, "draining");
        // Following ends first, so that no table opens a listener again.
        end_following(self.stop_following, self.following);
        let n_cut = if let Some(proxy) = Arc::into_inner(self.proxy) {
            signals::cut_when_asked(self.news, proxy.cutter());
            proxy.shutdown(self.drain_timeout)
        } else {
            warn!("the data plane is held by another thread");
            open
        };
        reports::end(self.hearing, n_cut)
    }

    /// Ends at once; what connections came to is told as it is by [`Self::shutdown`].
    pub(crate) fn cut(self) {
        end_following(self.stop_following, self.following);
        drop(self.proxy);
        reports::cut(self.hearing);
    }

    fn learn_applied(&mut self, version: TableVersion, unbound: Vec<(ListenerKey, io::Error)>) {
        let latest = *self
            .handed_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, at)) = latest.filter(|it| it.0 == version) {
            self.board.applied(version, at.elapsed());
        }
        let sockets = unbound.into_iter().map(|(key, error)| (key.addr, error));
        let (absent, refused): (Vec<_>, Vec<_>) = sockets.partition(host::lacks_family);
        if !absent.is_empty() && !self.lacks_ipv6 {
            info!("no IPv6 on this host: listening on IPv4 only");
        }
        self.lacks_ipv6 = !absent.is_empty();
        let reason = |(addr, error): (SocketAddr, io::Error)| (addr, host::refusal(&error));
        let unbound: Vec<_> = refused.into_iter().map(reason).collect();
        let before = self.applied.send_replace(Some(Applied {
            version,
            unbound: unbound.clone(),
        }));
        if before.is_none() {
            info!(table = version.0, "ready");
        }
        let before = before.map(|it| it.unbound).unwrap_or_default();
        for (addr, cause) in unbound.iter().filter(|it| !before.contains(it)) {
            warn!(%addr, cause, "socket not bound, tried again every second");
        }
        let is_bound = |it: &&(SocketAddr, String)| !unbound.iter().any(|now| now.0 == it.0);
        for (addr, _) in before.iter().filter(is_bound) {
            info!(%addr, "socket bound, or no longer wanted");
        }
    }
}

/// The feed's thread: follows and hands on until it is stopped.
fn start_following(
    follow: impl Future<Output = ()> + Send + 'static,
    hand_on: impl Future<Output = ()> + Send + 'static,
    stopped: oneshot::Receiver<()>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()?;
    let work = move || {
        runtime.block_on(async {
            let both = async { tokio::join!(follow, hand_on) };
            tokio::select! {
                _ = both => {}
                // Dropped when the proxy drains.
                _ = stopped => {}
            }
        });
        // A lookup that hangs must not hold the end.
        runtime.shutdown_background();
    };
    thread::Builder::new().name("feed".into()).spawn(work)
}

fn end_following(stop: oneshot::Sender<()>, following: JoinHandle<()>) {
    drop(stop);
    if following.join().is_err() {
        warn!("the thread of the feed died");
    }
}

/// Gives each table to the workers.
async fn hand_on(
    mut tables: async_mpsc::Receiver<Arc<RoutingTable>>,
    proxy: Arc<Proxy>,
    board: Arc<Board>,
    handed_out: HandedOut,
) {
    let mut before: Option<Arc<RoutingTable>> = None;
    while let Some(table) = tables.recv().await {
        tell_difference(before.as_deref(), &table);
        let version = table.version();
        board.handed_out(version);
        let mut latest = handed_out.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some((version, Instant::now()));
        drop(latest);
        proxy.apply(Arc::clone(&table));
        before = Some(table);
    }
}

/// Sockets that come and go are news; routes and endpoints change all day.
fn tell_difference(before: Option<&RoutingTable>, table: &RoutingTable) {
    let diff = diff(before, table);
    let (opened, closed) = (diff.opened.len(), diff.closed.len());
    let (listeners, routes) = (table.listeners().count(), table.routes().len());
    let version = table.version().0;
    if opened + closed > 0 || before.is_none() {
        info!(
            table = version,
            listeners, routes, opened, closed, "a table came"
        );
    } else {
        debug!(table = version, listeners, routes, "a table came");
    }
}
