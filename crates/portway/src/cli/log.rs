//! `--log-format`, `--log-level`: what every verb takes that runs until a signal comes.
//!
//! In: [`LogArgs`]. Out: the log of the process, started.

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;

use crate::logging::{self, Format};

/// What is logged, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// Form of the log on stderr.
    #[arg(
        long,
        value_enum,
        default_value = "text",
        env = "PORTWAY_LOG_FORMAT",
        hide_env_values = true
    )]
    log_format: FormatArg,

    /// What is logged: off, error, warn, info, debug (with a line for each connection) or trace.
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        env = "PORTWAY_LOG_LEVEL",
        hide_env_values = true,
        value_parser = level
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

/// Reads a level, for clap. To `tracing` nothing at all is one too.
fn level(text: &str) -> Result<LevelFilter, String> {
    let expected = || "expected off, error, warn, info, debug or trace".to_owned();
    let named = Some(text).filter(|text| !text.is_empty());
    named
        .and_then(|text| text.parse().ok())
        .ok_or_else(expected)
}

impl LogArgs {
    /// Starts to log.
    pub(super) fn start(&self) -> Format {
        let format = match self.log_format {
            FormatArg::Text => Format::Text,
            FormatArg::Json => Format::Json,
        };
        logging::start(format, self.log_level);
        format
    }
}
