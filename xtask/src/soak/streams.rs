//! Thousands of streams with running checksums, each through its listener to an echo and back.
//!
//! In: listeners, a seed. Out: what went wrong. Some streams end in order all the time and others take
//! their place, so connecting goes on too. Never: an error that is not counted.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::prove::bytes::{Block, Stream};
use crate::prove::limits::DEADLINE;
use crate::prove::random::Random;
use crate::prove::sockets;

/// Bytes of the greeting of every backend.
pub(crate) const GREETING_BYTES: usize = 4;

/// Most bytes under way in one stream.
const WINDOW_BYTES: u64 = 8 * 1024;

/// Rest of a thread between two looks at all its streams.
const REST: Duration = Duration::from_millis(10);

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
    fn add(counter: &AtomicU64, n: u64) {
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
    let block = Block::new(seed);
    let mut random = Random::new(seed);
    let mut streams: Vec<One> = Vec::with_capacity(n);
    for nth in 0..n {
        let to = listeners[nth % listeners.len()];
        streams.push(One::open(to, &block, random.next()).context("open the first streams")?);
        Tally::add(&tally.opened, 1);
        Tally::add(&tally.open, 1);
    }
    let mut oldest = 0;
    while !stop.load(Ordering::Relaxed) {
        for one in &mut streams {
            one.turn(&mut random, tally);
        }
        // One after the other ends in order, and another begins.
        let nth = oldest % n;
        oldest += 1;
        streams[nth].finish(tally);
        for nth in 0..n {
            if streams[nth].is_over {
                let to = listeners[nth % listeners.len()];
                match One::open(to, &block, random.next()) {
                    Ok(one) => {
                        streams[nth] = one;
                        Tally::add(&tally.opened, 1);
                    }
                    Err(_) => Tally::add(&tally.refused, 1),
                }
            }
        }
        thread::sleep(REST);
    }
    streams.iter_mut().for_each(|it| it.finish(tally));
    Ok(())
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

    /// Sends some and hears what is there.
    fn turn(&mut self, random: &mut Random, tally: &Tally) {
        if self.is_over {
            return;
        }
        if let Err(error) = self.try_turn(random, tally) {
            self.is_over = true;
            let counter = match error.downcast_ref::<std::io::Error>() {
                Some(_) => &tally.resets,
                None => &tally.wrong,
            };
            Tally::add(counter, 1);
        }
    }

    fn try_turn(&mut self, random: &mut Random, tally: &Tally) -> Result<()> {
        self.hear(tally)?;
        if self.sent - self.heard >= WINDOW_BYTES / 2 || random.within(0..4) != 0 {
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
