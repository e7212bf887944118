//! Where log events go: stderr, as text or JSON lines, written by a thread of its own.
//!
//! In: a form and a level. Out: a subscriber for the whole process. Never: events of libraries;
//! what they have to say, whoever uses them says in our words. Nor a wait of whoever moves bytes: when
//! nobody reads stderr, lines for which there is no room are counted and gone, and so are those that
//! cannot be written. Only the thread that started the log waits a moment for room, so that a burst
//! of its lines reaches who does read.

use std::cell::Cell;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{PollFd, PollFlags, poll};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::limits::{LOG_BATCH_BYTES, LOG_END_TIMEOUT, LOG_LINES_MAX, LOG_PATIENCE};
use crate::render::{self, Paint};

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The log of this process.
static LOG: OnceLock<Log> = OnceLock::new();

thread_local! {
    /// Whether this thread may wait until there is room for its lines.
    static IS_PATIENT: Cell<bool> = const { Cell::new(false) };
}

/// Starts to log; the first call in a process wins.
pub(crate) fn start(format: Format, level: LevelFilter) {
    let ours = ["portway", "portway_feed", "portway_kube", "portway_proxy"];
    let ours = Targets::new().with_targets(ours.map(|name| (name, level)));
    let Ok(log) = Log::start(Waiting(io::stderr()), LOG_LINES_MAX) else {
        return render::stderr("error: no thread can be had that writes the log\n");
    };
    if LOG.set(log).is_err() {
        return;
    }
    IS_PATIENT.set(true);
    let log = fmt()
        .with_max_level(level)
        .with_writer(|| Pen)
        .with_target(level >= Level::TRACE);
    let _ = match format {
        Format::Json => {
            let log = log.json().flatten_event(true);
            log.finish().with(ours).try_init()
        }
        Format::Text => {
            let colour = Paint::for_stderr().is_colour();
            log.with_ansi(colour).finish().with(ours).try_init()
        }
    };
}

/// Puts text between the lines of the log, in its order.
pub(crate) fn text(text: &str) {
    match LOG.get() {
        Some(log) => log.put(text.as_bytes(), IS_PATIENT.get()),
        None => render::stderr(text),
    }
}

/// Lines that were dropped.
pub(crate) fn dropped() -> u64 {
    LOG.get()
        .map_or(0, |log| log.dropped.load(Ordering::Relaxed))
}

/// Writes what waits, for at most a second or so, before the process ends.
pub(crate) fn finish() {
    if let Some(log) = LOG.get() {
        log.finish();
    }
}

/// The way to the thread that writes.
struct Log {
    messages: Sender<Message>,
    dropped: Arc<AtomicU64>,
    /// What may still be waited for room, until there is plenty again.
    patience: Mutex<Duration>,
}

enum Message {
    /// Text to write: a line, or several.
    Text(Box<[u8]>),
    /// To be dropped when all that came before is written.
    End(Sender<()>),
}

impl Log {
    fn start(out: impl Write + Send + 'static, n_max: usize) -> io::Result<Self> {
        let (messages, waiting) = bounded(n_max);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let write = move || write_all(Sheet::new(out), &waiting, &lost);
        thread::Builder::new().name("log".into()).spawn(write)?;
        Ok(Self {
            messages,
            dropped,
            patience: Mutex::new(LOG_PATIENCE),
        })
    }

    fn put(&self, text: &[u8], is_patient: bool) {
        let text = Message::Text(text.into());
        let is_sent = match is_patient {
            true => self.put_patiently(text),
            false => self.messages.try_send(text).is_ok(),
        };
        if !is_sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits for room, as long as there is patience. Whoever reads slowly, or not at all, uses it up once.
    fn put_patiently(&self, text: Message) -> bool {
        let mut patience = self.patience.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.messages.capacity().unwrap_or(usize::MAX);
        if self.messages.len() <= room / 2 {
            *patience = LOG_PATIENCE;
        }
        let begin = Instant::now();
        let is_sent = self.messages.send_timeout(text, *patience).is_ok();
        *patience = patience.saturating_sub(begin.elapsed());
        is_sent
    }

    /// Waits until all is written that was put before, at most until `LOG_END_TIMEOUT` is over.
    fn finish(&self) {
        let deadline = Instant::now() + LOG_END_TIMEOUT;
        let (end, is_written) = bounded::<()>(0);
        // Nothing is ever sent back: the other end is dropped, or the time is over.
        let is_put = self.messages.send_deadline(Message::End(end), deadline);
        let _ = is_put.map(|()| is_written.recv_deadline(deadline));
    }
}

/// Writes what comes, all that waits at once. Where the log cannot be written there is nobody to tell.
fn write_all(mut sheet: Sheet<impl Write>, messages: &Receiver<Message>, dropped: &AtomicU64) {
    while let Ok(first) = messages.recv() {
        let mut ends = Vec::new();
        for message in std::iter::once(first).chain(messages.try_iter()) {
            match message {
                Message::Text(text) => sheet.put(&text),
                Message::End(end) => ends.push(end),
            }
            if sheet.len() >= LOG_BATCH_BYTES {
                break;
            }
        }
        let Written { lost, .. } = sheet.write();
        dropped.fetch_add(lost, Ordering::Relaxed);
        drop(ends);
    }
}

/// Lines that are written together, and how many of them could be.
#[derive(Debug)]
pub(crate) struct Sheet<W> {
    /// Where they are written. Whoever replaces it by what ends in half a line replaces no more.
    pub(crate) out: W,
    /// Texts to write.
    batch: Vec<u8>,
    /// Where in the batch each of them ends.
    ends: Vec<usize>,
    /// The last text that was written is not whole.
    is_torn: bool,
}

/// What became of the texts of a [`Sheet`].
#[derive(Debug)]
pub(crate) struct Written {
    /// Those that are there.
    pub(crate) whole: u64,
    /// Those that are not, or not as a whole.
    pub(crate) lost: u64,
    /// Why not.
    pub(crate) error: Option<io::Error>,
}

impl<W: Write> Sheet<W> {
    /// Nothing is to be written.
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            batch: Vec::new(),
            ends: Vec::new(),
            is_torn: false,
        }
    }

    /// How many bytes are to be written.
    pub(crate) fn len(&self) -> usize {
        self.batch.len()
    }

    /// Adds a text: a line, or several.
    pub(crate) fn put(&mut self, text: &[u8]) {
        // What comes after half a line is no part of it.
        if self.is_torn && self.batch.is_empty() {
            self.batch.push(b'\n');
        }
        self.batch.extend_from_slice(text);
        self.ends.push(self.batch.len());
    }

    /// Writes all of it, or what can be; nothing of it is left.
    pub(crate) fn write(&mut self) -> Written {
        let mut n_written = 0;
        let mut error = None;
        while n_written < self.batch.len() && error.is_none() {
            match self.out.write(&self.batch[n_written..]) {
                Ok(0) => error = Some(io::ErrorKind::WriteZero.into()),
                Ok(n) => n_written += n,
                Err(it) if it.kind() == io::ErrorKind::Interrupted => {}
                Err(it) => error = Some(it),
            }
        }
        let _ = self.out.flush();
        let whole = self.ends.iter().filter(|end| **end <= n_written).count();
        let lost = self.ends.len() - whole;
        if n_written > 0 {
            self.is_torn = !self.ends.contains(&n_written);
        }
        self.ends.clear();
        self.batch.clear();
        self.batch.shrink_to(LOG_BATCH_BYTES);
        Written {
            whole: whole as u64,
            lost: lost as u64,
            error,
        }
    }
}

/// Writes where somebody else may have asked for no waiting: whoever has the other end of stderr or stdout
/// shares that with us. It waits all the same, as a line is whole or it is none; who puts lines waits for
/// none of that, and the end of the process only for so long ([`LOG_END_TIMEOUT`]).
#[derive(Debug)]
pub(crate) struct Waiting<W>(pub(crate) W);

impl<W: Write + AsFd> Write for Waiting<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(text) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None)?;
                }
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes lines of the subscriber; it has each ready as a whole.
struct Pen;

impl Write for Pen {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(log) = LOG.get() {
            log.put(line, IS_PATIENT.get());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
