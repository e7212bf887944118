//! Crowds: connections that stay and say nothing, and floods of them.
//!
//! In: how many. Out: what they cost in the gateway's memory and the kernel's, and how soon another
//! client is served. Never: a wait for a connection that a full gateway leaves in the queue.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::net::sockopt;
use serde_json::{Value, json};

use crate::args::DriveArgs;
use crate::connects::socket;
use crate::dial::connect;
use crate::limits::{DEADLINE, MEMORY_LOOK, MESSAGE_BYTES};
use crate::protocol::Purpose;
use crate::usage::{Watched, kernel_bytes};

/// Opens connections, lets each say something once, and looks at memory before and after.
pub(crate) fn idle(args: &DriveArgs) -> Result<Value> {
    let watched = Watched::of(args);
    // The first connection pays for what all share.
    say_something(&mut connect(args, 0)?)?;
    // What the one before left behind is gone by then.
    thread::sleep(args.warm_up());
    let (gateway, kernel) = (watched.gateway_bytes(), kernel_bytes());
    let mut crowd = Vec::with_capacity(args.conns);
    for index in 0..args.conns {
        let mut stream = connect(args, index)?;
        say_something(&mut stream).with_context(|| format!("connection {index}"))?;
        crowd.push(stream);
    }
    thread::sleep(args.warm_up());
    let before = watched.read();
    let more = watched.gateway_bytes().saturating_sub(gateway);
    let more_kernel = kernel_bytes().zip(kernel);
    let more_kernel = more_kernel.map(|(after, before)| after.saturating_sub(before));
    thread::sleep(args.measure());
    let after = watched.read();
    let per = |bytes: u64| bytes as f64 / args.conns.max(1) as f64;
    Ok(json!({
        "conns": args.conns,
        "gateway_bytes_before": gateway,
        "gateway_bytes_each": per(more),
        "kernel_bytes_each": more_kernel.map(per),
        "cpu": after.since(&before),
    }))
}

/// Opens connections as fast as the kernel makes them, holds them, drops them with a reset, and
/// measures how long the next client waits.
pub(crate) fn flood(args: &DriveArgs) -> Result<Value> {
    let watched = Watched::of(args);
    say_something(&mut connect(args, 0)?)?;
    let before = watched.gateway_bytes();
    let start = Instant::now();
    let mut crowd = Vec::with_capacity(args.conns);
    let mut refused = 0;
    for index in 0..args.conns {
        let to = args.target(index).context("no address")?;
        let stream = socket(to)?;
        match rustix::net::connect(&stream, &to) {
            Ok(()) | Err(Errno::INPROGRESS) => crowd.push(stream),
            Err(_) => refused += 1,
        }
    }
    let opened_in = start.elapsed();
    let mut most = before;
    let held_since = Instant::now();
    while held_since.elapsed() < args.measure() {
        most = most.max(watched.gateway_bytes());
        thread::sleep(MEMORY_LOOK);
    }
    for stream in &crowd {
        sockopt::set_socket_linger(stream, Some(Duration::ZERO)).context("reset on close")?;
    }
    drop(crowd);
    let ended = Instant::now();
    let served = say_something(&mut connect(args, 0)?);
    Ok(json!({
        "conns": args.conns,
        "refused": refused,
        "opened_in_ms": millis(opened_in),
        "gateway_bytes_before": before,
        "gateway_bytes_most": most,
        "next_client_ms": millis(ended.elapsed()),
        "next_client": served.map_or_else(|error| format!("{error:#}"), |()| "served".to_owned()),
    }))
}

/// One request and its answer.
fn say_something(stream: &mut TcpStream) -> Result<()> {
    stream.set_read_timeout(Some(DEADLINE))?;
    let message = [Purpose::Echo.to_byte(); MESSAGE_BYTES];
    stream.write_all(&message).context("send a request")?;
    let mut answer = [0; MESSAGE_BYTES];
    stream.read_exact(&mut answer).context("read its answer")
}

fn millis(wait: Duration) -> f64 {
    wait.as_secs_f64() * 1000.0
}
