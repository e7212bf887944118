//! One proxy's stream, from what it knows to its end.
//!
//! In: the proxy's messages and the newest table. Out: chunks, each made when there is room for it,
//! and facts about the proxy. Never: more than one chunk in memory beside what the connection
//! holds.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Status, Streaming};
use tracing::{debug, warn};

use super::feed::{Attached, End, Feed, Ticket};
use crate::chance::random_share;
use crate::chunks::Chunks;
use crate::follower::{Follower, Published};
use crate::identity::Identity;
use crate::known::Announced;
use crate::limits::{
    FAREWELL_TIMEOUT, KNOWN_TIMEOUT, REASON_BYTES_MAX, STREAM_AGE_MAX, UNBOUND_PER_PROXY_MAX,
};
use crate::wire::from_proxy::Kind;
use crate::wire::{Acknowledged, Chunk, FromProxy, addr_from_bytes};

/// Where chunks go.
pub(super) type Outbound = mpsc::Sender<Result<Chunk, Status>>;

/// Runs until the proxy or this side ends it.
pub(super) async fn run(
    feed: Feed,
    identity: Identity,
    attached: Attached,
    inbound: Streaming<FromProxy>,
    outbound: Outbound,
) {
    let Attached {
        newest,
        end,
        ticket,
    } = attached;
    debug!(gateway = %identity.gateway, pod = %identity.pod, "a proxy follows");
    let stream = Stream {
        feed: feed.clone(),
        ticket: ticket.clone(),
        inbound,
        outbound: outbound.clone(),
        newest,
    };
    let over = stream.follow(end).await;
    feed.detach(&ticket);
    debug!(gateway = %identity.gateway, pod = %identity.pod, ?over, "a proxy follows no more");
    let Some(status) = over.status() else {
        return;
    };
    // A proxy that takes nothing must not hold this task.
    if timeout(FAREWELL_TIMEOUT, outbound.send(Err(status)))
        .await
        .is_err()
    {
        debug!(pod = %identity.pod, "the end could not be told");
    }
}

struct Stream {
    feed: Feed,
    ticket: Ticket,
    inbound: Streaming<FromProxy>,
    outbound: Outbound,
    newest: watch::Receiver<Option<Arc<Published>>>,
}

/// How a stream ended.
#[derive(Debug)]
enum Over {
    ByProxy,
    ByUs(End),
    Aged,
    Breach(&'static str),
}

impl Over {
    fn status(&self) -> Option<Status> {
        match self {
            Self::ByProxy => None,
            Self::ByUs(End::NotLeading) => {
                Some(Status::unavailable("this controller does not lead"))
            }
            Self::ByUs(End::Withdrawn) => Some(Status::unavailable("the Gateway is gone")),
            Self::ByUs(End::Replaced) => Some(Status::aborted("the proxy has a newer stream")),
            Self::ByUs(End::Stopping) => Some(Status::unavailable("this controller stops")),
            Self::Aged => Some(Status::unavailable("the token must be shown again")),
            Self::Breach(what) => Some(Status::invalid_argument(*what)),
        }
    }
}

impl Stream {
    async fn follow(mut self, mut end: oneshot::Receiver<End>) -> Over {
        // Between three quarters of it and all: who came together does not come again together.
        let age = STREAM_AGE_MAX.mul_f64(1.0 - random_share() / 4.0);
        let aged = sleep_until(Instant::now() + age);
        tokio::select! {
            ended = &mut end => Over::ByUs(ended.unwrap_or(End::Stopping)),
            () = aged => Over::Aged,
            over = self.converse() => over,
        }
    }

    async fn converse(&mut self) -> Over {
        let announced = match timeout(KNOWN_TIMEOUT, self.hear_known()).await {
            Ok(Ok(announced)) => announced,
            Ok(Err(over)) => return over,
            Err(_) => return Over::Breach("what is known was not said in time"),
        };
        let Ok(first) = self
            .newest
            .wait_for(Option::is_some)
            .await
            .map(|it| it.clone())
        else {
            return Over::ByUs(End::Withdrawn);
        };
        let Some(first) = first else {
            return Over::ByUs(End::Withdrawn);
        };
        let mut follower = Follower::new(announced, &first);
        let mut update: Option<Chunks> = None;
        loop {
            if update.is_none() {
                let newest = self.newest.borrow_and_update().clone();
                update = newest.and_then(|it| follower.next(&it));
            }
            tokio::select! {
                permit = self.outbound.reserve(), if update.is_some() => match permit {
                    Ok(permit) => match update.as_mut().and_then(Chunks::next) {
                        Some(chunk) => permit.send(Ok(chunk)),
                        None => update = None,
                    },
                    Err(_) => return Over::ByProxy,
                },
                message = self.inbound.message() => match message {
                    Ok(Some(FromProxy { kind: Some(kind) })) => {
                        match self.hear(&mut follower, kind) {
                            Ok(Heard::Acknowledged) => {}
                            // What is left of the update would be thrown away.
                            Ok(Heard::Refused) => update = None,
                            Err(over) => return over,
                        }
                    }
                    Ok(Some(FromProxy { kind: None })) => return Over::Breach("an empty message"),
                    Ok(None) | Err(_) => return Over::ByProxy,
                },
                changed = self.newest.changed() => if changed.is_err() {
                    return Over::ByUs(End::Withdrawn);
                },
            }
        }
    }

    async fn hear_known(&mut self) -> Result<Announced, Over> {
        let mut announced = Announced::default();
        loop {
            match self.inbound.message().await {
                Ok(Some(FromProxy {
                    kind: Some(Kind::Known(known)),
                })) => {
                    let is_last = known.is_last;
                    let taken = announced.take(known);
                    taken.map_err(|_| Over::Breach("more is known than a table may hold"))?;
                    if is_last {
                        return Ok(announced);
                    }
                }
                Ok(Some(_)) => return Err(Over::Breach("what is known comes first")),
                Ok(None) | Err(_) => return Err(Over::ByProxy),
            }
        }
    }

    fn hear(&self, follower: &mut Follower, kind: Kind) -> Result<Heard, Over> {
        match kind {
            Kind::Known(_) => Err(Over::Breach("what is known was said before")),
            Kind::Acknowledged(message) => {
                if let Some(generation) = follower.acknowledged(message.nonce) {
                    self.learn_acknowledged(generation, message);
                }
                Ok(Heard::Acknowledged)
            }
            Kind::Refused(message) => {
                if let Some(generation) = follower.refused(message.nonce) {
                    self.learn_refused(generation, message.reason);
                }
                Ok(Heard::Refused)
            }
        }
    }

    fn learn_acknowledged(&self, generation: u64, message: Acknowledged) {
        let unbound = message.unbound.into_iter().take(UNBOUND_PER_PROXY_MAX);
        let unbound: Vec<(SocketAddr, String)> = unbound
            .filter_map(|it| Some((addr_from_bytes(&it.addr)?, shortened(it.reason))))
            .collect();
        self.feed.learn(&self.ticket, |facts| {
            facts.acknowledged = Some(generation);
            facts.refused = None;
            facts.unbound = unbound;
        });
    }

    fn learn_refused(&self, generation: u64, reason: String) {
        let reason = shortened(reason);
        warn!(proxy = ?self.ticket, generation, reason, "a proxy refused its table");
        self.feed.learn(&self.ticket, |facts| {
            facts.refused = Some((generation, reason))
        });
    }
}

enum Heard {
    Acknowledged,
    Refused,
}

fn shortened(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    reason
}
