//! Looks at a running proxy from outside.
//!
//! In: questions. Out: numbers. Never: a wait of a worker for whoever asks.

use std::sync::Arc;

use crate::counters::{Counters, Counts};

/// Sees what a proxy does, from any thread. It stays valid when the proxy has ended.
#[derive(Debug, Clone)]
pub struct Observer {
    counts: Arc<[Arc<Counts>]>,
}

impl Observer {
    /// Of these workers.
    pub(crate) fn new(counts: Vec<Arc<Counts>>) -> Self {
        Self {
            counts: counts.into(),
        }
    }

    /// What happened so far, over all workers.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for counts in &*self.counts {
            sum.add(counts);
        }
        sum
    }
}
