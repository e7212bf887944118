//! The proxy's side: gets the tables of its Gateway from whichever controller leads.
//!
//! In: where controllers are and what proves who we are; what the workers applied. Out: tables, and
//! a [`Link`] that says whether they come. Never: an end. Without a controller a proxy keeps the
//! table it has, and tries again for as long as it runs.
//!
//! The life of a link: all addresses of the name, in an order of its own, the next before the last has
//! answered; the first that serves is followed until it ends. Then again, at once if it had served,
//! else after a wait that doubles and that no two proxies share.

mod backoff;
mod conversation;
mod credentials;
mod dials;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use portway_engine::table::{RoutingTable, TableVersion};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tonic::Status;
use tracing::{debug, info, warn};

use self::backoff::Backoff;
use self::conversation::{Conversation, Ended, Over, Served};
use self::credentials::CredentialError;
use self::dials::{Dialled, Dials};
use crate::limits::{FOLLOW_TIMEOUT, MESSAGE_BYTES_MAX};
use crate::replica::Replica;
use crate::wire::table_feed_client::TableFeedClient;

/// Where the controllers are, and what the files hold that prove who is who. Both files are read at
/// each connect, as they are replaced while the proxy runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Names or addresses of the controllers; a name may have several addresses.
    pub controllers: Vec<Controller>,
    /// What their certificates are checked against, PEM.
    pub ca_file: PathBuf,
    /// The token that proves which Gateway's proxy this is.
    pub token_file: PathBuf,
}

/// Where one controller or more are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    /// A name or an address; the certificate must carry it.
    pub host: String,
    /// The port of the feed.
    pub port: u16,
}

/// What the workers route by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The newest table that all of them have.
    pub version: TableVersion,
    /// Sockets that could not be bound, and why.
    pub unbound: Vec<(SocketAddr, String)>,
}

/// Whether tables come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// From this controller.
    Following(SocketAddr),
    /// From nobody; why is that of the last try, if there was one.
    Down(Option<String>),
}

impl Link {
    /// Whether tables come.
    pub fn is_following(&self) -> bool {
        matches!(self, Self::Following(_))
    }
}

/// The ends that whoever runs the proxy holds.
#[derive(Debug)]
pub struct Ends {
    /// Tables that came; at most one waits.
    pub tables: mpsc::Sender<Arc<RoutingTable>>,
    /// What was applied.
    pub applied: watch::Receiver<Option<Applied>>,
    /// How the link is.
    pub link: watch::Sender<Link>,
}

/// Follows until nobody takes tables any more.
pub async fn follow(config: Config, ends: Ends) {
    let mut client = Client {
        config,
        ends,
        replica: Replica::default(),
        outage: Outage::Untold,
    };
    let mut backoff = Backoff::new();
    loop {
        match client.round().await {
            Round::Served => backoff.reset(),
            Round::Failed => client.tell_outage(),
            Round::Unwanted => return,
        }
        tokio::select! {
            () = sleep(backoff.next(client.replica.table().is_some())) => {}
            () = client.ends.tables.closed() => return,
        }
    }
}

struct Client {
    config: Config,
    ends: Ends,
    replica: Replica,
    outage: Outage,
}

/// Whether people were told, since a controller served, that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    Untold,
    Told,
}

/// What trying all addresses once came to.
enum Round {
    /// One of them served.
    Served,
    /// None did.
    Failed,
    /// Nobody takes tables any more.
    Unwanted,
}

/// Why an address was not followed, or no longer.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("look up `{host}`")]
    Lookup {
        host: String,
        source: std::io::Error,
    },
    #[error("look up `{host}`: no answer in time")]
    LookupTimeout { host: String },
    #[error("look up `{host}`: no addresses")]
    NoAddresses { host: String },
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    #[error("connect to {addr}; maybe a NetworkPolicy blocks the port")]
    Connect {
        addr: SocketAddr,
        source: tonic::transport::Error,
    },
    #[error("connect to {addr}: no answer in time; maybe a NetworkPolicy blocks the port")]
    ConnectTimeout { addr: SocketAddr },
    #[error("{addr} did not answer in time")]
    FollowTimeout { addr: SocketAddr },
    #[error("{addr}: {}", .status.message())]
    Status {
        addr: SocketAddr,
        status: Box<Status>,
    },
    #[error("{addr} ended the stream")]
    Ended { addr: SocketAddr },
    #[error("{addr} sent a change that does not fit: everything is asked for anew")]
    Distrusted { addr: SocketAddr },
}

impl Client {
    async fn round(&mut self) -> Round {
        let mut dials = Dials::start(self.config.clone());
        while let Some(dialled) = dials.next().await {
            match dialled {
                Err(error) => self.down(&error),
                Ok(dialled) => match self.follow_one(dialled, &mut dials).await {
                    Round::Failed => {}
                    over => return over,
                },
            }
        }
        Round::Failed
    }

    async fn follow_one(&mut self, dialled: Dialled, others: &mut Dials) -> Round {
        let addr = dialled.addr;
        let (error, served) = match self.try_one(dialled, others).await {
            Err(error) => (error, Served::Nothing),
            Ok(Over { ended, served }) => match ended {
                Ended::Unwanted => return Round::Unwanted,
                Ended::ByController(Some(status)) => (LinkError::Status { addr, status }, served),
                Ended::ByController(None) => (LinkError::Ended { addr }, served),
                Ended::Distrusted => {
                    self.replica.distrust();
                    // Everything is sent again: not at once if that happens again.
                    (LinkError::Distrusted { addr }, Served::Nothing)
                }
            },
        };
        self.down(&error);
        match served {
            Served::Something => {
                self.outage = Outage::Untold;
                Round::Served
            }
            Served::Nothing => Round::Failed,
        }
    }

    async fn try_one(&mut self, dialled: Dialled, others: &mut Dials) -> Result<Over, LinkError> {
        let Dialled {
            addr,
            channel,
            bearer,
        } = dialled;
        let mut client = TableFeedClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        self.replica.abandon();
        let (answers, request) = conversation::open(&self.replica, bearer);
        let response = timeout(FOLLOW_TIMEOUT, client.follow(request)).await;
        let response = response.map_err(|_| LinkError::FollowTimeout { addr })?;
        let response = response.map_err(|status| LinkError::Status {
            addr,
            status: Box::new(status),
        })?;
        others.stop();
        info!(controller = %addr, "following the controller");
        self.ends.link.send_replace(Link::Following(addr));
        let conversation = Conversation::new(&mut self.replica, &mut self.ends, answers);
        Ok(conversation.run(response.into_inner()).await)
    }

    /// One address is not followed, or no longer. That alone is no news for people: streams end by
    /// their age, and of several controllers only one leads.
    fn down(&self, error: &LinkError) {
        let why = with_causes(error);
        // Before it is logged: whoever waits for a line finds it so.
        self.ends.link.send_replace(Link::Down(Some(why.clone())));
        debug!(cause = why, "a controller is not followed");
    }

    /// No address served: told once, until one serves again.
    fn tell_outage(&mut self) {
        if self.outage == Outage::Told {
            return;
        }
        self.outage = Outage::Told;
        let link = self.ends.link.borrow();
        let why = match &*link {
            Link::Down(Some(why)) => why,
            Link::Down(None) | Link::Following(_) => "no controller is configured",
        };
        if self.replica.table().is_some() {
            warn!(cause = why, "no controller to follow: serving what is here");
        } else {
            warn!(cause = why, "no controller to follow, and no table yet");
        }
    }
}

fn with_causes(error: &LinkError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += ": ";
        text += &error.to_string();
        cause = error.source();
    }
    text
}
