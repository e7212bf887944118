//! The access log: a record for each connection that is over, for machines and `grep`.
//!
//! In: [`ConnRecord`]s, from the thread of reports. Out: lines on stdout or in a file, written by a
//! thread of their own, all that wait at once. Never: a wait of whoever has a record: one for which
//! there is no room is counted and gone. What people must act on is `conn_log`'s to say.

mod line;
#[cfg(test)]
mod tests;

pub(crate) use line::Form;

use std::cell::LazyCell;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use portway_engine::record::ConnRecord;
use portway_proxy::Observer;
use rustix::fs::OFlags;
use rustix::io::Errno;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::limits::{ACCESS_LOG_BATCH_BYTES, ACCESS_LOG_END_TIMEOUT, ACCESS_LOG_RECORDS_MAX};
use crate::logging::{Sheet, Waiting, Written};

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum To {
    /// Standard output.
    Stdout,
    /// The end of this file; opened again on SIGHUP, so that it can be moved away.
    File(PathBuf),
}

/// The access log cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("open the access log {}", .to.describe())]
pub(crate) struct AccessLogError {
    to: To,
    source: io::Error,
}

/// What became of records.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    written: AtomicU64,
    dropped: AtomicU64,
}

/// A log that is being written.
#[derive(Debug)]
pub(crate) struct AccessLog {
    pen: Pen,
    /// What a [`Reopening`] borrows, so that it does not keep the writer waiting for more.
    notes: Arc<Sender<Note>>,
    is_stale: Arc<AtomicBool>,
}

/// Puts records into a log.
#[derive(Debug, Clone)]
pub(crate) struct Pen {
    notes: Sender<Note>,
    tally: Arc<Tally>,
}

/// What the writer is told.
#[derive(Debug)]
enum Note {
    Record(Box<ConnRecord>),
    /// It may have something else to do.
    Wake,
    /// To be dropped when all that came before is written.
    End(Sender<()>),
}

/// Has the file of a log opened again.
#[derive(Debug)]
struct Reopening {
    notes: Weak<Sender<Note>>,
    is_stale: Arc<AtomicBool>,
}

impl To {
    fn describe(&self) -> String {
        match self {
            Self::Stdout => "on standard output".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    fn open(&self) -> io::Result<File> {
        match self {
            Self::Stdout => Ok(io::stdout().as_fd().try_clone_to_owned()?.into()),
            Self::File(path) => append_to(path),
        }
    }
}

/// Clients' addresses are not for everybody's eyes. A pipe is only waited for when it is written to:
/// one that nobody reads is an error here, and no reason not to serve.
fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640);
    let no_wait = OFlags::NONBLOCK.bits().cast_signed();
    let file = options.custom_flags(no_wait).open(path);
    let file = file.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NXIO) if is_pipe(path) => {
            io::Error::other("a pipe that nobody reads; start its reader first")
        }
        _ => error,
    })?;
    rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

fn is_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.file_type().is_fifo())
}

impl Tally {
    /// Records that were written.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Records that were not.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lose(&self, n: u64) {
        self.dropped.fetch_add(n, Ordering::Relaxed);
    }
}

impl AccessLog {
    /// Opens the log, and writes as soon as there is a data plane, whose clock records go by.
    ///
    /// # Errors
    /// When the file or a thread cannot be had.
    pub(crate) fn start(
        form: Form,
        to: To,
        observer: Arc<OnceLock<Observer>>,
    ) -> Result<Self, AccessLogError> {
        let failed = |source| AccessLogError {
            to: to.clone(),
            source,
        };
        let file = to.open().map_err(failed)?;
        let (notes, received) = bounded(ACCESS_LOG_RECORDS_MAX);
        let tally = Arc::<Tally>::default();
        let is_stale = Arc::<AtomicBool>::default();
        let writer = Writer {
            form,
            to: to.clone(),
            sheet: Sheet::new(Waiting(file)),
            observer,
            tally: Arc::clone(&tally),
            is_stale: Arc::clone(&is_stale),
            fails: false,
        };
        let write = move || writer.run(&received);
        let thread = thread::Builder::new().name("access-log".into());
        thread.spawn(write).map_err(failed)?;
        let log = Self {
            notes: Arc::new(notes.clone()),
            pen: Pen { notes, tally },
            is_stale,
        };
        if matches!(to, To::File(_)) {
            reopen_on_hangup(log.reopening()).map_err(failed)?;
        }
        Ok(log)
    }

    /// What becomes of records.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.pen.tally)
    }

    /// What records are put in with.
    pub(crate) fn pen(&self) -> Pen {
        self.pen.clone()
    }

    fn reopening(&self) -> Reopening {
        Reopening {
            notes: Arc::downgrade(&self.notes),
            is_stale: Arc::clone(&self.is_stale),
        }
    }

    /// Waits until all records are written, a moment at most: who reads them may have stopped to.
    pub(crate) fn finish(self) {
        let deadline = Instant::now() + ACCESS_LOG_END_TIMEOUT;
        // Nothing is ever sent back: the other end is dropped, or the time is over.
        let (end, is_written) = bounded::<()>(0);
        let is_put = self.pen.notes.send_deadline(Note::End(end), deadline);
        let is_late = || is_written.recv_deadline(deadline) == Err(RecvTimeoutError::Timeout);
        if is_put.is_err() || is_late() {
            warn!("the access log is not taken, its last records are lost");
        }
        let n = self.pen.tally.dropped();
        if n > 0 {
            warn!(n, "records were dropped from the access log");
        }
    }
}

impl Pen {
    /// Puts a record in, or counts it as dropped.
    pub(crate) fn tell(&self, record: &ConnRecord) {
        let note = Note::Record(Box::new(record.clone()));
        if self.notes.try_send(note).is_err() {
            self.tally.lose(1);
        }
    }
}

impl Reopening {
    /// Asks for it; `None`: the log is over. The writer sees that between two batches: where it cannot
    /// be woken because much waits, it is awake.
    fn ask(&self) -> Option<()> {
        let notes = self.notes.upgrade()?;
        self.is_stale.store(true, Ordering::Release);
        let _ = notes.try_send(Note::Wake);
        Some(())
    }
}

/// Watches for SIGHUP on a thread of its own.
fn reopen_on_hangup(reopening: Reopening) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let mut hangups = {
        let _inside = runtime.enter();
        signal(SignalKind::hangup())?
    };
    let watch = move || {
        runtime.block_on(async {
            while let Some(()) = hangups.recv().await
                && let Some(()) = reopening.ask()
            {}
        });
    };
    let thread = thread::Builder::new().name("access-log-hup".into());
    thread.spawn(watch).map(|_| ())
}

/// Writes the log.
struct Writer {
    form: Form,
    to: To,
    sheet: Sheet<Waiting<File>>,
    observer: Arc<OnceLock<Observer>>,
    tally: Arc<Tally>,
    /// The file was moved away, or may have been.
    is_stale: Arc<AtomicBool>,
    /// The last write failed, and that was said.
    fails: bool,
}

impl Writer {
    fn run(mut self, notes: &Receiver<Note>) {
        let mut line = String::new();
        while let Ok(first) = notes.recv() {
            // Where there are records there is a data plane, or will be at once.
            let calendar = LazyCell::new(|| line::Calendar::of(self.observer.wait()));
            let mut ends = Vec::new();
            for note in std::iter::once(first).chain(notes.try_iter()) {
                match note {
                    Note::Record(record) => {
                        line.clear();
                        line::push(&mut line, self.form, &record, *calendar);
                        self.sheet.put(line.as_bytes());
                    }
                    Note::Wake => {}
                    Note::End(end) => ends.push(end),
                }
                if self.sheet.len() >= ACCESS_LOG_BATCH_BYTES {
                    break;
                }
            }
            self.write();
            if self.is_stale.swap(false, Ordering::Acquire) {
                self.reopen();
            }
            drop(ends);
        }
    }

    fn write(&mut self) {
        let Written { whole, lost, error } = self.sheet.write();
        self.tally.written.fetch_add(whole, Ordering::Relaxed);
        self.tally.lose(lost);
        let Some(error) = error else {
            self.fails = false;
            return;
        };
        if !std::mem::replace(&mut self.fails, true) {
            warn!(%error, "the access log cannot be written, records are dropped");
        }
    }

    /// What was written to stays where it was moved to; if there is no new file it goes on there.
    fn reopen(&mut self) {
        match self.to.open() {
            Ok(file) => {
                let is_new = file
                    .metadata()
                    .is_ok_and(|it| it.is_file() && it.len() == 0);
                match is_new {
                    // Half a line that the old file may end in is none of this one's.
                    true => self.sheet = Sheet::new(Waiting(file)),
                    false => self.sheet.out = Waiting(file),
                }
                info!("access log opened again");
            }
            Err(error) => warn!(
                log = self.to.describe(),
                %error,
                "the access log cannot be opened again, the old one stays"
            ),
        }
    }
}
