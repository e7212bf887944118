//! Thousands of streams with running checksums, each through its listener to an echo and back.
//!
//! In: listeners, a seed. Out: what went wrong. Some streams end in order all the time and others take
//! their place, so connecting goes on too. Never: an error that is not counted.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use crate::prove::bytes::{Block, Stream};
use crate::prove::limits::DEADLINE;
use crate::prove::random::Random;
use crate::prove::sockets;

/// Bytes of the greeting of every backend.
pub(crate) const GREETING_BYTES: usize = 4;

/// Most bytes under way in one stream.
const WINDOW_BYTES: u64 = 8 * 1024;

/// Time between two turns of a thread, in each of which some streams send.
const TURN: Duration = Duration::from_millis(10);

/// A stream sends about once in so many turns: thousands of messages a second, over all of them.
const TURNS_PER_SEND: usize = 40;

/// Events that are taken at once.
const EVENTS: usize = 256;

/// What happened to all streams.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) open: AtomicU64,
    pub(crate) opened: AtomicU64,
    pub(crate) finished: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) resets: AtomicU64,
    pub(crate) wrong: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl Tally {
    /// Counts `n` more.
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// A number now.
    pub(crate) fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

/// Keeps `n` streams going until `stop`.
///
/// # Errors
/// When the first of them cannot be opened.
pub(crate) fn keep(
    listeners: &[SocketAddr],
    n: usize,
    seed: u64,
    tally: &Tally,
    stop: &AtomicBool,
) -> Result<()> {
    let mut many = Many {
        block: Block::new(seed),
        random: Random::new(seed),
        epoll: epoll::create(CreateFlags::CLOEXEC)?,
        streams: Vec::with_capacity(n),
        tally,
    };
    for nth in 0..n {
        let one = many
            .open(nth, listeners)
            .context("open the first streams")?;
        many.streams.push(one);
        Tally::add(&tally.open, 1);
    }
    let mut next_turn = Instant::now() + TURN;
    let mut oldest = 0;
    while !stop.load(Ordering::Relaxed) {
        many.hear_until(next_turn)?;
        next_turn = Instant::now() + TURN;
        many.send();
        // One after the other ends in order, and another begins.
        many.streams[oldest % n].finish(tally);
        oldest += 1;
        for nth in 0..n {
            if many.streams[nth].is_over {
                match many.open(nth, listeners) {
                    Ok(one) => many.streams[nth] = one,
                    Err(_) => Tally::add(&tally.refused, 1),
                }
            }
        }
    }
    many.streams.iter_mut().for_each(|it| it.finish(tally));
    Ok(())
}

/// The streams of one thread.
struct Many<'t> {
    block: Block,
    random: Random,
    epoll: OwnedFd,
    streams: Vec<One>,
    tally: &'t Tally,
}

impl Many<'_> {
    fn open(&mut self, nth: usize, listeners: &[SocketAddr]) -> Result<One> {
        let to = listeners[nth % listeners.len()];
        let one = One::open(to, &self.block, self.random.next())?;
        let number = EventData::new_u64(u64::try_from(nth)?);
        epoll::add(&self.epoll, &one.socket, number, EventFlags::IN)?;
        Tally::add(&self.tally.opened, 1);
        Ok(one)
    }

    /// Hears what there is on any of them.
    fn hear_until(&mut self, until: Instant) -> Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            events.clear();
            let left = Timespec::try_from(left)?;
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let nth = usize::try_from(event.data.u64())?;
                self.streams[nth].hear_and_count(self.tally);
            }
        }
    }

    /// Sends on some of them.
    fn send(&mut self) {
        for _ in 0..self.streams.len().div_ceil(TURNS_PER_SEND) {
            let at = self.random.within(0..self.streams.len() as u64);
            let one = usize::try_from(at)
                .ok()
                .and_then(|at| self.streams.get_mut(at));
            if let Some(one) = one {
                one.send_and_count(&mut self.random, self.tally);
            }
        }
    }
}

/// One stream.
struct One {
    socket: TcpStream,
    stream: Stream,
    sent: u64,
    heard: u64,
    greeting: usize,
    is_over: bool,
}

impl One {
    fn open(to: SocketAddr, block: &Block, key: u64) -> Result<Self> {
        let socket = sockets::connect(to)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            stream: block.stream(key),
            sent: 0,
            heard: 0,
            greeting: 0,
            is_over: false,
        })
    }

    fn hear_and_count(&mut self, tally: &Tally) {
        if !self.is_over {
            let heard = self.hear(tally);
            self.count(heard, tally);
        }
    }

    fn send_and_count(&mut self, random: &mut Random, tally: &Tally) {
        if !self.is_over {
            let sent = self.send(random);
            self.count(sent, tally);
        }
    }

    fn count(&mut self, result: Result<()>, tally: &Tally) {
        let Err(error) = result else { return };
        self.is_over = true;
        let counter = match error.downcast_ref::<std::io::Error>() {
            Some(_) => &tally.resets,
            None => &tally.wrong,
        };
        Tally::add(counter, 1);
    }

    fn send(&mut self, random: &mut Random) -> Result<()> {
        if self.sent - self.heard >= WINDOW_BYTES / 2 {
            return Ok(());
        }
        let n = usize::try_from(random.within(1..WINDOW_BYTES / 2))?;
        let mut bytes = vec![0; n];
        self.stream.fill(self.sent, &mut bytes);
        match self.socket.write(&bytes) {
            Ok(n) => self.sent += u64::try_from(n)?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn hear(&mut self, tally: &Tally) -> Result<()> {
        let mut bytes = [0; 16 * 1024];
        loop {
            let n = match self.socket.read(&mut bytes) {
                Ok(0) => return Err(std::io::Error::from(ErrorKind::UnexpectedEof).into()),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let n_greeting = n.min(GREETING_BYTES - self.greeting);
            self.greeting += n_greeting;
            self.compare(&bytes[n_greeting..n])?;
            Tally::add(&tally.bytes, u64::try_from(n)?);
        }
    }

    fn compare(&mut self, heard: &[u8]) -> Result<()> {
        let mut due = vec![0; heard.len()];
        self.stream.fill(self.heard, &mut due);
        if heard != due {
            bail!("a byte from {} on is wrong", self.heard);
        }
        self.heard += u64::try_from(heard.len())?;
        Ok(())
    }

    /// Ends it: every byte must come back, then a FIN.
    fn finish(&mut self, tally: &Tally) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let counter = match self.try_finish(tally) {
            Ok(true) => &tally.finished,
            Ok(false) => &tally.wrong,
            Err(_) => &tally.resets,
        };
        Tally::add(counter, 1);
    }

    fn try_finish(&mut self, tally: &Tally) -> Result<bool> {
        self.socket.set_nonblocking(false)?;
        self.socket.shutdown(Shutdown::Write)?;
        let until = Instant::now() + DEADLINE;
        let mut bytes = [0; 16 * 1024];
        while Instant::now() < until {
            let n = self.socket.read(&mut bytes)?;
            if n == 0 {
                return Ok(self.heard == self.sent);
            }
            let n_greeting = n.min(GREETING_BYTES - self.greeting);
            self.greeting += n_greeting;
            if self.compare(&bytes[n_greeting..n]).is_err() {
                return Ok(false);
            }
            Tally::add(&tally.bytes, u64::try_from(n)?);
        }
        bail!("no end in time")
    }
}
