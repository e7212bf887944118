//! Clients: one that asks which backend answers, and a load of many that count what goes wrong.
//!
//! In: an address. Out: answers; failures with the moment of each. Never: a retry that hides one:
//! every connection is one attempt, and is counted.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::trail;

/// What the backend says first.
const GREETING: &str = "Gateway API Test TCP Server\n";

/// How long one answer may take: a lost segment is sent again after a second at most.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

/// How often a stream says something.
const BEAT: Duration = Duration::from_millis(100);

/// A connection to a backend that has greeted.
pub(crate) struct Stream {
    reader: BufReader<TcpStream>,
}

impl Stream {
    /// # Errors
    /// When no backend greets.
    pub(crate) fn open(to: SocketAddr) -> io::Result<Self> {
        let socket = trail::connect(to, ANSWER_WAIT)?;
        socket.set_read_timeout(Some(ANSWER_WAIT))?;
        socket.set_nodelay(true)?;
        let mut stream = Self {
            reader: BufReader::new(socket),
        };
        let greeting = stream.line()?;
        if greeting == GREETING {
            return Ok(stream);
        }
        Err(io::Error::other(format!("a greeting of {greeting:?}")))
    }

    /// # Errors
    /// When the backend does not answer.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<String> {
        self.reader
            .get_mut()
            .write_all(format!("{question}\n").as_bytes())?;
        self.line()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }
}

/// Which pod answers.
///
/// # Errors
/// When none does.
pub(crate) fn pod(at: SocketAddr) -> io::Result<String> {
    let answer = Stream::open(at)?.ask("TEST")?;
    let answer: serde_json::Value = serde_json::from_str(&answer)?;
    let pod = answer.get("pod").and_then(serde_json::Value::as_str);
    Ok(pod.unwrap_or_default().to_owned())
}

/// Something that went wrong for one client.
#[derive(Debug)]
pub(crate) struct Failure {
    /// From the start of the load.
    pub(crate) at: Duration,
    what: &'static str,
    error: io::Error,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, what, error } = self;
        write!(f, "{:.2} s: {what}: {error}", at.as_secs_f64())
    }
}

/// What a load came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// New connections that got an answer.
    pub(crate) n_answered: usize,
    /// When the last of them was begun, from the start of the load.
    pub(crate) last_answered: Duration,
    /// New connections that did not.
    pub(crate) failed: Vec<Failure>,
    /// Long streams that ended before we ended them.
    pub(crate) broken: Vec<Failure>,
}

impl Outcome {
    /// # Errors
    /// When anything went wrong, or nothing was tried.
    pub(crate) fn flawless(&self) -> Result<()> {
        ensure!(self.n_answered > 0, "no connection was tried");
        let all: Vec<String> = self
            .failed
            .iter()
            .chain(&self.broken)
            .take(5)
            .map(ToString::to_string)
            .collect();
        ensure!(
            all.is_empty(),
            "{} of {} new connections failed, {} streams broke; {}",
            self.failed.len(),
            self.n_answered + self.failed.len(),
            self.broken.len(),
            all.join("; ")
        );
        Ok(())
    }
}

enum Event {
    Answered(Duration),
    Failed(Failure),
    Broken(Failure),
}

/// Clients that go on until they are ended.
pub(crate) struct Load {
    end: Arc<AtomicBool>,
    start: Instant,
    events: Receiver<Event>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Two clients that connect 20 times a second each, and `n_streams` that stay.
    ///
    /// # Errors
    /// When a stream cannot be opened: then there is nothing to disturb.
    pub(crate) fn start(to: SocketAddr, n_streams: usize) -> Result<Self> {
        let (sender, events) = mpsc::channel();
        let end = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let mut threads = Vec::new();
        for _ in 0..2 {
            let (end, sender) = (Arc::clone(&end), sender.clone());
            threads.push(thread::spawn(move || {
                connect_again_and_again(to, start, &end, &sender)
            }));
        }
        for _ in 0..n_streams {
            let stream = Stream::open(to).context("open a stream that stays")?;
            let (end, sender) = (Arc::clone(&end), sender.clone());
            threads.push(thread::spawn(move || stay(stream, start, &end, &sender)));
        }
        Ok(Self {
            end,
            start,
            events,
            threads,
        })
    }

    /// How long it goes on by now.
    pub(crate) fn age(&self) -> Duration {
        self.start.elapsed()
    }

    /// Ends it.
    pub(crate) fn end(self) -> Outcome {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        let mut outcome = Outcome {
            n_answered: 0,
            last_answered: Duration::ZERO,
            failed: Vec::new(),
            broken: Vec::new(),
        };
        for event in self.events.try_iter() {
            match event {
                Event::Answered(at) => {
                    outcome.n_answered += 1;
                    outcome.last_answered = outcome.last_answered.max(at);
                }
                Event::Failed(failure) => outcome.failed.push(failure),
                Event::Broken(failure) => outcome.broken.push(failure),
            }
        }
        outcome
    }
}

fn connect_again_and_again(
    to: SocketAddr,
    start: Instant,
    end: &AtomicBool,
    events: &Sender<Event>,
) {
    while !end.load(Ordering::Relaxed) {
        let at = start.elapsed();
        let answer = Stream::open(to).and_then(|mut stream| stream.ask("PING"));
        let event = match answer {
            Ok(_) => Event::Answered(at),
            Err(error) => Event::Failed(Failure {
                at,
                what: "new connection",
                error,
            }),
        };
        if events.send(event).is_err() {
            return;
        }
        thread::sleep(BEAT / 2);
    }
}

fn stay(mut stream: Stream, start: Instant, end: &AtomicBool, events: &Sender<Event>) {
    while !end.load(Ordering::Relaxed) {
        if let Err(error) = stream.ask("PING") {
            let at = start.elapsed();
            let what = "stream";
            let _ = events.send(Event::Broken(Failure { at, what, error }));
            return;
        }
        thread::sleep(BEAT);
    }
}
