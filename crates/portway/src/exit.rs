//! How the process ends: a closed set, told in `--help`.

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Fine,
    /// The input has problems.
    Problems,
    /// It could not run: unreadable input, wrong flags, nothing to listen on.
    CouldNotRun,
    /// A worker died: a defect of ours (`EX_SOFTWARE` of sysexits.h).
    WorkerDied,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Problems => 1,
            Exit::CouldNotRun => 2,
            Exit::WorkerDied => 70,
        })
    }
}

#[cfg(test)]
mod tests;
