//! The backend: does what the first byte of each connection says, until it is killed.
//!
//! In: an address. Out: echoes, bytes, verdicts on transfers. Never: a thread that has more than
//! its share: connections are dealt out in turn, whoever accepts them.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, sockopt};

use crate::args::ServeArgs;
use crate::bulk::Buffers;
use crate::exchange::{Exchange, Scratch, Side, State, scratch};
use crate::integrity::interest;
use crate::limits::{BACKLOG, DEADLINE, MESSAGE_BYTES_MAX};
use crate::poll::{Events, Flags, Poll};
use crate::protocol::{Header, Purpose};

/// The number of the listening socket in every epoll.
const LISTENER: u64 = 0;

/// What all threads share.
#[derive(Debug)]
struct Shop {
    listener: TcpListener,
    /// One for each thread.
    desks: Vec<Desk>,
    n_accepted: AtomicU64,
    n_good: AtomicU32,
}

/// Where a thread finds its connections.
#[derive(Debug)]
struct Desk {
    poll: Poll,
    /// Those it has not seen yet.
    new: Mutex<BTreeMap<u64, TcpStream>>,
}

/// A connection.
#[derive(Debug)]
struct Guest {
    stream: TcpStream,
    wish: Wish,
}

/// What it is for.
#[derive(Debug)]
enum Wish {
    /// It has not said.
    Unknown,
    Echo,
    Sink,
    Source,
    Both,
    Transfer(Box<Exchange>),
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
}

/// One thread.
struct Waiter<'a> {
    shop: &'a Shop,
    desk: &'a Desk,
    guests: BTreeMap<u64, Guest>,
    tools: Tools,
}

/// What a thread lends to each connection in turn.
struct Tools {
    buffers: Buffers,
    message: Vec<u8>,
    scratch: Scratch,
}

/// Serves until killed.
pub(crate) fn run(args: &ServeArgs) -> Result<()> {
    let shop = Shop {
        listener: listen(args.bind)?,
        desks: (0..args.threads)
            .map(|_| Desk::new())
            .collect::<Result<_>>()?,
        n_accepted: AtomicU64::new(0),
        n_good: AtomicU32::new(0),
    };
    for desk in &shop.desks {
        let flags = Flags::IN | Flags::EXCLUSIVE;
        desk.poll.add(&shop.listener, LISTENER, flags)?;
    }
    writeln!(std::io::stdout(), "listening on {}", args.bind).context("say so")?;
    thread::scope(|scope| {
        let threads: Vec<_> = shop
            .desks
            .iter()
            .map(|desk| scope.spawn(|| Waiter::new(&shop, desk).run()))
            .collect();
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        Ok(())
    })
}

fn listen(addr: SocketAddr) -> Result<TcpListener> {
    let family = match addr {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let open = || {
        let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        // Inherited by every connection.
        sockopt::set_tcp_nodelay(&socket, true)?;
        rustix::net::bind(&socket, &addr)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok::<_, Errno>(TcpListener::from(socket))
    };
    let listener = open().with_context(|| format!("listen on {addr}"))?;
    listener
        .set_nonblocking(true)
        .context("unblock the listener")?;
    Ok(listener)
}

impl Desk {
    fn new() -> Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            new: Mutex::default(),
        })
    }
}

impl<'a> Waiter<'a> {
    fn new(shop: &'a Shop, desk: &'a Desk) -> Self {
        Self {
            shop,
            desk,
            guests: BTreeMap::new(),
            tools: Tools {
                buffers: Buffers::new(),
                message: vec![0; MESSAGE_BYTES_MAX],
                scratch: scratch(),
            },
        }
    }

    fn run(mut self) -> Result<()> {
        let mut events = Events::new();
        loop {
            self.desk.poll.wait(&mut events, DEADLINE)?;
            for event in &events {
                let number = event.data.u64();
                if number == LISTENER {
                    self.accept()?;
                } else if self.serve(number, event.flags)? == Fate::Goes {
                    self.guests.remove(&number);
                }
            }
        }
    }

    /// Accepts one connection, and gives it to the thread whose turn it is.
    fn accept(&self) -> Result<()> {
        let Ok((stream, _)) = self.shop.listener.accept() else {
            return Ok(());
        };
        stream
            .set_nonblocking(true)
            .context("unblock a connection")?;
        let number = self.shop.n_accepted.fetch_add(1, Ordering::Relaxed) + 1;
        let turn = usize::try_from(number).unwrap_or(0) % self.shop.desks.len();
        let desk = self.shop.desks.get(turn).context("no thread")?;
        let mut new = desk.new.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that its thread cannot look for it before it lies there.
        desk.poll.add(&stream, number, Flags::IN)?;
        new.insert(number, stream);
        Ok(())
    }

    fn serve(&mut self, number: u64, flags: Flags) -> Result<Fate> {
        if !self.guests.contains_key(&number) {
            let mut new = self.desk.new.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(stream) = new.remove(&number) else {
                return Ok(Fate::Stays);
            };
            let wish = Wish::Unknown;
            self.guests.insert(number, Guest { stream, wish });
        }
        let Some(guest) = self.guests.get_mut(&number) else {
            return Ok(Fate::Stays);
        };
        if let Wish::Unknown = guest.wish
            && learn(self.shop, self.desk, number, guest)? == Fate::Goes
        {
            return Ok(Fate::Goes);
        }
        self.fulfil(number, flags)
    }

    fn fulfil(&mut self, number: u64, flags: Flags) -> Result<Fate> {
        let Some(guest) = self.guests.get_mut(&number) else {
            return Ok(Fate::Stays);
        };
        let tools = &mut self.tools;
        let comes = flags.intersects(Flags::IN | Flags::HUP | Flags::ERR);
        let stream = &guest.stream;
        let goes_on = match &mut guest.wish {
            Wish::Unknown => true,
            Wish::Echo => echo(stream, &mut tools.message),
            Wish::Sink => matches!(tools.buffers.discard(stream), Ok(Some(_))),
            Wish::Source | Wish::Both => {
                let can_send = flags.contains(Flags::OUT);
                let sent = !can_send || tools.buffers.send(stream).is_ok();
                sent && (!comes || matches!(tools.buffers.discard(stream), Ok(Some(_))))
            }
            Wish::Transfer(exchange) => {
                let before = interest(exchange);
                let state = exchange.go_on(stream, &mut tools.scratch);
                let after = interest(exchange);
                if state == State::Goes && before != after {
                    self.desk.poll.change(stream, number, after)?;
                }
                if state == State::Good {
                    self.shop.n_good.fetch_add(1, Ordering::Relaxed);
                }
                state == State::Goes
            }
        };
        Ok(if goes_on { Fate::Stays } else { Fate::Goes })
    }
}

/// Looks at the first byte, which stays where it is.
fn learn(shop: &Shop, desk: &Desk, number: u64, guest: &mut Guest) -> Result<Fate> {
    let mut header = [0; Header::BYTES];
    let n = match rustix::net::recv(&guest.stream, &mut header[..], RecvFlags::PEEK) {
        Ok((_, 0)) => return Ok(Fate::Goes),
        Ok((_, n)) => n,
        Err(Errno::AGAIN) => return Ok(Fate::Stays),
        Err(_) => return Ok(Fate::Goes),
    };
    let Some(purpose) = header.first().copied().and_then(Purpose::from_byte) else {
        return Ok(Fate::Goes);
    };
    guest.wish = match purpose {
        Purpose::Echo => Wish::Echo,
        Purpose::Sink => Wish::Sink,
        Purpose::Source => Wish::Source,
        Purpose::Both => Wish::Both,
        Purpose::Transfer if n < Header::BYTES => return Ok(Fate::Stays),
        Purpose::Transfer => {
            let Some(plan) = Header::from_bytes(&header) else {
                return Ok(Fate::Goes);
            };
            let read = rustix::net::recv(&guest.stream, &mut header[..], RecvFlags::empty());
            read.context("read a header")?;
            let exchange = Exchange::new(plan, Side::Backend);
            desk.poll
                .change(&guest.stream, number, interest(&exchange))?;
            Wish::Transfer(Box::new(exchange))
        }
        Purpose::Tally => {
            let good = shop.n_good.load(Ordering::Relaxed);
            return Ok(answer(&guest.stream, &good.to_string()));
        }
        Purpose::Where => {
            let addr = guest.stream.local_addr().context("whose address it is")?;
            return Ok(answer(&guest.stream, &addr.ip().to_string()));
        }
    };
    if purpose.sends() {
        let flags = Flags::IN | Flags::OUT;
        desk.poll.change(&guest.stream, number, flags)?;
    }
    Ok(Fate::Stays)
}

/// Says one line and is done. Whoever asks and goes away gets no answer.
fn answer(mut stream: &TcpStream, line: &str) -> Fate {
    let _ = writeln!(stream, "{line}");
    // Read, or the close would be a reset that overtakes the answer.
    let _ = rustix::net::recv(stream, &mut [0; 1][..], RecvFlags::empty());
    Fate::Goes
}

/// Sends back what has come. A message fits into an empty socket, or the connection is broken.
fn echo(stream: &TcpStream, message: &mut [u8]) -> bool {
    match rustix::net::recv(stream, &mut *message, RecvFlags::empty()) {
        Ok((_, 0)) => false,
        Ok((n, _)) => {
            let bytes = message.get(..n).unwrap_or_default();
            rustix::net::send(stream, bytes, SendFlags::NOSIGNAL) == Ok(n)
        }
        Err(error) => error == Errno::AGAIN,
    }
}
