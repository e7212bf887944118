//! The only place that prints: values → text for people and machines.
//!
//! In: diagnostics, outlines, statuses. Out: text on stdout and stderr. Never: a decision; nor
//! control characters from input on a terminal.

pub(crate) mod cluster;
pub(crate) mod demo;
pub(crate) mod diagnostics;
pub(crate) mod explain;
pub(crate) mod instance;
pub(crate) mod json;
pub(crate) mod outline;
pub(crate) mod page;
mod paint;
pub(crate) mod status;
pub(crate) mod words;
pub(crate) mod yaml;

use std::io::{self, Write};
use std::ops::ControlFlow;

pub(crate) use paint::Paint;

/// Prints a result. A reader that went away, as `head` does, has seen enough.
///
/// # Errors
/// When stdout cannot be written for another reason: the result is lost.
pub(crate) fn stdout(text: &str) -> io::Result<()> {
    stdout_while_read(text).map(|_| ())
}

/// Prints one of many results; after a `Break` nobody reads the next.
///
/// # Errors
/// When stdout cannot be written for another reason: the result is lost.
pub(crate) fn stdout_while_read(text: &str) -> io::Result<ControlFlow<()>> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error),
    }
}

/// Prints what is beside the result; if nobody can read it there is nobody to tell.
pub(crate) fn stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints why the program could not run, with all causes.
pub(crate) fn failure(error: &anyhow::Error) {
    let paint = Paint::for_stderr();
    let text = annotate_snippets::normalize_untrusted_str(&format!("{error:#}"));
    stderr(&format!("{} {text}\n", paint.bad("error:")));
}

#[cfg(test)]
mod tests;
