//! Connecting to the controllers, to the next one before the last has answered.
//!
//! In: names and ports, the files that prove who is who. Out: connections in the order in which they
//! come to be, and why others did not. Never: a wait for one address while there may be another: that
//! of a Pod which is gone answers nothing, and names lead to it for a while.
//! Spec: RFC 8305 section 5.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::backoff::shuffle;
use super::credentials::Credentials;
use super::{Config, Controller, LinkError};
use crate::limits::{
    ADDRESSES_TRIED_MAX, CONNECT_TIMEOUT, DIAL_DELAY, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT,
    LOOKUP_INTERVAL, LOOKUP_TIMEOUT, WINDOW_BYTES,
};

/// All dials of one round.
#[derive(Debug)]
pub(super) struct Dials {
    config: Config,
    /// Lookups and dials that are under way.
    steps: JoinSet<Step>,
    looked_up: Instant,
    /// Addresses that are still to be dialled, and those that are being dialled.
    waiting: Vec<Place>,
    dialling: BTreeSet<Place>,
}

/// A controller that answered.
#[derive(Debug)]
pub(super) struct Dialled {
    pub(super) addr: SocketAddr,
    pub(super) channel: Channel,
    /// Marked as sensitive, so it prints as such.
    pub(super) bearer: MetadataValue<Ascii>,
}

/// An address, and the name that its certificate must carry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    host: String,
    addr: SocketAddr,
}

/// What came of a task.
enum Step {
    LookedUp(Result<Vec<Place>, LinkError>),
    Dialled(Place, Result<Dialled, LinkError>),
}

impl Dials {
    /// Begins with a lookup of each name.
    pub(super) fn start(config: Config) -> Self {
        let mut dials = Self {
            config,
            steps: JoinSet::new(),
            looked_up: Instant::now(),
            waiting: Vec::new(),
            dialling: BTreeSet::new(),
        };
        dials.look_up();
        dials
    }

    /// The next that answered, or why one did not; `None` when all were tried.
    pub(super) async fn next(&mut self) -> Option<Result<Dialled, LinkError>> {
        loop {
            if self.steps.is_empty() && !self.dial_next() {
                return None;
            }
            match timeout(DIAL_DELAY, self.steps.join_next()).await {
                Ok(Some(Ok(Step::Dialled(place, dialled)))) => {
                    self.dialling.remove(&place);
                    if dialled.is_err() {
                        self.dial_next();
                    }
                    return Some(dialled);
                }
                Ok(Some(Ok(Step::LookedUp(found)))) => match found {
                    Ok(found) => self.take(found),
                    Err(error) => return Some(Err(error)),
                },
                // A task that panicked is as good as one that failed.
                Ok(Some(Err(_)) | None) => {}
                Err(_) => self.go_on(),
            }
        }
    }

    /// One of them serves: the others are not needed.
    pub(super) fn stop(&mut self) {
        self.steps = JoinSet::new();
        self.waiting.clear();
        self.dialling.clear();
    }

    /// Nobody has answered for a while: the next is dialled, and then there may be new ones, or one that
    /// does not lead may do so now.
    fn go_on(&mut self) {
        if self.dial_next() {
            return;
        }
        let is_looking_up = self.steps.len() > self.dialling.len();
        if !is_looking_up && self.looked_up.elapsed() >= LOOKUP_INTERVAL {
            self.look_up();
        }
    }

    fn look_up(&mut self) {
        self.looked_up = Instant::now();
        for controller in self.config.controllers.clone() {
            self.steps
                .spawn(async move { Step::LookedUp(places(&controller).await) });
        }
    }

    fn take(&mut self, mut found: Vec<Place>) {
        // Every proxy tries them in an order of its own.
        shuffle(&mut found);
        for place in found.into_iter().take(ADDRESSES_TRIED_MAX) {
            if !self.waiting.contains(&place) && !self.dialling.contains(&place) {
                self.waiting.push(place);
            }
        }
        if self.dialling.is_empty() {
            self.dial_next();
        }
    }

    /// Whether there was one left.
    fn dial_next(&mut self) -> bool {
        let Some(place) = self.waiting.pop() else {
            return false;
        };
        self.dialling.insert(place.clone());
        let config = self.config.clone();
        self.steps.spawn(async move {
            let dialled = dial(&config, &place).await;
            Step::Dialled(place, dialled)
        });
        true
    }
}

async fn places(controller: &Controller) -> Result<Vec<Place>, LinkError> {
    let host = || controller.host.clone();
    let found = timeout(LOOKUP_TIMEOUT, lookup_host((host(), controller.port))).await;
    let found = found.map_err(|_| LinkError::LookupTimeout { host: host() })?;
    let found = found.map_err(|source| LinkError::Lookup {
        host: host(),
        source,
    })?;
    let places: Vec<Place> = found.map(|addr| Place { host: host(), addr }).collect();
    match places.is_empty() {
        true => Err(LinkError::NoAddresses { host: host() }),
        false => Ok(places),
    }
}

async fn dial(config: &Config, Place { host, addr }: &Place) -> Result<Dialled, LinkError> {
    let addr = *addr;
    let credentials = Credentials::read(config).await?;
    // The endpoint's own bound is of TCP alone.
    let connect = endpoint(host, addr, &credentials)?;
    let channel = timeout(CONNECT_TIMEOUT, connect.connect()).await;
    let channel = channel.map_err(|_| LinkError::ConnectTimeout { addr })?;
    Ok(Dialled {
        addr,
        channel: channel.map_err(|source| LinkError::Connect { addr, source })?,
        bearer: credentials.bearer,
    })
}

fn endpoint(
    host: &str,
    addr: SocketAddr,
    credentials: &Credentials,
) -> Result<Endpoint, LinkError> {
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&credentials.ca_pem))
        .domain_name(host);
    let endpoint = Endpoint::from_shared(format!("https://{addr}"));
    let endpoint = endpoint.and_then(|it| it.tls_config(tls));
    let endpoint = endpoint.map_err(|source| LinkError::Connect { addr, source })?;
    Ok(endpoint
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES))
}
