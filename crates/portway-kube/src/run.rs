//! Runs a controller until it is told to stop.
//!
//! In: a client and a [`Config`]. Out: [`Health`] as it changes. Never: an end by itself, whatever
//! becomes of the API server: proxies serve on meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use kube::Client;
use portway_control::provision::{Install, names};
use portway_feed::{Authorities, Feed, Leaf};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::authority::{self, LoadError};
use crate::controller::Controller;
use crate::lease::{self, Election, Role};
use crate::limits::{AUTHORITY_INTERVAL, EDITS_MAX, GATHER_MAX, LEAF_INTERVAL, RETRY_MAX, TICK};
use crate::reviewer::{self, Accounts};
use crate::watch::{Edit, Watches};

/// How a controller runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which GatewayClasses are ours.
    pub controller_name: Arc<str>,
    /// Namespaces to look at; none = all.
    pub watch_namespaces: Vec<String>,
    /// The namespace it runs in: of its Lease, its Secret and the Service of its feed.
    pub namespace: String,
    /// Its name among the controllers: of its Pod.
    pub identity: String,
    /// Where the feed listens.
    pub feed_addr: SocketAddr,
    /// The image that proxies run.
    pub image: String,
    /// When that image is pulled.
    pub image_pull_policy: String,
}

/// How a controller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// It has seen all there is.
    pub is_synced: bool,
    /// Whether it leads.
    pub role: Role,
}

/// Why a controller could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The feed's address is taken or not ours.
    #[error("listen for proxies on {addr}")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// Runs until `stop` is true.
///
/// # Errors
/// When the feed cannot listen.
pub async fn run(
    client: Client,
    config: Config,
    health: watch::Sender<Health>,
    stop: watch::Receiver<bool>,
) -> Result<(), RunError> {
    let addr = config.feed_addr;
    let listener = TcpListener::bind(addr)
        .await
        .map_err(|source| RunError::Listen { addr, source })?;
    let (accounts_sender, accounts) = watch::channel(Accounts::default());
    let (feed, proxies_changed) = Feed::new();
    let found = first_authorities(&client, &config, stop.clone()).await;
    let Some((authorities, leaf)) = found else {
        return Ok(());
    };
    let install = Install {
        controller_name: Arc::clone(&config.controller_name),
        namespace: config.namespace.clone(),
        image: config.image.clone(),
        image_pull_policy: config.image_pull_policy.clone(),
        authorities_pem: authorities.bundle_pem(),
    };
    let (leaf_sender, leaf) = watch::channel(leaf);
    let (pem_sender, pem) = watch::channel(authorities.bundle_pem());
    let shown = Shown {
        leaf: leaf_sender,
        pem: pem_sender,
    };
    let renewal = renew_authorities(client.clone(), config.clone(), authorities, shown);
    let renewal = tokio::spawn(renewal);
    let reviews = client.clone();
    let authenticate = move |token| reviewer::review(reviews.clone(), accounts.clone(), token);
    let mut stopping = stop.clone();
    let served = portway_feed::serve(feed.clone(), listener, leaf, authenticate, async move {
        stopped(&mut stopping).await;
    });
    let serving = tokio::spawn(served);
    let controller = Controller::new(client.clone(), install, feed, accounts_sender);
    let (role_sender, role) = watch::channel(Role::Follower);
    let election = take_part(
        election(&config),
        client.clone(),
        role_sender,
        health.subscribe(),
        stop.clone(),
    );
    let election = tokio::spawn(election);
    let turns = Turns {
        controller,
        role,
        pem,
        proxies_changed,
        health,
        stop,
    };
    turns.run(&client, &config).await;
    renewal.abort();
    if let Ok(Err(error)) = serving.await {
        error!(error = %crate::chain(&error), "feed ended");
    }
    _ = election.await;
    Ok(())
}

/// What a controller listens to.
struct Turns {
    controller: Controller,
    role: watch::Receiver<Role>,
    pem: watch::Receiver<String>,
    proxies_changed: watch::Receiver<u64>,
    health: watch::Sender<Health>,
    stop: watch::Receiver<bool>,
}

impl Turns {
    async fn run(mut self, client: &Client, config: &Config) {
        let (sender, mut edits) = mpsc::channel(EDITS_MAX);
        let mut watches =
            Watches::of_objects(client, &config.watch_namespaces, &config.namespace, sender);
        watches.add_fleets(&config.watch_namespaces, &config.controller_name);
        let mut is_synced = false;
        let mut rested = Instant::now();
        loop {
            let is_waiting = is_synced && self.controller.is_waiting();
            tokio::select! {
                edit = edits.recv() => {
                    let Some(edit) = edit else { return };
                    is_synced |= watches.is_complete(&edit);
                    edit.make(&mut self.controller.store);
                    is_synced |= self.gather(&mut edits, &mut watches, rested).await;
                }
                Some(done) = self.controller.next_done() => {
                    self.controller.take_done(done);
                    self.controller.take_more_done();
                }
                changed = self.role.changed() => {
                    if changed.is_err() { return }
                }
                changed = self.proxies_changed.changed() => {
                    if changed.is_err() { return }
                }
                Ok(()) = self.pem.changed() => {
                    let pem = self.pem.borrow_and_update().clone();
                    self.controller.take_authorities(pem);
                }
                () = tokio::time::sleep(TICK), if is_waiting => {}
                () = stopped(&mut self.stop) => {
                    self.controller.become_role(Role::Follower);
                    return;
                }
            }
            let role = *self.role.borrow_and_update();
            self.health.send_if_modified(|health| {
                let now = Health { is_synced, role };
                std::mem::replace(health, now) != now
            });
            if is_synced {
                self.controller.become_role(role);
                let begin = Instant::now();
                self.controller.act();
                let end = Instant::now();
                // A turn that took no time does not shorten the rest after one that did.
                rested = rested.max(end + (end - begin).min(GATHER_MAX));
            }
        }
    }

    /// Takes what has come, and what comes until the controller has `rested`: a change is acted on at
    /// once, and between changes without end there is time for others. It ends in time whatever goes
    /// on coming. True if everything has been seen by then.
    async fn gather(
        &mut self,
        edits: &mut mpsc::Receiver<Edit>,
        watches: &mut Watches,
        rested: Instant,
    ) -> bool {
        let mut is_synced = false;
        let latest = Instant::now() + GATHER_MAX;
        let rested = rested.min(latest);
        loop {
            let edit = match edits.try_recv() {
                Ok(edit) => edit,
                Err(_) if Instant::now() >= rested => return is_synced,
                Err(_) => match tokio::time::timeout_at(rested.into(), edits.recv()).await {
                    Ok(Some(edit)) => edit,
                    Ok(None) | Err(_) => return is_synced,
                },
            };
            is_synced |= watches.is_complete(&edit);
            edit.make(&mut self.controller.store);
            if Instant::now() >= latest {
                return is_synced;
            }
        }
    }
}

/// Waits for the end; a sender that is gone means it, too.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    _ = stop.wait_for(|stop| *stop).await;
}

fn election(config: &Config) -> Election {
    let name = lease::name(&config.controller_name);
    Election::new(&config.namespace, &name, &config.identity)
}

/// Takes part in the election once everything has been seen: whoever could not act must not keep the
/// lead from those who can.
async fn take_part(
    election: Election,
    client: Client,
    role: watch::Sender<Role>,
    mut health: watch::Receiver<Health>,
    stop: watch::Receiver<bool>,
) {
    let mut stopping = stop.clone();
    let is_synced = tokio::select! {
        synced = health.wait_for(|health| health.is_synced) => synced.is_ok(),
        () = stopped(&mut stopping) => false,
    };
    if is_synced {
        info!("all objects are seen, taking part in the election");
        election.run(client, role, stop).await;
    }
}

/// Authorities, and a certificate by them; tried until there are some. `None` = told to stop.
async fn first_authorities(
    client: &Client,
    config: &Config,
    mut stop: watch::Receiver<bool>,
) -> Option<(Authorities, Arc<Leaf>)> {
    let mut wait = TICK;
    loop {
        match authorities(client, config, None).await {
            Ok(found) => return Some(found),
            Err(error) => {
                warn!(error = %crate::chain(&error), "no authorities for the feed yet");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = RETRY_MAX.min(wait * 2),
            () = stopped(&mut stop) => return None,
        }
    }
}

async fn authorities(
    client: &Client,
    config: &Config,
    known: Option<&Authorities>,
) -> Result<(Authorities, Arc<Leaf>), LoadError> {
    let authorities = authority::load(client, &config.namespace, known).await?;
    let host = names::feed_host(&config.namespace);
    let leaf = authorities.leaf(&[host], SystemTime::now())?;
    Ok((authorities, Arc::new(leaf)))
}

/// What the feed shows, and what proxies check it against.
struct Shown {
    leaf: watch::Sender<Arc<Leaf>>,
    pem: watch::Sender<String>,
}

async fn renew_authorities(client: Client, config: Config, mut known: Authorities, shown: Shown) {
    let mut leaf_at = Instant::now();
    loop {
        tokio::time::sleep(AUTHORITY_INTERVAL).await;
        let (found, fresh) = match authorities(&client, &config, Some(&known)).await {
            Ok(found) => found,
            Err(error) => {
                warn!(error = %crate::chain(&error), "authorities of the feed not renewed");
                continue;
            }
        };
        known = found;
        let bundle = known.bundle_pem();
        let changed = shown.pem.send_if_modified(|shown| {
            let changed = *shown != bundle;
            *shown = bundle;
            changed
        });
        if changed || leaf_at.elapsed() >= LEAF_INTERVAL {
            info!("certificate of the feed renewed");
            shown.leaf.send_replace(fresh);
            leaf_at = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests;
