//! The one clock of the data path.

use std::time::Instant;

use portway_engine::time::Moment;

/// Monotonic time since the proxy started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// What time it is.
    pub(crate) fn now(self) -> Moment {
        Moment::from_nanos(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
