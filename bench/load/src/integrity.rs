//! Integrity: transfers both ways with every order of half-closing, every byte compared.
//!
//! In: how many, how many at a time. Out: how many were good on both sides, and what was wrong with
//! the first bad ones. Never: a limit of time for the whole; each single wait has one.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use crate::args::DriveArgs;
use crate::dial::connect;
use crate::exchange::{Exchange, Scratch, Side, State, scratch};
use crate::limits::{DEADLINE, LOOK, TRANSFER_BYTES};
use crate::poll::{Events, Flags, Poll};
use crate::protocol::{Header, Order, Purpose};

/// Bad transfers of which the reason is told.
const REASONS_TOLD: usize = 5;

/// What one thread saw.
#[derive(Debug, Default)]
struct Seen {
    good: u32,
    bad: u32,
    bytes: u64,
    reasons: Vec<String>,
}

/// Does the job.
pub(crate) fn run(args: &DriveArgs) -> Result<Value> {
    let start = Instant::now();
    let next = AtomicU32::new(0);
    let before = ask_tally(args)?;
    let mut sum = thread::scope(|scope| {
        let (next, mut threads) = (&next, Vec::new());
        for thread in 0..args.threads {
            threads.push(scope.spawn(move || work(args, thread, next)));
        }
        let mut sum = Seen::default();
        for thread in threads {
            let seen = thread.join().map_err(|_| anyhow!("a thread panicked"))??;
            sum.good += seen.good;
            sum.bad += seen.bad;
            sum.bytes += seen.bytes;
            sum.reasons.extend(seen.reasons);
        }
        Ok::<_, anyhow::Error>(sum)
    })?;
    let backend = settled_tally(args, before, sum.good)?;
    sum.reasons.truncate(REASONS_TOLD);
    // The backend compares too: a transfer is good only if both sides say so.
    let good = backend.map_or(sum.good, |good| sum.good.min(good));
    Ok(json!({
        "seconds": start.elapsed().as_secs_f64(),
        "bytes": sum.bytes,
        "transfers": args.count,
        "good": good,
        "bad": args.count - good.min(args.count),
        "reasons": sum.reasons,
    }))
}

/// A transfer under way.
struct Transfer {
    stream: TcpStream,
    exchange: Exchange,
    moved_at: Instant,
    bytes: u64,
}

fn work(args: &DriveArgs, thread: usize, next: &AtomicU32) -> Result<Seen> {
    let poll = Poll::new()?;
    let mut seen = Seen::default();
    let mut under_way = BTreeMap::new();
    let (mut scratch, mut events) = (scratch(), Events::new());
    loop {
        while under_way.len() < args.share(thread) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= args.count {
                break;
            }
            match begin(args, number, &poll) {
                Ok(transfer) => {
                    under_way.insert(u64::from(number), transfer);
                }
                Err(error) => seen.bad(format!("transfer {number}: {error:#}")),
            }
        }
        if under_way.is_empty() {
            return Ok(seen);
        }
        poll.wait(&mut events, LOOK)?;
        for event in &events {
            let number = event.data.u64();
            if let Some(transfer) = under_way.get_mut(&number) {
                let state = transfer.go_on(number, &poll, &mut scratch)?;
                settle(number, state, &mut under_way, &mut seen);
            }
        }
        let late = |it: &&u64| {
            under_way
                .get(it)
                .is_some_and(|it| it.moved_at.elapsed() > DEADLINE)
        };
        let late: Vec<u64> = under_way.keys().filter(late).copied().collect();
        for number in late {
            let state = State::Bad("nothing moved for too long".to_owned());
            settle(number, state, &mut under_way, &mut seen);
        }
    }
}

fn settle(number: u64, state: State, under_way: &mut BTreeMap<u64, Transfer>, seen: &mut Seen) {
    let what = match state {
        State::Goes => return,
        State::Good => None,
        State::Bad(what) => Some(what),
    };
    let bytes = under_way.remove(&number).map_or(0, |it| it.bytes);
    match what {
        None => {
            seen.good += 1;
            seen.bytes += bytes;
        }
        Some(what) => seen.bad(format!("transfer {number}: {what}")),
    }
}

fn begin(args: &DriveArgs, number: u32, poll: &Poll) -> Result<Transfer> {
    let header = plan(number);
    let mut stream = connect(args, usize::try_from(number).unwrap_or(0))?;
    stream
        .write_all(&header.to_bytes())
        .context("send the header")?;
    stream.set_nonblocking(true).context("unblock a transfer")?;
    let exchange = Exchange::new(header, Side::Client);
    poll.add(&stream, u64::from(number), interest(&exchange))?;
    Ok(Transfer {
        stream,
        exchange,
        moved_at: Instant::now(),
        bytes: u64::from(header.up) + u64::from(header.down),
    })
}

/// Transfer number so and so is the same in every run.
fn plan(number: u32) -> Header {
    let (least, most) = TRANSFER_BYTES;
    let seed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let draw = |bits: u64| least + u32::try_from(bits & 0xffff_ffff).unwrap_or(0) % (most - least);
    Header {
        order: match number % 3 {
            0 => Order::AtOnce,
            1 => Order::ClientFirst,
            _ => Order::BackendFirst,
        },
        seed,
        up: draw(seed >> 7),
        down: draw(seed >> 23),
    }
}

/// What to wait for.
pub(crate) fn interest(exchange: &Exchange) -> Flags {
    let mut flags = Flags::empty();
    flags.set(Flags::IN, exchange.wants_to_hear());
    flags.set(Flags::OUT, exchange.wants_to_send());
    flags
}

impl Transfer {
    fn go_on(&mut self, number: u64, poll: &Poll, scratch: &mut Scratch) -> Result<State> {
        let before = interest(&self.exchange);
        let state = self.exchange.go_on(&self.stream, scratch);
        self.moved_at = Instant::now();
        let after = interest(&self.exchange);
        if state == State::Goes && before != after {
            poll.change(&self.stream, number, after)?;
        }
        Ok(state)
    }
}

impl Seen {
    fn bad(&mut self, what: String) {
        self.bad += 1;
        if self.reasons.len() < REASONS_TOLD {
            self.reasons.push(what);
        }
    }
}

/// How many transfers the backend has called good.
fn ask_tally(args: &DriveArgs) -> Result<Option<u32>> {
    let Some(addr) = args.tally else {
        return Ok(None);
    };
    let mut stream = TcpStream::connect_timeout(&addr, DEADLINE).context("ask the backend")?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(&[Purpose::Tally.to_byte()])?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let good = answer.trim().parse().context("the backend's answer")?;
    Ok(Some(good))
}

/// The same since `before`, when the backend has seen the ends that our side has seen already.
fn settled_tally(args: &DriveArgs, before: Option<u32>, expected: u32) -> Result<Option<u32>> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = ask_tally(args)?;
        let (Some(now), Some(before)) = (now, before) else {
            return Ok(None);
        };
        let good = now - before;
        if good >= expected || Instant::now() > deadline {
            return Ok(Some(good));
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests;
