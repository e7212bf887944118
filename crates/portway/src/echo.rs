//! A small server that greets first and then echoes, for `demo`.
//!
//! In: a name. Out: an address on loopback where it listens as long as the process lives. At most
//! [`DEMO_CONNECTIONS_MAX`] connections at a time; more are closed at once.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::limits::DEMO_CONNECTIONS_MAX;

/// A server that runs.
#[derive(Debug)]
pub(crate) struct EchoBackend {
    /// What it calls itself.
    pub(crate) name: Arc<str>,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
}

impl EchoBackend {
    /// Starts to listen on a free port.
    ///
    /// # Errors
    /// When there is no port or no thread to be had.
    pub(crate) fn start(name: Arc<str>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let greeting: Arc<str> = format!("Hello, I am {name}. I echo what you send.\n").into();
        thread::Builder::new()
            .name("echo".into())
            .spawn(move || serve(&listener, &greeting))?;
        Ok(Self { name, addr })
    }
}

fn serve(listener: &TcpListener, greeting: &Arc<str>) {
    let n_open = Arc::new(AtomicUsize::new(0));
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        if n_open.fetch_add(1, Ordering::Relaxed) >= DEMO_CONNECTIONS_MAX {
            n_open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (greeting, open) = (Arc::clone(greeting), Arc::clone(&n_open));
        let talk = move || {
            let _ = echo(client, &greeting);
            open.fetch_sub(1, Ordering::Relaxed);
        };
        if thread::Builder::new()
            .name("echo".into())
            .spawn(talk)
            .is_err()
        {
            n_open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn echo(client: TcpStream, greeting: &str) -> io::Result<u64> {
    client.set_nodelay(true)?;
    (&client).write_all(greeting.as_bytes())?;
    io::copy(&mut &client, &mut &client)
}
