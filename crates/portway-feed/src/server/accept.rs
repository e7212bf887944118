//! Connections, from accept to the end of the handshake.
//!
//! In: a socket and the newest certificate; which connections have streams. Out: encrypted
//! connections, each with its place among those that may be open. Never: a wait of one client for
//! the handshake of another, nor a place for long for who shows no valid token.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tracing::{debug, warn};

use crate::authority::Leaf;
use crate::limits::{ACCEPT_PAUSE, CONNECTIONS_MAX, HANDSHAKE_TIMEOUT, UNREVIEWED_TIMEOUT};

/// The connections whose handshake is done.
pub(super) fn incoming(
    listener: TcpListener,
    certificate: watch::Receiver<Arc<Leaf>>,
) -> ReceiverStream<io::Result<Secured>> {
    let (done, secured) = mpsc::channel(1);
    tokio::spawn(accept(listener, certificate, done));
    ReceiverStream::new(secured)
}

async fn accept(
    listener: TcpListener,
    certificate: watch::Receiver<Arc<Leaf>>,
    done: mpsc::Sender<io::Result<Secured>>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // The server has ended.
            () = done.closed() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let leaf = Arc::clone(&certificate.borrow());
                tokio::spawn(secure(stream, leaf, place, done.clone()));
            }
            Err(error) => {
                warn!(%error, "a proxy's connection was not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn secure(
    stream: TcpStream,
    leaf: Arc<Leaf>,
    place: OwnedSemaphorePermit,
    done: mpsc::Sender<io::Result<Secured>>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "small messages may wait");
    }
    let acceptor = TlsAcceptor::from(leaf.server_config());
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let streams = Streams::default();
            let secured = Secured {
                stream,
                unreviewed: Some(Box::pin(unreviewed(streams.clone()))),
                streams,
                _place: place,
            };
            if done.send(Ok(secured)).await.is_err() {
                debug!("a connection came too late");
            }
        }
        Ok(Err(error)) => debug!(%error, "no handshake"),
        Err(_) => debug!("no handshake in time"),
    }
}

/// How many streams a connection has whose tokens were reviewed. All clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<watch::Sender<usize>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Reviewed(Streams);

impl Streams {
    /// A stream begins.
    pub(super) fn begin(&self) -> Reviewed {
        self.0.send_modify(|n| *n += 1);
        Reviewed(self.clone())
    }
}

impl Drop for Reviewed {
    fn drop(&mut self) {
        self.0.0.send_modify(|n| *n -= 1);
    }
}

/// Waits until there was no stream for longer than may be.
async fn unreviewed(streams: Streams) {
    let mut n_streams = streams.0.subscribe();
    loop {
        // The sender is here, too, so it is never gone.
        _ = n_streams.wait_for(|n| *n == 0).await;
        let begun = n_streams.wait_for(|n| *n > 0);
        if timeout(UNREVIEWED_TIMEOUT, begun).await.is_err() {
            return;
        }
    }
}

/// An encrypted connection.
pub(super) struct Secured {
    stream: TlsStream<TcpStream>,
    streams: Streams,
    /// `None` = that was so for too long.
    unreviewed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _place: OwnedSemaphorePermit,
}

impl Secured {
    /// An error if it has been open for too long without a reviewed stream. Asked by reads and
    /// writes: whichever the connection waits for, it is woken.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(unreviewed) = &mut self.unreviewed {
            if unreviewed.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            debug!("a connection without a reviewed stream is closed");
            self.unreviewed = None;
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Connected for Secured {
    type ConnectInfo = Streams;

    fn connect_info(&self) -> Streams {
        self.streams.clone()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
