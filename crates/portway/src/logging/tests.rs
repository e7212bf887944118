//! What becomes of lines when the reader is slow, or does not read.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Log;

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
