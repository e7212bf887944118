//! Transfers both ways over one connection, with every byte compared and every FIN awaited.
//!
//! In: [`Transfer`]s, an address. Out: which of them went wrong, at the client or at the backend,
//! and how. The client begins with the number of the transfer, so that the backend knows what to
//! expect; then each side sends its stream and, right behind the last byte, its FIN. Never: an end
//! that is taken for granted; a reset, a byte too few or too many is a bad transfer.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::bytes::{Block, Check, Stream};
use super::limits::{CHUNK_BYTES, DEADLINE};
use super::random::Random;
use super::sockets;

/// Who sends when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Both at once.
    AtOnce,
    /// The backend begins when it has the client's FIN.
    ReplyAfterFin,
    /// The client begins when it has the backend's FIN.
    UploadAfterFin,
}

/// How one side reads and writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Bytes of one read or write, at most [`CHUNK_BYTES`].
    pub(crate) chunk: usize,
    /// Buffers of the socket, in bytes; the kernel's own choice otherwise.
    pub(crate) buffer: Option<usize>,
    /// Reads between two rests of a lazy reader.
    pub(crate) rests_every: Option<u32>,
}

/// One connection to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transfer {
    pub(crate) n_upload: u64,
    pub(crate) n_download: u64,
    pub(crate) order: Order,
    pub(crate) client: Manner,
    pub(crate) backend: Manner,
}

/// How long a lazy reader rests.
const REST: Duration = Duration::from_millis(1);

impl Manner {
    /// As fast as it goes.
    pub(crate) const EAGER: Self = Self {
        chunk: CHUNK_BYTES,
        buffer: None,
        rests_every: None,
    };

    fn drawn(random: &mut Random) -> Self {
        Self {
            chunk: random.one_of(&[600, 1460, 4096, 16_384, CHUNK_BYTES]),
            buffer: random.one_of(&[None, None, Some(65_536), Some(262_144)]),
            rests_every: random.one_of(&[None, None, Some(16), Some(64)]),
        }
    }
}

impl Transfer {
    /// One with both sizes from `sizes`, and everything else drawn too.
    pub(crate) fn drawn(random: &mut Random, sizes: std::ops::Range<u64>) -> Self {
        let orders = [Order::AtOnce, Order::ReplyAfterFin, Order::UploadAfterFin];
        Self {
            n_upload: random.within(sizes.clone()),
            n_download: random.within(sizes),
            order: random.one_of(&orders),
            client: Manner::drawn(random),
            backend: Manner::drawn(random),
        }
    }
}

/// The transfers of a proof, and the backend that does its half of them.
#[derive(Debug)]
pub(crate) struct Transfers {
    all: Arc<Vec<Transfer>>,
    block: Block,
    addr: SocketAddr,
    halves: Receiver<Half>,
}

/// How the backend's half of a transfer went.
type Half = (Option<usize>, Result<()>);

impl Transfers {
    /// Starts the backend.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn prepare(seed: u64, all: Vec<Transfer>) -> Result<Self> {
        let listener = sockets::listen_anywhere()?;
        let addr = listener.local_addr()?;
        let (sender, halves) = mpsc::channel();
        let (all, block) = (Arc::new(all), Block::new(seed));
        let backend = Backend {
            all: Arc::clone(&all),
            block: block.clone(),
            halves: sender,
        };
        thread::spawn(move || backend.serve(&listener));
        Ok(Self {
            all,
            block,
            addr,
            halves,
        })
    }

    /// Where the backend listens.
    pub(crate) const fn backend(&self) -> SocketAddr {
        self.addr
    }

    /// Bytes of all of them, both ways.
    pub(crate) fn n_bytes(&self) -> u64 {
        let all = self.all.iter();
        all.map(|it| it.n_upload + it.n_download).sum()
    }

    /// Does all of them, so many at once, and gives those that went wrong.
    pub(crate) fn run(&self, to: SocketAddr, n_at_once: usize) -> BTreeMap<usize, String> {
        let next = AtomicUsize::new(0);
        let bad = Mutex::new(BTreeMap::new());
        let (all, block) = (&self.all, &self.block);
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(transfer) = all.get(number) else {
                    return;
                };
                if let Err(error) = client(to, number, transfer, block) {
                    let mut bad = bad.lock().unwrap_or_else(PoisonError::into_inner);
                    bad.insert(number, format!("client: {error:#}"));
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..n_at_once {
                scope.spawn(work);
            }
        });
        let mut bad = bad.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.hear_the_backend(&mut bad);
        bad
    }

    /// Every transfer has a half at the backend, which must be as good.
    fn hear_the_backend(&self, bad: &mut BTreeMap<usize, String>) {
        let mut good = vec![false; self.all.len()];
        let is_missing = |good: &[bool], bad: &BTreeMap<_, _>| {
            let mut both = good.iter().enumerate();
            both.any(|(number, good)| !good && !bad.contains_key(&number))
        };
        while is_missing(&good, bad) {
            match self.halves.recv_timeout(DEADLINE) {
                Ok((Some(number), Ok(()))) => good[number] = true,
                Ok((Some(number), Err(error))) => {
                    let what = bad.entry(number).or_default();
                    *what += &format!(" backend: {error:#}");
                }
                Ok((None, _)) => {}
                Err(_) => break,
            }
        }
        for (number, _) in good.iter().enumerate().filter(|(_, good)| !**good) {
            bad.entry(number)
                .or_insert_with(|| "the backend never saw it to its end".to_owned());
        }
    }
}

#[derive(Debug, Clone)]
struct Backend {
    all: Arc<Vec<Transfer>>,
    block: Block,
    halves: Sender<Half>,
}

impl Backend {
    fn serve(&self, listener: &TcpListener) {
        for stream in listener.incoming().map_while(Result::ok) {
            let this = self.clone();
            thread::spawn(move || {
                let half = this.half(stream);
                // Nobody hears it when the proof is over.
                let _ = this.halves.send(half);
            });
        }
    }

    fn half(&self, stream: TcpStream) -> Half {
        let mut number = [0; 8];
        let read = sockets::patient(stream).and_then(|mut stream| {
            stream.read_exact(&mut number)?;
            Ok(stream)
        });
        let stream = match read {
            Ok(stream) => stream,
            Err(error) => return (None, Err(error)),
        };
        let number = u64::from_le_bytes(number);
        let index = usize::try_from(number).ok();
        let Some(transfer) = index.and_then(|index| self.all.get(index)) else {
            return (None, Err(anyhow!("no transfer has number {number}")));
        };
        let side = Side {
            sends: (streams(&self.block, number).1, transfer.n_download),
            expects: (streams(&self.block, number).0, transfer.n_upload),
            waits: transfer.order == Order::ReplyAfterFin,
            manner: transfer.backend,
        };
        (index, side.play(&stream))
    }
}

fn client(to: SocketAddr, number: usize, transfer: &Transfer, block: &Block) -> Result<()> {
    let number = u64::try_from(number)?;
    let mut stream = sockets::connect(to)?;
    stream.write_all(&number.to_le_bytes())?;
    let side = Side {
        sends: (streams(block, number).0, transfer.n_upload),
        expects: (streams(block, number).1, transfer.n_download),
        waits: transfer.order == Order::UploadAfterFin,
        manner: transfer.client,
    };
    side.play(&stream)
}

/// What goes up and what comes down.
fn streams(block: &Block, number: u64) -> (Stream, Stream) {
    (block.stream(2 * number), block.stream(2 * number + 1))
}

/// One side of a transfer.
struct Side {
    sends: (Stream, u64),
    expects: (Stream, u64),
    /// It sends nothing before it has the other's FIN.
    waits: bool,
    manner: Manner,
}

impl Side {
    fn play(&self, stream: &TcpStream) -> Result<()> {
        if let Some(n_bytes) = self.manner.buffer {
            sockets::small_buffers(stream, n_bytes)?;
        }
        if self.waits {
            self.receive(stream)?;
            return self.send(stream);
        }
        thread::scope(|scope| {
            let sending = scope.spawn(|| self.send(stream));
            let received = self.receive(stream);
            if received.is_err() {
                // Nothing is left to send for, and the other side must hear of it.
                let _ = stream.shutdown(Shutdown::Both);
            }
            let sent = sending.join().map_err(|_| anyhow!("the sender panicked"))?;
            received?;
            sent
        })
    }

    fn send(&self, mut stream: &TcpStream) -> Result<()> {
        let (bytes, n_bytes) = &self.sends;
        let mut buffer = vec![0; self.manner.chunk];
        let mut at = 0;
        while at < *n_bytes {
            let n = usize::try_from(n_bytes - at).unwrap_or(usize::MAX);
            let chunk = &mut buffer[..n.min(self.manner.chunk)];
            bytes.fill(at, chunk);
            stream
                .write_all(chunk)
                .with_context(|| format!("send byte {at} and on"))?;
            at += chunk.len() as u64;
        }
        stream.shutdown(Shutdown::Write).context("send FIN")
    }

    fn receive(&self, mut stream: &TcpStream) -> Result<()> {
        let (bytes, n_bytes) = &self.expects;
        let mut check = Check::new(bytes.clone());
        let mut buffer = vec![0; self.manner.chunk];
        let mut n_reads = 0_u32;
        loop {
            if self
                .manner
                .rests_every
                .is_some_and(|every| n_reads.is_multiple_of(every))
            {
                thread::sleep(REST);
            }
            n_reads = n_reads.wrapping_add(1);
            let at = check.count();
            let n = stream
                .read(&mut buffer)
                .with_context(|| format!("receive byte {at} of {n_bytes}"))?;
            if n == 0 {
                return check.is_complete(*n_bytes);
            }
            check.take(&buffer[..n])?;
        }
    }
}
