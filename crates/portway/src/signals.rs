//! SIGTERM and SIGINT: the first asks for a calm end, a second one ends at once. SIGHUP: read again.
//!
//! In: signals. Out: one [`News::Stop`], one [`News::StopNow`], any number of [`News::ReadAgain`]. Never:
//! work inside a signal handler.

use std::io;
use std::process;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::Instant;

use portway_proxy::Cutter;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::limits::{CUT_TIMEOUT, SIGNALS_TOGETHER};
use crate::logging;
use crate::news::News;

/// The signals that ask for an end, by their names.
type Ends = [(&'static str, Signal); 2];

/// Handlers of what asks for an end and of SIGHUP, and the runtime in which they are heard.
fn handlers() -> io::Result<(Runtime, Ends, Signal)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (ends, hangup) = {
        let _inside = runtime.enter();
        let ends = [
            ("SIGTERM", signal(SignalKind::terminate())?),
            ("SIGINT", signal(SignalKind::interrupt())?),
        ];
        (ends, signal(SignalKind::hangup())?)
    };
    Ok((runtime, ends, hangup))
}

/// Signals that do not end the process any more, and whom they are told.
pub(crate) struct Signals {
    told: oneshot::Sender<Sender<News>>,
}

impl Signals {
    /// When it returns no signal is lost any more, so it comes before all else but the log, which says
    /// what ended us: for PID 1 of a container the kernel drops a SIGTERM that has no handler yet, and
    /// whoever sent it waits in vain. Until there is somebody to [`Self::tell`], nothing is served, and
    /// whatever asks for an end gets it at once.
    ///
    /// # Errors
    /// When the thread, its runtime or the handlers cannot be had.
    pub(crate) fn catch() -> io::Result<Self> {
        let (runtime, mut ends, mut hangup) = handlers()?;
        let (told, to_tell) = oneshot::channel();
        let hear = async move {
            if let Some(news) = wait_for_news(&mut ends, &mut hangup, to_tell).await {
                watch(&mut ends, &mut hangup, &news).await;
            }
        };
        let hear = move || runtime.block_on(hear);
        thread::Builder::new().name("signals".into()).spawn(hear)?;
        Ok(Self { told })
    }

    /// Who hears of them from now on, and of a SIGHUP that came before.
    pub(crate) fn tell(self, news: Sender<News>) {
        // The thread waits for this, unless it ends the process just now.
        _ = self.told.send(news);
    }
}

/// Waits until there is somebody to tell; `None` if there will be nobody.
async fn wait_for_news(
    ends: &mut Ends,
    hangup: &mut Signal,
    mut to_tell: oneshot::Receiver<Sender<News>>,
) -> Option<Sender<News>> {
    let mut must_read_again = false;
    let news = loop {
        tokio::select! {
            news = &mut to_tell => break news.ok()?,
            name = next(ends) => {
                info!(signal = name, "stopped before anything was served");
                logging::finish();
                process::exit(0);
            }
            _ = hangup.recv() => must_read_again = true,
        }
    };
    if must_read_again {
        news.send(News::ReadAgain).ok()?;
    }
    Some(news)
}

/// Calls `tell` at the first signal that asks for an end; a terminal that is gone asks for one too.
///
/// # Errors
/// When the thread, its runtime or the handlers cannot be had.
pub(crate) fn on_end(tell: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let (runtime, mut ends, mut hangup) = handlers()?;
    let watch = async move {
        tokio::select! {
            _ = next(&mut ends) => {}
            _ = hangup.recv() => {}
        }
    };
    let watch = move || {
        runtime.block_on(watch);
        tell();
    };
    thread::Builder::new().name("signals".into()).spawn(watch)?;
    Ok(())
}

async fn watch(signals: &mut Ends, hangup: &mut Signal, news: &Sender<News>) {
    let name = loop {
        tokio::select! {
            name = next(signals) => break name,
            _ = hangup.recv() => {
                if news.send(News::ReadAgain).is_err() {
                    return;
                }
            }
        }
    };
    info!(
        signal = name,
        "stopping: no new connections, open ones may finish"
    );
    if news.send(News::Stop).is_err() {
        return;
    }
    // Who runs us may hand the signal on that was meant for both, or send it to all at once.
    let together = Instant::now() + SIGNALS_TOGETHER;
    let name = loop {
        let name = next(signals).await;
        if together <= Instant::now() {
            break name;
        }
    };
    warn!(signal = name, "ended at once: open connections are cut");
    // Whoever hears it resets them, tells of each, and ends the process, if nothing holds it up. A
    // third signal, of somebody whose finger is quick, asks for no more than that.
    if news.send(News::StopNow).is_ok() {
        tokio::time::sleep(CUT_TIMEOUT).await;
    }
    logging::finish();
    process::exit(0);
}

/// While a data plane ends, hears the wish not to wait for its connections, to the end of the process.
pub(crate) fn cut_when_asked(news: Receiver<News>, cutter: Cutter) {
    let hear = move || {
        for _ in news.iter().filter(|it| matches!(it, News::StopNow)) {
            cutter.cut();
        }
    };
    if let Err(error) = thread::Builder::new().name("cutter".into()).spawn(hear) {
        warn!(%error, "a second signal ends without resets");
    }
}

async fn next([(first, one), (second, other)]: &mut Ends) -> &'static str {
    tokio::select! {
        _ = one.recv() => *first,
        _ = other.recv() => *second,
    }
}
