//! A relay that counts what goes through it, so that tests see what an update costs on the wire.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Wiretap {
    pub(crate) addr: SocketAddr,
    to_proxy: Arc<AtomicU64>,
}

impl Wiretap {
    pub(crate) async fn start(controller: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let to_proxy = Arc::<AtomicU64>::default();
        let count = Arc::clone(&to_proxy);
        tokio::spawn(async move {
            while let Ok((proxy, _)) = listener.accept().await {
                // While the controller is away its proxies are refused here too, a little later.
                let Ok(controller) = TcpStream::connect(controller).await else {
                    continue;
                };
                let (from_proxy, back) = proxy.into_split();
                let (from_controller, on) = controller.into_split();
                tokio::spawn(relay(from_proxy, on, Arc::default()));
                tokio::spawn(relay(from_controller, back, Arc::clone(&count)));
            }
        });
        Self { addr, to_proxy }
    }

    /// Bytes to the proxy since the last call.
    pub(crate) fn bytes_to_proxy(&self) -> u64 {
        self.to_proxy.swap(0, Ordering::SeqCst)
    }
}

async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, count: Arc<AtomicU64>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        count.fetch_add(n as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
}
