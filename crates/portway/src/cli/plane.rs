//! What every verb takes that runs a data plane: workers, waits, where it is asked and what it writes.
//!
//! In: [`PlaneArgs`]. Out: the data plane's configuration, logs. Shared by `run` and `proxy`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use portway_engine::limits::DIAL_TIMEOUT;

use super::admin::AdminArgs;
use super::log::LogArgs;
use super::wait;
use crate::access_log::{AccessLog, Form, To};
use crate::board::Board;
use crate::limits::{DRAIN_TIMEOUT, WORKERS_MAX};

/// How a data plane runs.
#[derive(Debug, clap::Args)]
pub(crate) struct PlaneArgs {
    /// Worker threads; by default one a core.
    #[arg(
        long,
        value_name = "N",
        env = "PORTWAY_WORKERS", hide_env_values = true,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(WORKERS_MAX))
    )]
    workers: Option<u16>,

    /// Longest wait for one endpoint before the next is tried; by default 5s, always below 10s.
    ///
    /// 10s is what all tries of a connection may take. A WAIT is a number with ms, s, m or h, as
    /// 300ms, 5s, 2m or 1h; a day at most.
    #[arg(
        long,
        value_name = "WAIT",
        env = "PORTWAY_DIAL_TIMEOUT",
        hide_env_values = true,
        value_parser = wait::parse_dial
    )]
    dial_timeout: Option<Duration>,

    /// Longest wait for open connections at the end; by default 30s, with 0s none.
    #[arg(
        long,
        value_name = "WAIT",
        env = "PORTWAY_DRAIN_TIMEOUT",
        hide_env_values = true,
        value_parser = wait::parse
    )]
    drain_timeout: Option<Duration>,

    #[command(flatten)]
    pub(super) admin: AdminArgs,

    /// Write a record for each connection that is over, on stdout unless --access-log-file is given.
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        env = "PORTWAY_ACCESS_LOG",
        hide_env_values = true
    )]
    access_log: Option<RecordArg>,

    /// Append the records to this file, which SIGHUP opens again.
    #[arg(
        long,
        value_name = "PATH",
        requires = "access_log",
        env = "PORTWAY_ACCESS_LOG_FILE",
        hide_env_values = true
    )]
    access_log_file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) log: LogArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RecordArg {
    /// A line of `key=value`
    Text,
    /// One JSON object a line
    Json,
}

impl PlaneArgs {
    /// What the workers need to know.
    ///
    /// # Errors
    /// When the host does not say how many cores there are.
    pub(super) fn config(&self) -> Result<portway_proxy::Config> {
        Ok(portway_proxy::Config {
            workers: workers(self.workers)?,
            dial_timeout: self.dial_timeout.unwrap_or(DIAL_TIMEOUT),
            measure_paths: self.access_log.is_some(),
        })
    }

    /// Longest wait for open connections at the end.
    pub(super) fn drain_timeout(&self) -> Duration {
        self.drain_timeout.unwrap_or(DRAIN_TIMEOUT)
    }

    /// The access log, if one is asked for.
    ///
    /// # Errors
    /// When its file cannot be opened.
    pub(super) fn access_log(&self, board: &Board) -> Result<Option<AccessLog>> {
        let form = match self.access_log {
            Some(RecordArg::Text) => Form::Text,
            Some(RecordArg::Json) => Form::Json,
            None => return Ok(None),
        };
        let to = self.access_log_file.clone().map_or(To::Stdout, To::File);
        let log = AccessLog::start(form, to, board.observer())?;
        board.count_records(log.tally());
        Ok(Some(log))
    }
}

fn workers(asked: Option<u16>) -> Result<NonZeroUsize> {
    match asked.and_then(|n| NonZeroUsize::new(usize::from(n))) {
        Some(n) => Ok(n),
        None => thread::available_parallelism().context("find out how many cores there are"),
    }
}
