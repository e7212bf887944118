//! What is said on one stream, from its first word to its end.
//!
//! In: chunks, and what the workers applied. Out: tables and answers. Never: an acknowledgement
//! before every worker routes by what is acknowledged.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt, iter};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Status, Streaming};
use tracing::{debug, warn};

use super::{Applied, Ends};
use crate::known::announce;
use crate::limits::ANSWERS_MAX;
use crate::refusal::{Agreement, Refusal};
use crate::replica::{Complete, Replica, Taken};
use crate::wire::from_proxy::Kind;
use crate::wire::{Acknowledged, Chunk, FromProxy, Refused, Unbound, addr_to_bytes};

/// A request that begins with what the replica has, and the end by which to say more.
pub(super) fn open(
    replica: &Replica,
    bearer: MetadataValue<Ascii>,
) -> (
    mpsc::Sender<FromProxy>,
    Request<impl Stream<Item = FromProxy> + use<>>,
) {
    let known = announce(replica.held()).into_iter().map(Kind::Known);
    let (answers, answered) = mpsc::channel(ANSWERS_MAX);
    let messages = iter(known.map(message)).chain(ReceiverStream::new(answered));
    let mut request = Request::new(messages);
    request.metadata_mut().insert("authorization", bearer);
    (answers, request)
}

/// What a stream was.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) ended: Ended,
    pub(super) served: Served,
}

/// Whether a whole update came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    Something,
    Nothing,
}

/// How a stream ended.
#[derive(Debug)]
pub(super) enum Ended {
    ByController(Option<Box<Status>>),
    /// Both sides no longer agree on what is here.
    Distrusted,
    /// Nobody takes tables any more.
    Unwanted,
}

/// One stream.
pub(super) struct Conversation<'a> {
    replica: &'a mut Replica,
    ends: &'a mut Ends,
    answers: mpsc::Sender<FromProxy>,
    /// The update that came last, if it made a table.
    latest: Option<Complete>,
    /// What was said last of it.
    said: Option<Acknowledged>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        replica: &'a mut Replica,
        ends: &'a mut Ends,
        answers: mpsc::Sender<FromProxy>,
    ) -> Self {
        Self {
            replica,
            ends,
            answers,
            latest: None,
            said: None,
        }
    }

    pub(super) async fn run(mut self, inbound: Streaming<Chunk>) -> Over {
        let ended = self.converse(inbound).await;
        let served = match self.latest {
            Some(_) => Served::Something,
            None => Served::Nothing,
        };
        Over { ended, served }
    }

    async fn converse(&mut self, mut inbound: Streaming<Chunk>) -> Ended {
        loop {
            let over = tokio::select! {
                chunk = inbound.message() => match chunk {
                    Ok(Some(chunk)) => self.take(&chunk).await,
                    Ok(None) => Err(Ended::ByController(None)),
                    Err(status) => Err(Ended::ByController(Some(Box::new(status)))),
                },
                changed = self.ends.applied.changed() => match changed {
                    Ok(()) => Ok(()),
                    Err(_) => Err(Ended::Unwanted),
                },
                () = self.ends.tables.closed() => Err(Ended::Unwanted),
            };
            let over = match over {
                Ok(()) => self.acknowledge().await,
                Err(ended) => Err(ended),
            };
            if let Err(ended) = over {
                return ended;
            }
        }
    }

    async fn take(&mut self, chunk: &Chunk) -> Result<(), Ended> {
        let before = self.replica.table().map(|it| it.version());
        match self.replica.take(chunk) {
            Taken::Waiting => Ok(()),
            Taken::Complete(complete) => {
                let version = complete.table.version();
                debug!(
                    generation = complete.generation,
                    table = version.0,
                    "a table came"
                );
                if before != Some(version) {
                    let table = complete.table.clone();
                    self.ends
                        .tables
                        .send(table)
                        .await
                        .map_err(|_| Ended::Unwanted)?;
                }
                self.latest = Some(complete);
                Ok(())
            }
            Taken::Refused { nonce, refusal } => self.refuse(nonce, &refusal).await,
        }
    }

    async fn refuse(&mut self, nonce: u64, refusal: &Refusal) -> Result<(), Ended> {
        warn!(cause = %refusal, "a table is refused, the one before stays");
        let reason = refusal.to_string();
        self.say(Kind::Refused(Refused { nonce, reason })).await?;
        match refusal.agreement() {
            Agreement::Kept => Ok(()),
            Agreement::Lost => Err(Ended::Distrusted),
        }
    }

    /// Says what is applied of the latest update, if that is news.
    async fn acknowledge(&mut self) -> Result<(), Ended> {
        let Some(latest) = &self.latest else {
            return Ok(());
        };
        let applied = self.ends.applied.borrow_and_update().clone();
        let is_it = |it: &Applied| it.version >= latest.table.version();
        let Some(applied) = applied.filter(is_it) else {
            return Ok(());
        };
        let unbound = applied.unbound.into_iter().map(|(addr, reason)| Unbound {
            addr: addr_to_bytes(addr),
            reason,
        });
        let news = Acknowledged {
            nonce: latest.nonce,
            unbound: unbound.collect(),
        };
        if self.said.as_ref() == Some(&news) {
            return Ok(());
        }
        self.said = Some(news.clone());
        self.say(Kind::Acknowledged(news)).await
    }

    /// Only a stream that is gone takes no answer; who ended it is heard from the other direction.
    async fn say(&mut self, kind: Kind) -> Result<(), Ended> {
        let said = self.answers.send(message(kind)).await;
        said.map_err(|_| Ended::ByController(None))
    }
}

fn message(kind: Kind) -> FromProxy {
    FromProxy { kind: Some(kind) }
}
