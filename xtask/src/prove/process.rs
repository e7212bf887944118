//! Processes that end with us: what they say is heard line by line.
//!
//! In: a command. Out: its lines as they come, its end. Never: a process that outlives its parent:
//! [`end_with_parent`] is the first thing that each of ours does.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, set_parent_process_death_signal,
    setrlimit,
};

use super::limits::{DEADLINE, LOG_LINES_SHOWN};

/// A process that goes on. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    lines: Receiver<String>,
    /// Lines that [`Self::wait_for`] has not looked at yet.
    unread: VecDeque<String>,
    /// The last lines of all.
    last: VecDeque<String>,
}

impl Running {
    /// Starts it; its lines also go to the file `log`.
    ///
    /// To be called on the main thread: the kernel takes the end of the thread that started a
    /// process for the end of its parent.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("start {name}"))?;
        let (sender, lines) = mpsc::channel();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|it| Box::new(it) as _),
            child.stderr.take().map(|it| Box::new(it) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let sender = sender.clone();
            let mut log = File::options().create(true).append(true).open(log)?;
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = writeln!(log, "{line}");
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            lines,
            unread: VecDeque::new(),
            last: VecDeque::new(),
        })
    }

    /// Waits for a line that `is` what we wait for. Lines before it are not looked at again.
    ///
    /// # Errors
    /// When none came in time, or the process ended before.
    pub(crate) fn wait_for(&mut self, what: &str, is: impl FnMut(&str) -> bool) -> Result<String> {
        self.wait_for_within(DEADLINE, what, is)
    }

    /// The same, for what may take longer.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn wait_for_within(
        &mut self,
        wait: Duration,
        what: &str,
        mut is: impl FnMut(&str) -> bool,
    ) -> Result<String> {
        let deadline = Instant::now() + wait;
        loop {
            let line = match self.unread.pop_front() {
                Some(line) => line,
                None => {
                    let wait = deadline.saturating_duration_since(Instant::now());
                    match self.hear(wait) {
                        Ok(line) => line,
                        Err(why) => {
                            let tail = self.tail();
                            bail!("{}: no {what} ({why}){tail}", self.name);
                        }
                    }
                }
            };
            if is(&line) {
                return Ok(line);
            }
        }
    }

    /// All lines that are there now and were not looked at, which may still be waited for.
    pub(crate) fn pending(&mut self) -> &VecDeque<String> {
        while let Ok(line) = self.hear(Duration::ZERO) {
            self.unread.push_back(line);
        }
        &self.unread
    }

    fn hear(&mut self, wait: Duration) -> Result<String, RecvTimeoutError> {
        let line = self.lines.recv_timeout(wait)?;
        if self.last.len() == LOG_LINES_SHOWN {
            self.last.pop_front();
        }
        self.last.push_back(line.clone());
        Ok(line)
    }

    /// The last lines, for the message of a failure.
    pub(crate) fn tail(&mut self) -> String {
        self.pending();
        let lines = self.last.iter().map(|line| format!("\n    | {line}"));
        lines.collect()
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = pid(&self.child)?;
        kill_process(pid, signal).with_context(|| format!("send {signal:?} to {}", self.name))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it goes on for longer than `wait`.
    pub(crate) fn wait(&mut self, wait: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + wait;
        loop {
            let wait = deadline.saturating_duration_since(Instant::now());
            // Both outputs close when the process ends: that is the signal to wait for.
            match self.hear(wait) {
                Ok(line) => self.unread.push_back(line),
                Err(RecvTimeoutError::Disconnected) => return Ok(self.child.wait()?),
                Err(RecvTimeoutError::Timeout) => {
                    let tail = self.tail();
                    bail!("{} still runs{tail}", self.name);
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the kernel end this process when its parent ends.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn end_with_parent() -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("ask to end with the parent")
}

/// Raises the soft limit of descriptors to the hard one, and gives it.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn raise_descriptors() -> Result<u64> {
    let hard = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: hard,
        maximum: hard,
    };
    setrlimit(Resource::Nofile, limit).context("raise the limit of descriptors")?;
    Ok(hard.unwrap_or(u64::MAX))
}

/// Becomes `command`, which ends with our parent, with at most this many descriptors.
///
/// # Errors
/// When it cannot be started; otherwise it does not come back.
pub(crate) fn become_command(descriptors: Option<u64>, command: &[String]) -> Result<()> {
    end_with_parent()?;
    if descriptors.is_some() {
        let limit = Rlimit {
            current: descriptors,
            maximum: descriptors,
        };
        setrlimit(Resource::Nofile, limit).context("lower the limit of descriptors")?;
    }
    let (program, arguments) = command.split_first().context("no command")?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("start {program}"))
}

/// Ends a process at once.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn kill(pid: Pid) -> Result<()> {
    kill_process(pid, Signal::KILL).context("end a process")
}

/// The number of a process that we started.
///
/// # Errors
/// Never on Linux, whose numbers are positive.
pub(crate) fn pid(child: &Child) -> Result<Pid> {
    let raw = i32::try_from(child.id()).ok();
    raw.and_then(Pid::from_raw)
        .context("a process without a number")
}
