//! Bulk: streams that carry as much as the way takes, up, down or both.
//!
//! In: a direction, a number of streams. Out: bytes. Never: a byte copied that need not be: one hot
//! buffer is sent again and again, and what comes is thrown away inside the kernel.

use std::io::Write;
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::args::{DriveArgs, Job};
use crate::dial::connect;
use crate::histogram::Histogram;
use crate::limits::{LOOK, SEND_BYTES, SINK_BYTES};
use crate::poll::{Events, Flags, Poll};
use crate::protocol::Purpose;
use crate::window::{Tally, Window};

/// What a stream is for, by job.
fn purpose(job: Job) -> Purpose {
    match job {
        Job::Down => Purpose::Source,
        Job::Both => Purpose::Both,
        _ => Purpose::Sink,
    }
}

/// One thread's streams.
pub(crate) struct Streams {
    poll: Poll,
    events: Events,
    streams: Vec<Option<TcpStream>>,
    buffers: Buffers,
}

/// The memory of bulk: what is sent, and where what comes would go.
#[derive(Debug)]
pub(crate) struct Buffers {
    hot: Vec<u8>,
    sink: Vec<u8>,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        Self {
            hot: vec![0x5a; SEND_BYTES],
            sink: vec![0; SINK_BYTES],
        }
    }

    /// Sends what fits, once.
    pub(crate) fn send(&self, to: &TcpStream) -> rustix::io::Result<usize> {
        again_is_none(rustix::net::send(to, &self.hot, SendFlags::NOSIGNAL))
    }

    /// Throws away what has come; `None` is the end.
    pub(crate) fn discard(&mut self, from: &TcpStream) -> rustix::io::Result<Option<usize>> {
        match rustix::net::recv(from, &mut self.sink[..], RecvFlags::TRUNC) {
            Ok((_, 0)) => Ok(None),
            Ok((_, n)) => Ok(Some(n)),
            Err(error) => again_is_none(Err(error)).map(Some),
        }
    }
}

fn again_is_none(result: rustix::io::Result<usize>) -> rustix::io::Result<usize> {
    match result {
        Err(Errno::AGAIN) => Ok(0),
        other => other,
    }
}

impl Streams {
    /// Opens `n` streams for the job.
    pub(crate) fn open(args: &DriveArgs, job: Job, n: usize) -> Result<Self> {
        let purpose = purpose(job);
        let poll = Poll::new()?;
        let flags = match purpose {
            Purpose::Sink => Flags::OUT,
            Purpose::Source => Flags::IN,
            _ => Flags::IN | Flags::OUT,
        };
        let mut streams = Vec::with_capacity(n);
        for index in 0..n {
            let mut stream = connect(args, index)?;
            stream
                .write_all(&[purpose.to_byte()])
                .context("say what a stream is for")?;
            stream.set_nonblocking(true).context("unblock a stream")?;
            poll.add(&stream, index as u64, flags)?;
            streams.push(Some(stream));
        }
        Ok(Self {
            poll,
            events: Events::new(),
            streams,
            buffers: Buffers::new(),
        })
    }

    /// Moves bytes until the window is over.
    pub(crate) fn run(mut self, window: &Window, tally: &Tally) -> Result<Histogram> {
        while !window.is_over() {
            self.poll.wait(&mut self.events, LOOK)?;
            for event in std::mem::take(&mut self.events) {
                let index = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                if !self.serve(index, event.flags, tally) {
                    tally.failures.add(1);
                    self.streams[index] = None;
                }
            }
            let left = self.streams.iter().flatten().count();
            ensure!(left > 0, "every bulk stream was closed");
        }
        Ok(Histogram::new())
    }

    /// Moves some bytes of one stream. Whether it goes on.
    fn serve(&mut self, index: usize, flags: Flags, tally: &Tally) -> bool {
        let Some(Some(stream)) = self.streams.get(index) else {
            return true;
        };
        if flags.contains(Flags::OUT) {
            match self.buffers.send(stream) {
                Ok(n) => tally.bytes.add(n as u64),
                Err(_) => return false,
            }
        }
        if flags.intersects(Flags::IN | Flags::HUP | Flags::ERR) {
            match self.buffers.discard(stream) {
                Ok(Some(n)) => tally.bytes.add(n as u64),
                Ok(None) | Err(_) => return false,
            }
        }
        true
    }
}

/// One thread's share of a bulk job.
pub(crate) fn run(
    args: &DriveArgs,
    thread: usize,
    window: &Window,
    tally: &Tally,
) -> Result<Histogram> {
    let streams = Streams::open(args, args.job, args.share(thread));
    window.ready();
    streams?.run(window, tally)
}
