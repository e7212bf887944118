//! A terminal of 80 by 24 for a process, and what it writes there.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Longest life of a process, and longest wait for what it writes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process on a terminal; it ends with the test.
pub(crate) struct OnTerminal {
    child: Child,
    screen: File,
    /// Stays open, so that the terminal outlives the process.
    own: OwnedFd,
    started: Instant,
    /// Bytes of a character whose others have not come.
    rest: Vec<u8>,
    /// What came and is not drawn.
    written: String,
    picture: [[char; 80]; 24],
    cursor: (usize, usize),
}

impl OnTerminal {
    pub(crate) fn start(mut command: Command) -> Self {
        let screen =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&screen, size).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let own = rustix::fs::open(&*name, flags, Mode::empty()).unwrap();
        let side = || own.try_clone().unwrap();
        command.stdin(side()).stdout(side()).stderr(side());
        Self {
            child: command.spawn().unwrap(),
            screen: screen.into(),
            own,
            started: Instant::now(),
            rest: Vec::new(),
            written: String::new(),
            picture: [[' '; 80]; 24],
            cursor: (0, 0),
        }
    }

    /// Waits until this was written since the last wait.
    pub(crate) fn wait_for(&mut self, text: &str) {
        while !self.written.contains(text) {
            self.hear(text);
        }
        let at = self.written.find(text).unwrap_or_default();
        self.written.drain(..at + text.len());
    }

    /// Waits until this stands on the screen. Of a picture only what is different is written.
    pub(crate) fn wait_to_see(&mut self, text: &str) {
        while !self
            .picture
            .iter()
            .any(|line| line.iter().collect::<String>().contains(text))
        {
            self.hear(text);
            self.draw();
        }
    }

    /// Waits until lines begin like this, from one of them on.
    pub(crate) fn wait_to_see_lines(&mut self, first: usize, beginnings: &[&str]) {
        let begin_so = |lines: &[String]| {
            let mut pairs = lines.iter().skip(first).zip(beginnings);
            pairs.all(|(line, beginning)| line.starts_with(beginning))
        };
        while !begin_so(&self.lines()) {
            self.hear(&beginnings.join("; "));
            self.draw();
        }
    }

    /// Reads what comes next.
    fn hear(&mut self, waiting_for: &str) {
        let wait = Timespec::try_from(PATIENCE).unwrap();
        let mut ready = [PollFd::from_borrowed_fd(self.screen.as_fd(), PollFlags::IN)];
        let n = poll(&mut ready, Some(&wait)).unwrap();
        let is_late = self.started.elapsed() > PATIENCE;
        assert!(
            n > 0 && !is_late,
            "no {waiting_for:?} in {:#?}",
            self.lines()
        );
        let mut bytes = [0; 4096];
        let n = self.screen.read(&mut bytes).unwrap();
        self.rest.extend_from_slice(&bytes[..n]);
        // A character may be cut in two.
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let whole = self.rest.drain(..whole).collect();
        self.written += &String::from_utf8(whole).unwrap();
    }

    /// Draws what was written: places by `CSI line;column H`, and characters.
    fn draw(&mut self) {
        let mut written = std::mem::take(&mut self.written);
        while let Some(c) = written.chars().next() {
            let Some(sequence) = written.strip_prefix("\x1b[") else {
                written.remove(0);
                let (line, column) = &mut self.cursor;
                if let Some(cell) = self
                    .picture
                    .get_mut(*line)
                    .and_then(|it| it.get_mut(*column))
                {
                    *cell = c;
                }
                *column += 1;
                continue;
            };
            let Some(end) = sequence.find(|c: char| c.is_ascii_alphabetic()) else {
                break;
            };
            if let (Some((line, column)), "H") =
                (sequence[..end].split_once(';'), &sequence[end..=end])
            {
                let from_one = |it: &str| it.parse::<usize>().unwrap() - 1;
                self.cursor = (from_one(line), from_one(column));
            }
            written.drain(..end + 3);
        }
        self.written = written;
    }

    fn lines(&self) -> Vec<String> {
        let lines = self.picture.iter();
        lines
            .map(|it| it.iter().collect::<String>().trim_end().to_owned())
            .collect()
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, after which the terminal must be as it was.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        // Leaves the other screen; a process that hangs after that is caught by the test's runner.
        self.wait_for("\x1b[?1049l");
        let status = self.child.wait().unwrap();
        let modes = tcgetattr(&self.own).unwrap().local_modes;
        assert!(
            modes.contains(LocalModes::ICANON | LocalModes::ECHO),
            "{modes:?}"
        );
        status
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
