//! What an instance knows of its configuration and its access log.
//!
//! In: facts of the board. Out: [`Samples`].

use std::time::{SystemTime, UNIX_EPOCH};

use portway_control::diagnostic::Severity;

use super::{Progress, Shown};
use crate::access_log::Tally;
use crate::limits::APPLY_TIME_BOUNDS;
use crate::metrics::{
    ACCESS_LOG_DROPPED, ACCESS_LOG_WRITTEN, CONFIG_APPLIED, CONFIG_APPLIED_AT, CONFIG_APPLY_TIMES,
    CONFIG_ERROR_AT, CONFIG_ERRORS, CONFIG_FINDINGS, CONFIG_VERSION, FILES_UNREAD, FILES_UNUSED,
    SOCKETS_REFUSED, Samples,
};

/// Adds how configuration goes.
pub(super) fn progress(progress: &Progress, samples: &mut Samples) {
    samples.count(&CONFIG_VERSION, &[], progress.version);
    samples.count(&CONFIG_APPLIED, &[], progress.applied);
    samples.amount(&CONFIG_APPLIED_AT, &[], seconds(progress.applied_at));
    let (times, sum) = (&progress.apply_times, progress.apply_time_sum);
    samples.times(&CONFIG_APPLY_TIMES, &APPLY_TIME_BOUNDS, times, sum);
    samples.count(&CONFIG_ERRORS, &[], progress.n_errors);
    let at = progress.last_error.as_ref().map(|it| it.at);
    samples.amount(&CONFIG_ERROR_AT, &[], seconds(at));
}

/// Adds what is wrong now.
pub(super) fn shown(shown: &Shown, samples: &mut Samples) {
    for (name, severity) in [
        ("error", Severity::Error),
        ("warning", Severity::Warning),
        ("note", Severity::Note),
    ] {
        let n = shown.n_findings(severity);
        samples.count(&CONFIG_FINDINGS, &[name], n as u64);
    }
    let unused = &shown.unused;
    samples.count(&FILES_UNUSED, &[], unused.files.len() as u64);
    samples.count(&FILES_UNREAD, &[], unused.unread.len() as u64);
    samples.count(&SOCKETS_REFUSED, &[], shown.refused.len() as u64);
}

/// Adds what became of records.
pub(super) fn access_log(tally: &Tally, samples: &mut Samples) {
    samples.count(&ACCESS_LOG_WRITTEN, &[], tally.written());
    samples.count(&ACCESS_LOG_DROPPED, &[], tally.dropped());
}

/// Seconds since 1970; 0 for what has not happened.
fn seconds(at: Option<SystemTime>) -> f64 {
    let at = at.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    at.unwrap_or_default().as_secs_f64()
}
