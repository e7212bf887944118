//! Many clients of an echoing backend, all connected at once.
//!
//! In: an address, a number. Out: that each got back what it sent. Never: more than a byte of the
//! crowd taken for a byte of another: each client sends its own.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};

use super::sockets::{self, Next};

/// The clients.
#[derive(Debug)]
pub(crate) struct Crowd {
    clients: Vec<TcpStream>,
}

impl Crowd {
    /// Connects so many.
    ///
    /// # Errors
    /// When one is not accepted.
    pub(crate) fn gather(to: SocketAddr, n_clients: usize) -> Result<Self> {
        let connect = |number| {
            let client = sockets::connect(to);
            client.with_context(|| format!("client {number} of {n_clients}"))
        };
        let clients = (0..n_clients).map(connect).collect::<Result<_>>()?;
        Ok(Self { clients })
    }

    /// How many they are.
    pub(crate) const fn len(&self) -> usize {
        self.clients.len()
    }

    /// All send, then all get back what they sent.
    ///
    /// # Errors
    /// When one does not.
    pub(crate) fn echo(&mut self, n_bytes: usize) -> Result<()> {
        for number in 0..self.len() {
            self.send(number, n_bytes)?;
        }
        for number in 0..self.len() {
            self.hear(number, n_bytes)?;
        }
        Ok(())
    }

    /// One of them sends.
    ///
    /// # Errors
    /// When it cannot.
    pub(crate) fn send(&mut self, number: usize, n_bytes: usize) -> Result<()> {
        let sent = self.client(number)?.write_all(&words(number, n_bytes));
        sent.with_context(|| format!("client {number} sends"))
    }

    /// One of them gets back what it sent.
    ///
    /// # Errors
    /// When it does not, or something else.
    pub(crate) fn hear(&mut self, number: usize, n_bytes: usize) -> Result<()> {
        let mut heard = vec![0; n_bytes];
        let read = self.client(number)?.read_exact(&mut heard);
        read.with_context(|| format!("client {number} hears"))?;
        ensure!(
            heard == words(number, n_bytes),
            "client {number} heard something that it had not said"
        );
        Ok(())
    }

    /// One of them hears the greeting of the backend.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn hear_greeting(&mut self, number: usize, greeting: &str) -> Result<()> {
        let mut heard = vec![0; greeting.len()];
        let read = self.client(number)?.read_exact(&mut heard);
        read.with_context(|| format!("client {number} waits for the greeting"))?;
        ensure!(heard == greeting.as_bytes(), "another greeting came");
        Ok(())
    }

    /// How one of them goes on, if anything happened to it since it was heard last.
    ///
    /// # Errors
    /// When its socket fails in another way than by a reset.
    pub(crate) fn peek(&self, number: usize) -> Result<Option<Next>> {
        let client = self.clients.get(number).context("no such client")?;
        client.set_nonblocking(true)?;
        match (&mut &*client).read(&mut [0; 64]) {
            Ok(0) => Ok(Some(Next::Fin)),
            Ok(_) => Ok(Some(Next::Bytes)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Ok(None),
                ErrorKind::ConnectionReset => Ok(Some(Next::Reset)),
                _ => Err(error).with_context(|| format!("client {number} listens")),
            },
        }
    }

    /// All send their FIN, and all get one.
    ///
    /// # Errors
    /// When one gets something else.
    pub(crate) fn leave(self) -> Result<()> {
        for client in &self.clients {
            client.shutdown(Shutdown::Write).context("send FIN")?;
        }
        for (number, client) in self.clients.iter().enumerate() {
            let next = sockets::next(client)?;
            ensure!(next == Next::Fin, "client {number} got {next:?}, not FIN");
        }
        Ok(())
    }

    fn client(&mut self, number: usize) -> Result<&mut TcpStream> {
        self.clients.get_mut(number).context("no such client")
    }
}

/// What a client says: its number over and over.
fn words(number: usize, n_bytes: usize) -> Vec<u8> {
    let bytes = number.to_le_bytes();
    bytes.iter().copied().cycle().take(n_bytes).collect()
}
