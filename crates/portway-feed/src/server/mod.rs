//! The controller's side: serves every proxy the table of its own Gateway.
//!
//! In: [`Feed`], a socket, certificates, and a function that tells whose a token is. Out: streams.
//! Never: a table for somebody whose token was not reviewed; a follower of another leader asks
//! nobody and sends proxies on.

mod feed;

mod accept;
mod stream;

pub use feed::{Feed, Leading, ProxyFacts, PublishError};

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use self::accept::Streams;
use self::feed::{End, NotAttached};
use crate::authority::Leaf;
use crate::identity::{Identity, Refused, Token};
use crate::limits::{
    FAREWELL_TIMEOUT, HEADER_BYTES_MAX, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, MESSAGE_BYTES_MAX,
    REVIEW_TIMEOUT, REVIEWS_AT_ONCE, STREAMS_PER_CONNECTION_MAX, WINDOW_BYTES,
};
use crate::wire::table_feed_server::{TableFeed, TableFeedServer};
use crate::wire::{Chunk, FromProxy};

/// Why serving ended by itself.
#[derive(Debug, thiserror::Error)]
#[error("serve the feed")]
pub struct ServeError(#[from] tonic::transport::Error);

/// Serves until `shutdown` resolves; then every stream ends, and the proxies go on with what they
/// have. `certificate` may change meanwhile: who connects later sees the newer one.
///
/// # Errors
/// When the server cannot go on.
pub async fn serve<A, F>(
    feed: Feed,
    listener: TcpListener,
    certificate: watch::Receiver<Arc<Leaf>>,
    authenticate: A,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError>
where
    A: Fn(Token) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Identity, Refused>> + Send + 'static,
{
    let door = Door {
        feed: feed.clone(),
        authenticate,
        reviews: Arc::new(Semaphore::new(REVIEWS_AT_ONCE)),
    };
    let service = TableFeedServer::new(door).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let (stopped, stopping) = oneshot::channel::<()>();
    let signal = async move {
        shutdown.await;
        feed.set_leading(Leading::No);
        feed.end_all(End::Stopping);
        drop(stopped);
    };
    let server = Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let incoming = accept::incoming(listener, certificate);
    let late = async {
        // Dropped when `shutdown` came.
        let _ = stopping.await;
        sleep(2 * FAREWELL_TIMEOUT).await;
    };
    tokio::select! {
        served = server.serve_with_incoming_shutdown(service, incoming, signal) => Ok(served?),
        // Whoever does not even take the end is cut off.
        () = late => Ok(()),
    }
}

/// Where proxies come in.
struct Door<A> {
    feed: Feed,
    authenticate: A,
    reviews: Arc<Semaphore>,
}

#[tonic::async_trait]
impl<A, F> TableFeed for Door<A>
where
    A: Fn(Token) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Identity, Refused>> + Send + 'static,
{
    type FollowStream = ReceiverStream<Result<Chunk, Status>>;

    async fn follow(
        &self,
        request: Request<Streaming<FromProxy>>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        if self.feed.leading() == Leading::No {
            return Err(not_leading());
        }
        let token = bearer(request.metadata()).ok_or_else(no_token)?;
        let identity = timeout(REVIEW_TIMEOUT, self.review(token)).await;
        let identity = identity.map_err(|_| refused(Refused::Unavailable))??;
        let attached = self.feed.attach(&identity).map_err(|why| match why {
            NotAttached::NotLeading => not_leading(),
            NotAttached::TooMany => Status::resource_exhausted("too many proxies of one Gateway"),
        })?;
        let reviewed = request.extensions().get::<Streams>().map(Streams::begin);
        // One chunk waits here while the connection takes the one before.
        let (outbound, chunks) = mpsc::channel(1);
        let inbound = request.into_inner();
        let stream = stream::run(self.feed.clone(), identity, attached, inbound, outbound);
        tokio::spawn(async move {
            stream.await;
            drop(reviewed);
        });
        Ok(Response::new(ReceiverStream::new(chunks)))
    }
}

impl<A, F> Door<A>
where
    A: Fn(Token) -> F,
    F: Future<Output = Result<Identity, Refused>>,
{
    async fn review(&self, token: Token) -> Result<Identity, Status> {
        let permit = self.reviews.acquire().await;
        let _permit = permit.map_err(|_| refused(Refused::Unavailable))?;
        (self.authenticate)(token).await.map_err(refused)
    }
}

fn bearer(metadata: &MetadataMap) -> Option<Token> {
    let value = metadata.get("authorization")?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ")?;
    (!token.is_empty()).then(|| Token::new(token))
}

fn not_leading() -> Status {
    Status::unavailable("this controller does not lead")
}

fn no_token() -> Status {
    Status::unauthenticated("no token")
}

fn refused(why: Refused) -> Status {
    match why {
        Refused::Unknown => Status::unauthenticated(why.to_string()),
        Refused::Unavailable => Status::unavailable(why.to_string()),
    }
}
