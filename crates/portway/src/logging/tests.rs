//! What becomes of lines when the reader is slow, or does not read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, bounded};

use rustix::pipe::{PipeFlags, pipe_with};

use super::{Log, Sheet, Waiting};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Nobody reads it until the other end goes; says when it is written to.
struct Stuck(Sender<()>, Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(());
        let _ = self.1.recv();
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_burst_of_who_may_wait_reaches_the_reader_whole_and_in_order() {
    let paper = Paper::default();
    let log = Log::start(paper.clone(), 2).unwrap();
    for n in 0..5000 {
        log.put(format!("{n}\n").as_bytes(), true);
    }
    log.finish();
    let want: String = (0..5000).map(|n| format!("{n}\n")).collect();
    assert_eq!(String::from_utf8(paper.0.lock().unwrap().clone()), Ok(want));
    assert_eq!(log.dropped.load(Ordering::Relaxed), 0);
}

#[test]
fn lines_that_nobody_reads_are_counted_and_hold_up_nobody() {
    let (hold, held) = bounded(0);
    let (tell, is_writing) = bounded(1);
    let log = Log::start(Stuck(tell, held), 2).unwrap();
    log.put(b"the first\n", true);
    is_writing.recv().unwrap();
    for n in 0..1000 {
        log.put(b"a line\n", n % 2 == 0);
    }
    assert_eq!(log.dropped.load(Ordering::Relaxed), 998);
    log.finish();
    drop(hold);
}

/// Who has the other end may have made the pipe non-blocking, and reads late.
#[test]
fn lines_to_a_pipe_that_refuses_to_wait_are_whole() {
    let (theirs, ours) = pipe_with(PipeFlags::NONBLOCK).unwrap();
    let log = Log::start(Waiting(File::from(ours)), 10_000).unwrap();
    let line = "x".repeat(99);
    for _ in 0..5000 {
        log.put(format!("{line}\n").as_bytes(), false);
    }
    let dropped = Arc::clone(&log.dropped);
    // What waits is written, and then the other end is closed.
    drop(log);
    rustix::io::ioctl_fionbio(&theirs, false).unwrap();
    let lines = BufReader::new(File::from(theirs)).lines();
    let lines: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(lines.len(), 5000);
    assert!(lines.iter().all(|it| *it == line));
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
}

/// Half a line is there at a time, and then the disk is full, as long as it says so.
#[derive(Clone, Default)]
struct Full(Paper, Arc<Mutex<usize>>);

impl Write for Full {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut room = self.1.lock().unwrap();
        let n = text.len().min(*room);
        *room -= n;
        match n {
            0 => Err(io::ErrorKind::StorageFull.into()),
            n => self.0.write(&text[..n]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_begin_no_other() {
    let full = Full::default();
    let log = Log::start(full.clone(), 10).unwrap();
    for (room, line) in [(8, "one\n"), (2, "two\n"), (0, "three\n"), (8, "four\n")] {
        *full.1.lock().unwrap() = room;
        log.put(line.as_bytes(), true);
        log.finish();
    }
    let text = full.0.0.lock().unwrap().clone();
    assert_eq!(String::from_utf8(text), Ok("one\ntw\nfour\n".into()));
    assert_eq!(log.dropped.load(Ordering::Relaxed), 2);
}

#[test]
fn of_lines_that_are_written_together_those_that_are_there_count_as_such() {
    let full = Full::default();
    let mut sheet = Sheet::new(full.clone());
    for (room, lines, want) in [
        (6, ["one\n", "two\n", "three\n"], (1, 2)),
        (99, ["four\n", "five\n", "six\n"], (3, 0)),
    ] {
        *full.1.lock().unwrap() = room;
        lines.iter().for_each(|it| sheet.put(it.as_bytes()));
        let written = sheet.write();
        assert_eq!((written.whole, written.lost), want);
        assert_eq!(written.error.is_some(), want.1 > 0);
    }
    let text = full.0.0.lock().unwrap().clone();
    let want = "one\ntw\nfour\nfive\nsix\n";
    assert_eq!(String::from_utf8(text), Ok(want.into()));
}
