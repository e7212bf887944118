//! A proxy: the client of the feed, with workers that apply at once unless told otherwise.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use portway_engine::table::RoutingTable;
use portway_feed::{Applied, Authorities, ClientConfig, Controller, Ends, Link, follow};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::controller::DEADLINE;

pub(crate) struct Proxy {
    pub(crate) tables: mpsc::Receiver<Arc<RoutingTable>>,
    pub(crate) applied: watch::Sender<Option<Applied>>,
    pub(crate) link: watch::Receiver<Link>,
    pub(crate) files: Files,
    pub(crate) following: JoinHandle<()>,
}

impl Proxy {
    pub(crate) fn start(addr: SocketAddr, files: Files) -> Self {
        Self::start_with(&[addr], files)
    }

    /// Several addresses, as of a name that has them.
    pub(crate) fn start_with(addrs: &[SocketAddr], files: Files) -> Self {
        let controller = |addr: &SocketAddr| Controller {
            host: "localhost".into(),
            port: addr.port(),
        };
        let config = ClientConfig {
            controllers: addrs.iter().map(controller).collect(),
            ca_file: files.dir.join("ca.crt"),
            token_file: files.dir.join("token"),
        };
        let (to_tables, tables) = mpsc::channel(1);
        let (applied, to_applied) = watch::channel(None);
        let (to_link, link) = watch::channel(Link::Down(None));
        let following = tokio::spawn(follow(
            config,
            Ends {
                tables: to_tables,
                applied: to_applied,
                link: to_link,
            },
        ));
        Self {
            tables,
            applied,
            link,
            files,
            following,
        }
    }

    pub(crate) async fn table(&mut self) -> Arc<RoutingTable> {
        let table = timeout(DEADLINE, self.tables.recv()).await;
        table.expect("a table in time").expect("the client runs")
    }

    pub(crate) fn apply(&self, table: &RoutingTable) {
        self.apply_but(table, &[]);
    }

    /// Applies, but for sockets that could not be bound.
    pub(crate) fn apply_but(&self, table: &RoutingTable, unbound: &[(&str, &str)]) {
        let unbound = unbound.iter();
        self.applied.send_replace(Some(Applied {
            version: table.version(),
            unbound: unbound
                .map(|(addr, why)| (addr.parse().unwrap(), (*why).to_owned()))
                .collect(),
        }));
    }

    pub(crate) async fn take_and_apply(&mut self) -> Arc<RoutingTable> {
        let table = self.table().await;
        self.apply(&table);
        table
    }

    /// Waits until the link is down for a reason that contains `why`.
    pub(crate) async fn wait_for_down(&mut self, why: &str) {
        let is_it = |link: &Link| matches!(link, Link::Down(Some(cause)) if cause.contains(why));
        let down = timeout(DEADLINE, self.link.wait_for(is_it)).await.map(drop);
        assert!(down.is_ok(), "{:?}, not {why:?}", *self.link.borrow());
    }
}

/// The files a pod has mounted.
pub(crate) struct Files {
    dir: PathBuf,
}

impl Files {
    pub(crate) fn new(authorities: &Authorities, token: &str) -> Self {
        static N: AtomicU32 = AtomicU32::new(0);
        let n = N.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let dir = dir.join(format!("feed-{}-{n}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let files = Self { dir };
        files.write_ca(authorities);
        files.write_token(token);
        files
    }

    pub(crate) fn write_ca(&self, authorities: &Authorities) {
        fs::write(self.dir.join("ca.crt"), authorities.bundle_pem()).unwrap();
    }

    pub(crate) fn write_token(&self, token: &str) {
        fs::write(self.dir.join("token"), format!("{token}\n")).unwrap();
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}
