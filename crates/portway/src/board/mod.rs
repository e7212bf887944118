//! What an instance shows of itself: facts, put here by whoever learns them.
//!
//! In: readiness, how configuration goes, an [`Observer`] of the data plane. Out: the [`View`] of the
//! admin server, made when somebody asks. Never: a decision; a wait of whoever puts facts here for
//! whoever reads them, longer than it takes to copy a pointer.

mod connections;
mod explain;
mod metrics;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use status::{Shown, place_of};

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use portway_engine::table::TableVersion;
use portway_feed::Link;
use portway_proxy::Observer;
use serde_json::Value;
use tokio::sync::watch;

use crate::access_log::Tally;
use crate::admin::{Query, Readiness, Unexplained, View};
use crate::limits::{APPLY_TIME_BOUNDS, RELOAD_MAX};
use crate::logging;
use crate::metrics::{BUILD, FEED_FOLLOWING, LOG_DROPPED, READY, Samples, process, proxy};

/// The facts of one instance.
#[derive(Debug)]
pub(crate) struct Board {
    role: &'static str,
    started: SystemTime,
    readiness: AtomicU8,
    observer: Arc<OnceLock<Observer>>,
    link: OnceLock<watch::Receiver<Link>>,
    access_log: OnceLock<Arc<Tally>>,
    progress: Mutex<Progress>,
    shown: Mutex<Option<Arc<Shown>>>,
}

/// How configuration goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// The newest table that was handed to the workers.
    pub(crate) version: u64,
    /// The newest table that all workers have.
    pub(crate) applied: u64,
    /// When they had it.
    pub(crate) applied_at: Option<SystemTime>,
    /// How long that took.
    pub(crate) apply_time: Duration,
    /// Tables applied, by how long it took: for each of [`APPLY_TIME_BOUNDS`], and beyond.
    pub(crate) apply_times: [u64; APPLY_TIME_BOUNDS.len() + 1],
    /// How long all took together.
    pub(crate) apply_time_sum: Duration,
    /// Errors of configuration so far.
    pub(crate) n_errors: u64,
    /// The last of them.
    pub(crate) last_error: Option<ConfigError>,
    /// The last of those that have lasted.
    error_before: Option<ConfigError>,
}

/// An error of configuration.
#[derive(Debug, Clone)]
pub(crate) struct ConfigError {
    /// When it was found.
    pub(crate) at: SystemTime,
    /// What it is, with its code if it has one.
    pub(crate) what: String,
    /// Where, as `file:line:column`.
    pub(crate) place: Option<String>,
}

impl ConfigError {
    fn is_of_moment(&self) -> bool {
        self.at.elapsed().is_ok_and(|age| age < RELOAD_MAX)
    }
}

impl Board {
    /// Of an instance that is about to start. `role` is the verb that started it.
    pub(crate) fn new(role: &'static str) -> Self {
        Self {
            role,
            started: SystemTime::now(),
            readiness: AtomicU8::new(0),
            observer: Arc::default(),
            link: OnceLock::new(),
            access_log: OnceLock::new(),
            progress: Mutex::default(),
            shown: Mutex::default(),
        }
    }

    /// There is a data plane.
    pub(crate) fn observe(&self, observer: Observer) {
        if self.observer.set(observer).is_err() {
            tracing::debug!("a second data plane is not shown");
        }
    }

    /// The data plane, once there is one.
    pub(crate) fn observer(&self) -> Arc<OnceLock<Observer>> {
        Arc::clone(&self.observer)
    }

    /// There is an access log.
    pub(crate) fn count_records(&self, tally: Arc<Tally>) {
        if self.access_log.set(tally).is_err() {
            tracing::debug!("a second access log is not shown");
        }
    }

    /// A controller feeds it, or should.
    pub(crate) fn follow(&self, link: watch::Receiver<Link>) {
        if self.link.set(link).is_err() {
            tracing::debug!("a second feed is not shown");
        }
    }

    /// Whether connections are taken is different now.
    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        let place = STAGES.iter().position(|it| *it == readiness);
        let place = place.and_then(|it| u8::try_from(it).ok()).unwrap_or(0);
        self.readiness.store(place, Ordering::Relaxed);
    }

    /// A table was handed to the workers.
    pub(crate) fn handed_out(&self, version: TableVersion) {
        self.progress().version = version.0;
    }

    /// All workers have that table, after so long.
    pub(crate) fn applied(&self, version: TableVersion, time: Duration) {
        let mut progress = self.progress();
        if version.0 <= progress.applied {
            return;
        }
        progress.version = progress.version.max(version.0);
        progress.applied = version.0;
        progress.applied_at = Some(SystemTime::now());
        progress.apply_time = time;
        progress.apply_time_sum += time;
        let place = APPLY_TIME_BOUNDS
            .iter()
            .take_while(|it| **it < time)
            .count();
        if let Some(n) = progress.apply_times.get_mut(place) {
            *n += 1;
        }
    }

    /// Something is wrong with the configuration.
    pub(crate) fn config_error(&self, what: String, place: Option<String>) {
        let mut progress = self.progress();
        progress.n_errors += 1;
        let last = progress.last_error.take();
        if let Some(lasted) = last.filter(|it| !it.is_of_moment()) {
            progress.error_before = Some(lasted);
        }
        let at = SystemTime::now();
        progress.last_error = Some(ConfigError { at, what, place });
    }

    /// What was wrong is not any more. If that was for a moment between two files that changed, an
    /// object that stood in both say, it is not told as the last error.
    pub(crate) fn config_mended(&self, what: &str, place: Option<&str>) {
        let mut progress = self.progress();
        let is_it = |it: &&ConfigError| it.what == what && it.place.as_deref() == place;
        let last = progress.last_error.as_ref().filter(is_it);
        if last.is_some_and(ConfigError::is_of_moment) {
            progress.last_error = progress.error_before.clone();
        }
    }

    /// What is served is different now.
    pub(crate) fn show(&self, shown: Shown) {
        *self.lock_shown() = Some(Arc::new(shown));
    }

    /// What is served, as it was last put here: for whoever explains it.
    pub(crate) fn shown(&self) -> Option<Arc<Shown>> {
        self.lock_shown().clone()
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_shown(&self) -> MutexGuard<'_, Option<Arc<Shown>>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const STAGES: [Readiness; 3] = [Readiness::Starting, Readiness::Ready, Readiness::Draining];

impl View for Board {
    fn readiness(&self) -> Readiness {
        let place = usize::from(self.readiness.load(Ordering::Relaxed));
        STAGES.get(place).copied().unwrap_or(Readiness::Starting)
    }

    fn waits_for(&self) -> Option<String> {
        let link = self.link.get()?.borrow();
        Some(match &*link {
            Link::Following(_) => "the controller has no table yet".to_owned(),
            Link::Down(Some(why)) => format!("no controller to follow: {why}"),
            Link::Down(None) => "no controller to follow yet".to_owned(),
        })
    }

    fn metrics(&self) -> String {
        let mut samples = Samples::default();
        let version = env!("CARGO_PKG_VERSION");
        let commit = env!("PORTWAY_COMMIT");
        samples.count(&BUILD, &[version, commit, self.role], 1);
        let ready = u64::from(self.readiness() == Readiness::Ready);
        samples.count(&READY, &[], ready);
        if let Some(link) = self.link.get() {
            let is_following = u64::from(link.borrow().is_following());
            samples.count(&FEED_FOLLOWING, &[], is_following);
        }
        let progress = self.progress().clone();
        metrics::progress(&progress, &mut samples);
        if let Some(shown) = self.shown() {
            metrics::shown(&shown, &mut samples);
        }
        if let Some(observer) = self.observer.get() {
            proxy(observer, &mut samples);
        }
        if let Some(tally) = self.access_log.get() {
            metrics::access_log(tally, &mut samples);
        }
        samples.count(&LOG_DROPPED, &[], logging::dropped());
        process(&mut samples);
        samples.show()
    }

    fn status(&self) -> Option<Value> {
        let progress = self.progress().clone();
        Some(status::of(self, &progress, self.shown().as_deref()))
    }

    fn connections(&self, query: &Query) -> Option<Value> {
        Some(connections::of(self.observer.get()?, query))
    }

    fn explain(&self, subject: &str) -> Result<Value, Unexplained> {
        if self.link.get().is_some() {
            return Err(Unexplained::NoObjects);
        }
        let shown = self.shown().ok_or(Unexplained::TooEarly)?;
        explain::of(&shown, subject)
    }
}
