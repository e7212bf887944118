//! The access log: a record for each connection that is over, for machines and `grep`.
//!
//! In: [`ConnRecord`]s, from the thread of reports. Out: lines on stdout or in a file, written by a
//! thread of their own, all that wait at once. Never: a wait of whoever has a record: one for which
//! there is no room is counted and gone. What people must act on is `conn_log`'s to say.

mod line;
#[cfg(test)]
mod tests;

pub(crate) use line::Form;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;

use portway_engine::record::ConnRecord;
use portway_proxy::Observer;
use rustix::fs::OFlags;
use rustix::io::Errno;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::limits::{ACCESS_LOG_BATCH_BYTES, ACCESS_LOG_END_TIMEOUT, ACCESS_LOG_RECORDS_MAX};
use crate::logging::Waiting;

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
    /// What the watch for SIGHUP borrows, so that it does not keep the writer waiting for more.
    hangups: Arc<SyncSender<Note>>,
    ended: Receiver<()>,
}

/// Puts records into a log.
#[derive(Debug, Clone)]
pub(crate) struct Pen {
    records: SyncSender<Note>,
    tally: Arc<Tally>,
}

/// What the writer is told.
#[derive(Debug)]
enum Note {
    Record(Box<ConnRecord>),
    Reopen,
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
        let (records, received) = mpsc::sync_channel(ACCESS_LOG_RECORDS_MAX);
        let (end, ended) = mpsc::sync_channel(1);
        let tally = Arc::<Tally>::default();
        let writer = Writer {
            form,
            to: to.clone(),
            file: Waiting(file),
            observer,
            tally: Arc::clone(&tally),
            fails: false,
        };
        let write = move || {
            writer.run(&received);
            let _ = end.send(());
        };
        let thread = thread::Builder::new().name("access-log".into());
        thread.spawn(write).map_err(failed)?;
        let hangups = Arc::new(records.clone());
        if matches!(to, To::File(_)) {
            reopen_on_hangup(Arc::downgrade(&hangups)).map_err(failed)?;
        }
        let pen = Pen { records, tally };
        Ok(Self {
            pen,
            hangups,
            ended,
        })
    }

    /// What becomes of records.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.pen.tally)
    }

    /// What records are put in with.
    pub(crate) fn pen(&self) -> Pen {
        self.pen.clone()
    }

    /// Waits until all records are written, a moment at most: who reads them may have stopped to.
    pub(crate) fn finish(self) {
        let Self {
            pen,
            hangups,
            ended,
        } = self;
        let tally = Arc::clone(&pen.tally);
        drop((pen, hangups));
        if ended.recv_timeout(ACCESS_LOG_END_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            warn!("the access log is not taken, its last records are lost");
        }
        let n = tally.dropped();
        if n > 0 {
            warn!(n, "records were dropped from the access log");
        }
    }
}

impl Pen {
    /// Puts a record in, or counts it as dropped.
    pub(crate) fn tell(&self, record: &ConnRecord) {
        let note = Note::Record(Box::new(record.clone()));
        if self.records.try_send(note).is_err() {
            self.tally.lose(1);
        }
    }
}

/// Watches for SIGHUP on a thread of its own.
fn reopen_on_hangup(records: Weak<SyncSender<Note>>) -> io::Result<()> {
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
                && let Some(records) = records.upgrade()
            {
                if records.try_send(Note::Reopen).is_err() {
                    warn!("the access log is not taken, and was not opened again");
                }
            }
        });
    };
    let thread = thread::Builder::new().name("access-log-hup".into());
    thread.spawn(watch).map(|_| ())
}

/// Writes the log.
struct Writer {
    form: Form,
    to: To,
    file: Waiting<File>,
    observer: Arc<OnceLock<Observer>>,
    tally: Arc<Tally>,
    /// The last write failed, and that was said.
    fails: bool,
}

impl Writer {
    fn run(mut self, notes: &Receiver<Note>) {
        let mut batch = String::new();
        while let Ok(first) = notes.recv() {
            let (mut next, mut n_records) = (Some(first), 0);
            let calendar = line::Calendar::of(self.observer.wait());
            while let Some(note) = next {
                match note {
                    Note::Record(record) => {
                        line::push(&mut batch, self.form, &record, calendar);
                        n_records += 1;
                    }
                    Note::Reopen => {
                        self.write(&mut batch, std::mem::take(&mut n_records));
                        self.reopen();
                    }
                }
                let is_full = batch.len() >= ACCESS_LOG_BATCH_BYTES;
                next = (!is_full).then(|| notes.try_recv().ok()).flatten();
            }
            self.write(&mut batch, n_records);
        }
    }

    fn write(&mut self, batch: &mut String, n_records: u64) {
        match self.file.write_all(batch.as_bytes()) {
            Ok(()) => {
                self.tally.written.fetch_add(n_records, Ordering::Relaxed);
                self.fails = false;
            }
            Err(error) => {
                self.tally.lose(n_records);
                if !std::mem::replace(&mut self.fails, true) {
                    warn!(%error, "the access log cannot be written, records are dropped");
                }
            }
        }
        batch.clear();
    }

    /// What was written to stays where it was moved to; if there is no new file it goes on there.
    fn reopen(&mut self) {
        match self.to.open() {
            Ok(file) => {
                self.file = Waiting(file);
                info!("access log opened again");
            }
            Err(error) => warn!(%error, "the access log cannot be opened again, the old one stays"),
        }
    }
}
