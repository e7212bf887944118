//! A gateway that runs for as long as it is tried.
//!
//! In: the binary, a folder of manifests. Out: what the trial gave. Never: a gateway that is left
//! running, whatever the trial came to.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Starts `portway run` with the files of `dir`, and does `trial` once it is ready.
///
/// # Errors
/// When it does not get ready, or the trial fails.
pub(crate) fn while_ready<T>(
    binary: &Path,
    dir: &Path,
    trial: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let mut gateway = Command::new(binary)
        .args(["run", "--admin", "off", "--log-format", "json", "-f"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("start it")?;
    let outcome = (|| {
        let stderr = gateway.stderr.take().context("no stderr")?;
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let is_ready = lines.any(|line| line.contains("\"ready\""));
        ensure!(is_ready, "it ended before it was ready");
        trial()
    })();
    // It has no state to lose.
    gateway.kill().context("end it")?;
    gateway.wait().context("wait for its end")?;
    outcome
}

#[cfg(test)]
mod tests;
