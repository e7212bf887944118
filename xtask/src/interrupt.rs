//! Signals that ask us to end, heard at every wait, so that what was made can be removed.
//!
//! In: [`SIGNALS`]. Out: an error from whatever waits. Never: an end in the middle: the
//! one who made things unmakes them.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
    SIGVTALRM, SIGXCPU, SIGXFSZ,
};

/// All that end a process which does not catch them, signal(7), and that somebody or a limit sends. Not
/// those by which the processor tells of a defect: there is no going on after these.
const SIGNALS: [i32; 14] = [
    SIGABRT,
    SIGALRM,
    SIGHUP,
    SIGINT,
    SIGIO,
    SIGPROF,
    SIGQUIT,
    SIGTERM,
    SIGUSR1,
    SIGUSR2,
    SIGVTALRM,
    SIGXCPU,
    SIGXFSZ,
    rustix::process::Signal::POWER.as_raw(),
];

/// How often a wait looks whether it is over. Most of what is waited for takes seconds.
const LOOK: Duration = Duration::from_millis(25);

/// How long a program gets to end by itself when we are asked to end.
const GRACE: Duration = Duration::from_secs(5);

/// Whether we were asked to end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
}

/// We were asked to end.
#[derive(Debug, thiserror::Error)]
#[error("asked to end")]
pub(crate) struct Interrupted;

impl Interrupt {
    /// From now on the signals are heard here instead of ending us.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn listen() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in SIGNALS {
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self { asked })
    }

    /// # Errors
    /// When we were asked to end.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.asked.load(Ordering::Relaxed) {
            return Err(Interrupted);
        }
        Ok(())
    }

    /// Waits until `reached` gives something.
    ///
    /// # Errors
    /// When it takes longer than `wait`, fails, or we were asked to end.
    pub(crate) fn until<T>(
        &self,
        what: &str,
        wait: Duration,
        mut reached: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(it) = reached()? {
                return Ok(it);
            }
            self.check()?;
            if start.elapsed() > wait {
                bail!("no {what} within {} s", wait.as_secs());
            }
            thread::sleep(LOOK);
        }
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    /// When it cannot be started, or we were asked to end; then it was ended first.
    pub(crate) fn run(&self, command: &mut Command) -> Result<ExitStatus> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("run {program}"))?;
        self.ended(&mut child)
    }

    /// Runs a program to its end and shows each of its lines to `line`.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn run_lines(
        &self,
        command: &mut Command,
        mut line: impl FnMut(&str) + Send,
    ) -> Result<ExitStatus> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("run {program}"))?;
        let output = child.stdout.take().context("a program without output")?;
        thread::scope(|scope| {
            scope.spawn(move || {
                for text in BufReader::new(output).lines().map_while(Result::ok) {
                    line(&text);
                }
            });
            self.ended(&mut child)
        })
    }

    fn ended(&self, child: &mut Child) -> Result<ExitStatus> {
        loop {
            if let Some(status) = child.try_wait()? {
                self.check()?;
                return Ok(status);
            }
            if let Err(interrupted) = self.check() {
                end(child);
                return Err(interrupted.into());
            }
            thread::sleep(LOOK);
        }
    }
}

/// Ends a program of ours, in order if it can.
pub(crate) fn end(child: &mut Child) {
    let raw = i32::try_from(child.id()).ok();
    if let Some(pid) = raw.and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let start = Instant::now();
    while start.elapsed() < GRACE {
        if let Ok(Some(_)) = child.try_wait() {
            return;
        }
        thread::sleep(LOOK);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests;
