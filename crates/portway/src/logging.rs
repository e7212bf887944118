//! Where log events go: stderr, as text or JSON lines, written by a thread of their own.
//!
//! In: a form and a level. Out: a subscriber for the whole process. Never: events of libraries;
//! what they have to say, whoever uses them says in our words. Nor a wait of whoever has something to
//! say: when nobody reads stderr, lines for which there is no room are counted and gone.

use std::io::{self, Write};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::limits::{LOG_END_TIMEOUT, LOG_LINES_MAX};
use crate::render::{self, Paint};

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The way to the thread that writes.
static OUT: OnceLock<NonBlocking> = OnceLock::new();

/// While it is there the thread writes; to drop it is to wait for the last lines, a second at most.
static WRITING: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// Starts to log; the first call in a process wins.
pub(crate) fn start(format: Format, level: LevelFilter) {
    let ours = ["portway", "portway_feed", "portway_kube", "portway_proxy"]
        .map(|name| format!("{name}={level}"));
    let filter = EnvFilter::new(ours.join(","));
    let (out, writing) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LOG_LINES_MAX)
        .thread_name("log")
        .finish(io::stderr());
    if OUT.set(out.clone()).is_err() {
        return;
    }
    *WRITING.lock().unwrap_or_else(PoisonError::into_inner) = Some(writing);
    let log = fmt()
        .with_env_filter(filter)
        .with_writer(out)
        .with_target(level >= Level::TRACE);
    let _ = match format {
        Format::Json => log.json().flatten_event(true).try_init(),
        Format::Text => {
            let colour = Paint::for_stderr().is_colour();
            log.with_ansi(colour).try_init()
        }
    };
}

/// Puts text between the lines of the log, in its order.
pub(crate) fn text(text: &str) {
    match OUT.get() {
        Some(out) => drop(out.clone().write_all(text.as_bytes())),
        None => render::stderr(text),
    }
}

/// Lines that were dropped.
pub(crate) fn dropped() -> u64 {
    let lines = OUT.get().map(|out| out.error_counter().dropped_lines());
    lines.map_or(0, |n| u64::try_from(n).unwrap_or(u64::MAX))
}

/// Writes what waits, for at most a second or so, before the process ends.
pub(crate) fn finish() {
    let mut writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(last) = writing.take() else { return };
    drop(writing);
    let (over, is_over) = mpsc::channel::<()>();
    // What ends it may itself have to say something, on a stdout that nobody reads either.
    let end = move || {
        drop(last);
        drop(over);
    };
    if thread::Builder::new()
        .name("log-end".into())
        .spawn(end)
        .is_ok()
    {
        // Nothing is ever sent: it ends, or the time does.
        let _ = is_over.recv_timeout(LOG_END_TIMEOUT);
    }
}
