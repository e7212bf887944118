//! Requests: a small message, its echo, the next message, on connections that stay.
//!
//! In: a number of connections, bytes of a message. Out: how many, and how long each took. Never: a
//! second message under way on the same connection.

use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::args::{DriveArgs, Job};
use crate::bulk::Streams;
use crate::dial::connect;
use crate::histogram::Histogram;
use crate::limits::{LOOK, MESSAGE_BYTES_MAX};
use crate::poll::{Events, Flags, Poll};
use crate::protocol::Purpose;
use crate::window::{Tally, Window};

/// One connection.
#[derive(Debug)]
struct Talk {
    stream: TcpStream,
    asked_at: Instant,
    /// Bytes of the answer that have come.
    heard: usize,
}

/// One thread's share of the job. Bulk beside it has a thread of its own, the last.
pub(crate) fn run(
    args: &DriveArgs,
    thread: usize,
    window: &Window,
    tally: &Tally,
) -> Result<Histogram> {
    let talkers = args.threads - usize::from(args.beside > 0);
    if thread >= talkers {
        let streams = Streams::open(args, Job::Up, args.beside);
        window.ready();
        // Its bytes count; its units, and waits, are none.
        return streams?.run(window, tally);
    }
    let share = DriveArgs {
        threads: talkers,
        ..args.clone()
    };
    let opened = open(&share, thread);
    window.ready();
    let (poll, talks) = opened?;
    talk(&share, &poll, talks, (window, tally))
}

fn open(args: &DriveArgs, thread: usize) -> Result<(Poll, Vec<Option<Talk>>)> {
    ensure!(
        (1..=MESSAGE_BYTES_MAX).contains(&args.bytes),
        "a message has 1 to {MESSAGE_BYTES_MAX} bytes"
    );
    let poll = Poll::new()?;
    let mut talks = Vec::new();
    for index in 0..args.share(thread) {
        let stream = connect(args, index)?;
        stream
            .set_nonblocking(true)
            .context("unblock a connection")?;
        poll.add(&stream, index as u64, Flags::IN)?;
        talks.push(Some(Talk {
            stream,
            asked_at: Instant::now(),
            heard: 0,
        }));
    }
    Ok((poll, talks))
}

fn talk(
    args: &DriveArgs,
    poll: &Poll,
    mut talks: Vec<Option<Talk>>,
    (window, tally): (&Window, &Tally),
) -> Result<Histogram> {
    let message = vec![Purpose::Echo.to_byte(); args.bytes];
    let mut answer = vec![0; args.bytes];
    let mut waits = Histogram::new();
    for talk in talks.iter_mut().flatten() {
        ensure!(talk.ask(&message), "a request could not be sent");
    }
    let mut events = Events::new();
    while !window.is_over() {
        poll.wait(&mut events, LOOK)?;
        for event in &events {
            let index = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            let Some(place) = talks.get_mut(index) else {
                continue;
            };
            let Some(talk) = place else { continue };
            match talk.hear(&mut answer) {
                Heard::Part => {}
                Heard::All => {
                    tally.units.add(1);
                    let asked_at = talk.asked_at;
                    let goes_on = talk.ask(&message);
                    if window.is_measured() {
                        waits.record(nanos(talk.asked_at.duration_since(asked_at)));
                    }
                    if !goes_on {
                        tally.failures.add(1);
                        *place = None;
                    }
                }
                Heard::End => {
                    tally.failures.add(1);
                    *place = None;
                }
            }
        }
        ensure!(
            talks.iter().any(Option::is_some),
            "every connection was closed"
        );
    }
    Ok(waits)
}

/// What a read brought.
enum Heard {
    Part,
    All,
    End,
}

impl Talk {
    /// Sends the next request. A message fits into an empty socket, or the connection is broken.
    fn ask(&mut self, message: &[u8]) -> bool {
        self.asked_at = Instant::now();
        self.heard = 0;
        let sent = rustix::net::send(&self.stream, message, SendFlags::NOSIGNAL);
        sent == Ok(message.len())
    }

    fn hear(&mut self, answer: &mut [u8]) -> Heard {
        let room = answer.len() - self.heard;
        let read = rustix::net::recv(&self.stream, &mut answer[..room], RecvFlags::empty());
        match read {
            Ok((_, 0)) => Heard::End,
            Ok((_, n)) if n == room => Heard::All,
            Ok((_, n)) => {
                self.heard += n;
                Heard::Part
            }
            Err(Errno::AGAIN) => Heard::Part,
            Err(_) => Heard::End,
        }
    }
}

/// A wait as the histogram wants it.
pub(crate) fn nanos(wait: std::time::Duration) -> u64 {
    u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)
}
