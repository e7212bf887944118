//! What the gateway under test counts of itself, read from its admin socket.
//!
//! In: the socket's path. Out: sums of metrics. Never: a port of its namespace, which would have to be
//! entered first.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::limits::START;

/// All metrics at one time, as the gateway tells them.
pub(crate) struct Metrics(String);

impl Metrics {
    /// Asks the gateway whose socket this is.
    ///
    /// # Errors
    /// When it does not answer with them.
    pub(crate) fn read(socket: &Path) -> Result<Self> {
        let mut admin = UnixStream::connect(socket).context("connect to the admin socket")?;
        admin.set_read_timeout(Some(START))?;
        admin.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut text = String::new();
        admin.read_to_string(&mut text).context("read metrics")?;
        ensure!(text.starts_with("HTTP/1.1 200"), "no metrics: {text}");
        Ok(Self(text))
    }

    /// The sum of all series of this name, 0 if there is none.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let is_name = rest.starts_with(['{', ' ']);
            let (_, value) = rest.rsplit_once(' ').filter(|_| is_name)?;
            value.parse::<f64>().ok()
        });
        values.fold(0.0, |sum, it| sum + it)
    }
}

#[cfg(test)]
mod tests;
