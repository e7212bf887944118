//! What the data plane reports, sorted on a thread of its own.
//!
//! In: [`Report`]s. Out: [`News`] for whoever decides, [`Heard`] for whoever tells of connections, and
//! how the workers ended. Never: a wait of the workers for whoever decides.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use portway_proxy::Report;
use tracing::{info, warn};

use crate::conn_log::Heard;
use crate::exit::Exit;
use crate::limits::REPORTS_MAX;
use crate::news::News;

/// Starts to hear: finished connections to `tell`, facts to `news`. The thread
/// ends with the workers, and says how they ended.
pub(crate) fn hear(
    news: Sender<News>,
    mut tell: impl FnMut(Heard<'_>) -> Option<Duration> + Send + 'static,
) -> io::Result<(SyncSender<Report>, JoinHandle<Exit>)> {
    let (sender, reports) = mpsc::sync_channel(REPORTS_MAX);
    let sort = move || {
        let mut silence = None;
        let mut exit = Exit::Fine;
        loop {
            let heard = match silence {
                None => reports.recv().map_err(RecvTimeoutError::from),
                Some(silence) => reports.recv_timeout(silence),
            };
            let report = match heard {
                Ok(report) => report,
                Err(RecvTimeoutError::Timeout) => {
                    silence = tell(Heard::Quiet);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    tell(Heard::End);
                    return exit;
                }
            };
            let fact = match report {
                Report::Closed(record) => {
                    silence = tell(Heard::Closed(&record));
                    continue;
                }
                Report::AcceptPaused(true) => {
                    warn!("out of descriptors: accepting pauses until connections end");
                    continue;
                }
                Report::AcceptPaused(false) => {
                    info!("descriptors are free again: accepting goes on");
                    continue;
                }
                Report::Applied { version, unbound } => News::Applied(version, unbound),
                Report::WorkerDied => {
                    // The log has its panic, or why it could not go on.
                    exit = Exit::WorkerDied;
                    News::WorkerDied
                }
            };
            // Who is about to end may hear of nothing else; connections are told of all the same.
            let _ = news.send(fact);
        }
    };
    let thread = thread::Builder::new().name("reports".into()).spawn(sort)?;
    Ok((sender, thread))
}

/// Waits until the last connections are told: the workers are gone, so that this ends. A worker that
/// died while connections finished is told as one that died before. `n_cut` did not finish in time.
pub(crate) fn end(hearing: JoinHandle<Exit>, n_cut: u64) -> Exit {
    let exit = cut(hearing);
    if n_cut > 0 {
        warn!(connections = n_cut, "open connections were cut");
    }
    info!("stopped");
    exit
}

/// As [`end`], where it is known how it ends.
pub(crate) fn cut(hearing: JoinHandle<Exit>) -> Exit {
    hearing.join().unwrap_or_else(|_| {
        warn!("the thread of reports died, some connections are not told");
        Exit::WorkerDied
    })
}

#[cfg(test)]
mod tests;
