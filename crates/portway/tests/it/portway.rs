//! The binary as a process: run to its end, or until a line is seen.

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::backend::DEADLINE;
use crate::files::root;

/// The binary with its arguments, in the root of the repository, without variables of ours.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portway"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTWAY_") {
            command.env_remove(name);
        }
    }
    // Instances of several tests cannot share a port; who wants to ask one says where.
    command.env("PORTWAY_ADMIN", "off");
    command.args(arguments).current_dir(root());
    command
}

/// Says on stderr, also of a test that passes, what could not be shown here and why.
pub(crate) fn not_shown(what: &str, why: impl Display) {
    let _ = writeln!(io::stderr(), "not shown: {what}: {why}");
}

/// What a process that ended left behind.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs to the end.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    run_with(arguments, b"")
}

/// Runs to the end with this on stdin.
pub(crate) fn run_with(arguments: &[&str], stdin: &[u8]) -> Ended {
    try_to_end(command(arguments), stdin).unwrap()
}

/// Runs to the end with this on stdin, if it can be started.
pub(crate) fn try_to_end(mut command: Command, stdin: &[u8]) -> io::Result<Ended> {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().unwrap();
    let stdin = stdin.to_owned();
    let writer = thread::spawn(move || {
        let _ = input.write_all(&stdin);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ok(Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    })
}

/// A process that goes on; it ends with the test.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: String,
}

impl Running {
    /// Starts it and listens to both of its outputs.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines() {
                    let _ = sender.send(line.unwrap());
                }
            });
        }
        Self {
            child,
            lines,
            seen: String::new(),
        }
    }

    /// Waits for a line with `text`, and gives it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let wait = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(wait) else {
                panic!("no line with {text:?} in:\n{}", self.seen);
            };
            self.seen += &line;
            self.seen += "\n";
            if line.contains(text) {
                return line;
            }
        }
    }

    /// All lines so far, those not yet waited for included once the process ended.
    pub(crate) fn seen(&self) -> &str {
        &self.seen
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// How many bytes a file may have that it writes to.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let limit = Rlimit {
            current: bytes,
            maximum: getrlimit(Resource::Fsize).maximum,
        };
        prlimit(pid, Resource::Fsize, limit).unwrap();
    }

    /// Sends a signal again and again, until a line has this text.
    pub(crate) fn signal_until(&mut self, signal: Signal, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.signal(signal);
            match self.lines.recv_timeout(Duration::from_millis(20)) {
                Ok(line) => {
                    self.seen += &format!("{line}\n");
                    if line.contains(text) {
                        return;
                    }
                }
                Err(_) => assert!(Instant::now() < deadline, "no {text:?} in:\n{}", self.seen),
            }
        }
    }

    /// Waits for the end and for the last lines.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let wait = deadline.saturating_duration_since(Instant::now());
            // Both outputs close when the process ends: that is the signal to wait for.
            match self.lines.recv_timeout(wait) {
                Ok(line) => self.seen += &format!("{line}\n"),
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("still runs:\n{}", self.seen),
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
