//! Connects: a connection, one request, its answer, the end; then the next.
//!
//! In: how many at a time. Out: how many were done, and how long each took from `connect(2)` to the
//! answer. Never: an address that runs out of ports: several take turns.

use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::args::DriveArgs;
use crate::histogram::Histogram;
use crate::limits::{DEADLINE, FAILURES_MAX, LOOK, MESSAGE_BYTES};
use crate::poll::{Events, Flags, Poll};
use crate::protocol::Purpose;
use crate::requests::nanos;
use crate::window::{Tally, Window};

/// A connection that is being made, or waits for its answer.
#[derive(Debug)]
struct Visit {
    stream: TcpStream,
    since: Instant,
    asked: bool,
    heard: usize,
}

/// How a visit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
    Failed,
}

/// One thread's visits.
#[derive(Debug)]
struct Visits<'a> {
    args: &'a DriveArgs,
    poll: Poll,
    places: Vec<Option<Visit>>,
    /// How many have begun: whose turn it is among the addresses.
    n_begun: usize,
}

/// One thread's share of the job.
pub(crate) fn run(
    args: &DriveArgs,
    thread: usize,
    window: &Window,
    tally: &Tally,
) -> Result<Histogram> {
    let ready = Poll::new();
    window.ready();
    let mut visits = Visits {
        args,
        poll: ready?,
        places: Vec::new(),
        n_begun: thread,
    };
    let mut waits = Histogram::new();
    for place in 0..args.share(thread) {
        visits.places.push(None);
        visits.begin(place)?;
    }
    let mut events = Events::new();
    while !window.is_over() {
        visits.poll.wait(&mut events, LOOK)?;
        for event in &events {
            let place = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            let Some(Some(visit)) = visits.places.get_mut(place) else {
                continue;
            };
            match visit.go_on(event.flags) {
                State::Open => continue,
                State::Done => {
                    tally.units.add(1);
                    if window.is_measured() {
                        waits.record(nanos(visit.since.elapsed()));
                    }
                }
                State::Failed => tally.failures.add(1),
            }
            visits.begin(place)?;
        }
        visits.give_up_the_late(tally)?;
        ensure!(
            tally.failures.read() < FAILURES_MAX,
            "{FAILURES_MAX} connections failed"
        );
    }
    Ok(waits)
}

impl Visits<'_> {
    /// The next visit takes this place.
    fn begin(&mut self, place: usize) -> Result<()> {
        let to = self.args.target(self.n_begun).context("no address")?;
        self.n_begun += 1;
        let (stream, since) = (socket(to)?, Instant::now());
        match rustix::net::connect(&stream, &to) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error).with_context(|| format!("connect to {to}")),
        }
        // Edge-triggered for both, so that each connection is added once and never changed.
        let flags = Flags::IN | Flags::OUT | Flags::ET;
        self.poll.add(&stream, place as u64, flags)?;
        if let Some(old) = self.places.get_mut(place) {
            *old = Some(Visit {
                stream,
                since,
                asked: false,
                heard: 0,
            });
        }
        Ok(())
    }

    /// A connection that got no answer for so long is a failure.
    fn give_up_the_late(&mut self, tally: &Tally) -> Result<()> {
        for place in 0..self.places.len() {
            let late = |it: &Visit| it.since.elapsed() > DEADLINE;
            if self
                .places
                .get(place)
                .and_then(Option::as_ref)
                .is_some_and(late)
            {
                tally.failures.add(1);
                self.begin(place)?;
            }
        }
        Ok(())
    }
}

impl Visit {
    fn go_on(&mut self, flags: Flags) -> State {
        if flags.intersects(Flags::ERR | Flags::HUP) && !flags.contains(Flags::IN) {
            return State::Failed;
        }
        if flags.contains(Flags::OUT) && !self.asked {
            let message = [Purpose::Echo.to_byte(); MESSAGE_BYTES];
            let sent = rustix::net::send(&self.stream, &message, SendFlags::NOSIGNAL);
            if sent != Ok(MESSAGE_BYTES) {
                return State::Failed;
            }
            self.asked = true;
        }
        if !flags.contains(Flags::IN) || !self.asked {
            return State::Open;
        }
        let mut answer = [0; MESSAGE_BYTES];
        match rustix::net::recv(&self.stream, &mut answer[..], RecvFlags::empty()) {
            Ok((_, 0)) => State::Failed,
            Ok((_, n)) => {
                self.heard += n;
                if self.heard < MESSAGE_BYTES {
                    State::Open
                } else {
                    State::Done
                }
            }
            Err(Errno::AGAIN) => State::Open,
            Err(_) => State::Failed,
        }
    }
}

/// A socket that does not block.
pub(crate) fn socket(to: SocketAddr) -> Result<TcpStream> {
    let family = match to {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None);
    socket.map(TcpStream::from).context("open a socket")
}
