//! A server that greets at once and echoes what it hears, for thousands of clients on one thread.
//!
//! In: an address, a greeting. Out: each byte back to whoever sent it, and a FIN after a FIN.
//! Never: more than one chunk held for a client that does not read: then it is not read from
//! either.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::prove::limits::{BACKLOG, CHUNK_BYTES};
use crate::prove::sockets;

/// Events taken at once.
const EVENTS_PER_BATCH: usize = 256;

/// Reads from one client before others get their turn.
const READS_PER_TURN: usize = 4;

/// What the listening socket is called in epoll; clients count from 0.
const LISTENER: u64 = u64::MAX;

/// The server.
#[derive(Debug)]
pub(crate) struct Echo {
    listener: TcpListener,
    addr: SocketAddr,
    greeting: String,
    epoll: std::os::fd::OwnedFd,
    clients: HashMap<u64, Client>,
    n_clients: u64,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
    /// What it has not taken yet.
    unsent: Vec<u8>,
    /// It has sent its FIN.
    ended: bool,
    interest: EventFlags,
}

impl Echo {
    /// Listens.
    ///
    /// # Errors
    /// When the address is taken.
    pub(crate) fn bind(addr: SocketAddr, greeting: &str) -> Result<Self> {
        let listener = sockets::listen(addr, BACKLOG)?;
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            &listener,
            EventData::new_u64(LISTENER),
            EventFlags::IN,
        )?;
        Ok(Self {
            addr: listener.local_addr()?,
            listener,
            greeting: greeting.to_owned(),
            epoll,
            clients: HashMap::new(),
            n_clients: 0,
            scratch: vec![0; CHUNK_BYTES],
        })
    }

    /// Listens on a free port, and serves on a thread until this process ends.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn start(greeting: &str) -> Result<SocketAddr> {
        Self::start_at(([127, 0, 0, 1], 0).into(), greeting)
    }

    /// The same at an address.
    ///
    /// # Errors
    /// When the address is taken.
    pub(crate) fn start_at(addr: SocketAddr, greeting: &str) -> Result<SocketAddr> {
        let echo = Self::bind(addr, greeting)?;
        let addr = echo.addr();
        thread::Builder::new()
            .name("echo".into())
            .spawn(|| echo.serve())?;
        Ok(addr)
    }

    /// Where it listens.
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves for ever.
    ///
    /// # Errors
    /// When it cannot go on: descriptors have run out, say.
    pub(crate) fn serve(mut self) -> Result<()> {
        let mut events = Vec::with_capacity(EVENTS_PER_BATCH);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error).context("wait for events"),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    client => self.turn(client)?,
                }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // Who left before it was accepted.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error).context("accept"),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let number = self.n_clients;
            self.n_clients += 1;
            let interest = EventFlags::IN;
            epoll::add(&self.epoll, &stream, EventData::new_u64(number), interest)?;
            let client = Client {
                stream,
                unsent: self.greeting.clone().into_bytes(),
                ended: false,
                interest,
            };
            self.clients.insert(number, client);
            self.turn(number)?;
        }
    }

    /// Does for one client what can be done now.
    fn turn(&mut self, number: u64) -> Result<()> {
        let Some(client) = self.clients.get_mut(&number) else {
            return Ok(());
        };
        let Ok(true) = client.turn(&mut self.scratch) else {
            // Its socket closes and leaves epoll by itself.
            self.clients.remove(&number);
            return Ok(());
        };
        let interest = match client.unsent.is_empty() {
            true => EventFlags::IN,
            false => EventFlags::OUT,
        };
        if interest != client.interest {
            client.interest = interest;
            let token = EventData::new_u64(number);
            epoll::modify(&self.epoll, &client.stream, token, interest)?;
        }
        Ok(())
    }
}

impl Client {
    /// Whether it stays.
    fn turn(&mut self, scratch: &mut [u8]) -> std::io::Result<bool> {
        for _ in 0..READS_PER_TURN {
            if !self.send()? {
                return Ok(true);
            }
            if self.ended {
                self.stream.shutdown(Shutdown::Write)?;
                return Ok(false);
            }
            match self.stream.read(scratch) {
                Ok(0) => self.ended = true,
                Ok(n) => self.unsent.extend_from_slice(&scratch[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        self.send().map(|_| true)
    }

    /// Sends what is left; whether it is all gone.
    fn send(&mut self) -> std::io::Result<bool> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // Thousands of idle clients keep no buffer.
        self.unsent = Vec::new();
        Ok(true)
    }
}
