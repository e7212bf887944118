//! The client: does one job and tells what came of it.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::args::{DriveArgs, Job};
use crate::window::measure;
use crate::{bulk, change, connects, crowd, integrity, requests};

/// Does the job.
pub(crate) fn run(args: &DriveArgs) -> Result<Value> {
    ensure!(args.threads > 0, "a job needs a thread");
    ensure!(
        args.beside == 0 || args.threads > 1,
        "bulk beside it needs a thread of its own"
    );
    match args.job {
        Job::Up | Job::Down | Job::Both => measure(args, |thread, window, tally| {
            bulk::run(args, thread, window, tally)
        }),
        Job::Requests => measure(args, |thread, window, tally| {
            requests::run(args, thread, window, tally)
        }),
        Job::Connects => measure(args, |thread, window, tally| {
            connects::run(args, thread, window, tally)
        }),
        Job::Idle => crowd::idle(args),
        Job::Flood => crowd::flood(args),
        Job::Change => change::run(args),
        Job::Integrity => integrity::run(args),
    }
}
