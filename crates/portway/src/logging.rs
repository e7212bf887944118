//! Where log events go: stderr, as text or JSON lines.
//!
//! In: a form and a level. Out: a subscriber for the whole process. Never: events of libraries;
//! what they have to say, whoever uses them says in our words.

use std::io;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::render::Paint;

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts to log; the first call in a process wins.
pub(crate) fn start(format: Format, level: LevelFilter) {
    let ours = ["portway", "portway_feed", "portway_kube", "portway_proxy"]
        .map(|name| format!("{name}={level}"));
    let filter = EnvFilter::new(ours.join(","));
    let log = fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(level >= Level::TRACE);
    let _ = match format {
        Format::Json => log.json().flatten_event(true).try_init(),
        Format::Text => {
            let colour = Paint::for_stderr().is_colour();
            log.with_ansi(colour).try_init()
        }
    };
}
