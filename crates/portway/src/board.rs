//! What an instance shows of itself: facts, put here by whoever learns them.
//!
//! In: readiness, an [`Observer`] of the data plane. Out: the [`View`] of the admin server. Never:
//! a decision; a wait of whoever puts facts here for whoever reads them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use portway_proxy::Observer;
use serde_json::Value;

use crate::admin::{Query, Readiness, View};
use crate::metrics::{self, BUILD, READY, Samples};

/// The facts of one instance.
#[derive(Debug)]
pub(crate) struct Board {
    role: &'static str,
    readiness: AtomicU8,
    observer: OnceLock<Observer>,
}

impl Board {
    /// Of an instance that is about to start. `role` is the verb that started it.
    pub(crate) fn new(role: &'static str) -> Self {
        Self {
            role,
            readiness: AtomicU8::new(0),
            observer: OnceLock::new(),
        }
    }

    /// There is a data plane.
    pub(crate) fn observe(&self, observer: Observer) {
        if self.observer.set(observer).is_err() {
            tracing::debug!("a second data plane is not shown");
        }
    }

    /// Whether connections are taken is different now.
    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        let place = STAGES.iter().position(|it| *it == readiness);
        let place = place.and_then(|it| u8::try_from(it).ok()).unwrap_or(0);
        self.readiness.store(place, Ordering::Relaxed);
    }
}

const STAGES: [Readiness; 3] = [Readiness::Starting, Readiness::Ready, Readiness::Draining];

impl View for Board {
    fn readiness(&self) -> Readiness {
        let place = usize::from(self.readiness.load(Ordering::Relaxed));
        STAGES.get(place).copied().unwrap_or(Readiness::Starting)
    }

    fn metrics(&self) -> String {
        let mut samples = Samples::default();
        let version = env!("CARGO_PKG_VERSION");
        samples.count(&BUILD, &[version, self.role], 1);
        let ready = u64::from(self.readiness() == Readiness::Ready);
        samples.count(&READY, &[], ready);
        if let Some(observer) = self.observer.get() {
            metrics::proxy(observer, &mut samples);
        }
        metrics::process(&mut samples);
        samples.show()
    }

    fn status(&self) -> Option<Value> {
        None
    }

    fn connections(&self, _query: &Query) -> Option<Value> {
        None
    }
}
