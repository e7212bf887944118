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
use tracing::level_filters::LevelFilter;

use super::admin::AdminArgs;
use super::wait;
use crate::access_log::{AccessLog, Form, To};
use crate::board::Board;
use crate::limits::{DRAIN_TIMEOUT, WORKERS_MAX};
use crate::logging::{self, Format};

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

    /// Longest wait for one endpoint before the next is tried; by default 5s.
    #[arg(
        long,
        value_name = "WAIT",
        env = "PORTWAY_DIAL_TIMEOUT",
        hide_env_values = true,
        value_parser = wait::parse
    )]
    dial_timeout: Option<Duration>,

    /// Longest wait for open connections at the end; by default 30s.
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

    /// Form of the log on stderr.
    #[arg(
        long,
        value_enum,
        default_value = "text",
        env = "PORTWAY_LOG_FORMAT",
        hide_env_values = true
    )]
    log_format: FormatArg,

    /// What is logged: off, error, warn, info, debug (a line for each connection) or trace.
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        env = "PORTWAY_LOG_LEVEL",
        hide_env_values = true
    )]
    log_level: LevelFilter,
}
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RecordArg {
    /// A line of `key=value`
    Text,
    /// One JSON object a line
    Json,
}

impl PlaneArgs {
    /// Starts to log.
    pub(super) fn start_log(&self) -> Format {
        let format = match self.log_format {
            FormatArg::Text => Format::Text,
            FormatArg::Json => Format::Json,
        };
        logging::start(format, self.log_level);
        format
    }

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
