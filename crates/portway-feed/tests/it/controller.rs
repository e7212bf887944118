//! A controller: a feed that is served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portway_engine::table::TableSpec;
use portway_feed::{
    Authorities, Feed, GatewayName, Identity, Leading, Leaf, ProxyFacts, Refused, Token, serve,
};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longest wait for anything in these tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Controller {
    pub(crate) feed: Feed,
    pub(crate) addr: SocketAddr,
    pub(crate) certificate: watch::Sender<Arc<Leaf>>,
    changes: watch::Receiver<u64>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Controller {
    /// One that leads, at an address of its own.
    pub(crate) async fn start(authorities: &Authorities) -> Self {
        Self::start_at(authorities, "127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn start_at(authorities: &Authorities, addr: SocketAddr) -> Self {
        let (feed, changes) = Feed::new();
        feed.set_leading(Leading::Yes);
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (certificate, leaf) = watch::channel(Arc::new(leaf(authorities)));
        let (stop, stopped) = oneshot::channel();
        let to_serve = feed.clone();
        let served = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(to_serve, listener, leaf, review, stopped)
                .await
                .unwrap();
        });
        Self {
            feed,
            addr,
            certificate,
            changes,
            stop,
            served,
        }
    }

    pub(crate) fn publish(&self, gateway: &str, generation: u64, table: &TableSpec) {
        self.feed
            .publish(&gateway_name(gateway), generation, table)
            .unwrap();
    }

    /// Waits until what is known of the proxies of a Gateway is as wanted.
    pub(crate) async fn wait_for(
        &mut self,
        gateway: &str,
        is_wanted: impl Fn(&[ProxyFacts]) -> bool,
    ) -> Vec<ProxyFacts> {
        let wanted = async {
            loop {
                self.changes.borrow_and_update();
                let proxies = self.feed.proxies(&gateway_name(gateway));
                if is_wanted(&proxies) {
                    return proxies;
                }
                self.changes.changed().await.unwrap();
            }
        };
        let proxies = timeout(DEADLINE, wanted).await;
        proxies.unwrap_or_else(|_| {
            let proxies = self.feed.proxies(&gateway_name(gateway));
            panic!("not what was waited for: {proxies:?}")
        })
    }

    pub(crate) async fn wait_for_acknowledged(&mut self, gateway: &str, generation: u64) {
        let is_wanted = |proxies: &[ProxyFacts]| {
            let mut proxies = proxies.iter();
            proxies.any(|it| it.acknowledged == Some(generation))
        };
        self.wait_for(gateway, is_wanted).await;
    }

    /// Ends it as a signal would.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(DEADLINE, self.served).await.unwrap().unwrap();
    }
}

pub(crate) fn gateway_name(name: &str) -> GatewayName {
    GatewayName {
        namespace: "infra".into(),
        name: name.into(),
    }
}

pub(crate) fn leaf(authorities: &Authorities) -> Leaf {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    authorities.leaf(&names, SystemTime::now()).unwrap()
}

/// A token of these tests is `GATEWAY/POD`.
async fn review(token: Token) -> Result<Identity, Refused> {
    if token.expose() == "nobody-knows" {
        return Err(Refused::Unavailable);
    }
    let (gateway, pod) = token.expose().split_once('/').ok_or(Refused::Unknown)?;
    Ok(Identity {
        gateway: gateway_name(gateway),
        pod: pod.into(),
        uid: format!("uid of {pod}").into(),
    })
}
