//! One connection after the other until one obeys an edit.
//!
//! In: a listener, an [`Effect`]. Out: how long it took, and what nobody may see meanwhile, counted.
//! Never: a wait without an end.

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::files::{Effect, Subject};
use super::streams::{GREETING_BYTES, Tally};
use crate::prove::limits::DEADLINE;
use crate::prove::sockets::{self, Opened};

/// Connects again and again until `effect` is seen. `since` is when the edit was made. A reset or a
/// refusal where the subject [may not show one](Subject::may_show) is counted.
///
/// # Errors
/// When it is not seen in time, or something else is seen that cannot be.
pub(crate) fn until(
    (subject, port): (Subject, u16),
    effect: Effect,
    since: Instant,
    tally: &Tally,
) -> Result<Duration> {
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut seen = None;
    while since.elapsed() < DEADLINE {
        let now = look(to)?;
        if now == effect {
            return Ok(since.elapsed());
        }
        match now {
            _ if subject.may_show(now) => {}
            Effect::Refused => Tally::add(&tally.refused, 1),
            _ => Tally::add(&tally.resets, 1),
        }
        seen = Some(now);
    }
    bail!("port {port}: {effect:?} not seen in {DEADLINE:?}, but {seen:?}")
}

/// What one connection sees.
///
/// # Errors
/// When it is nothing of what there is.
pub(crate) fn look(to: SocketAddr) -> Result<Effect> {
    let opened = match sockets::open(to) {
        Ok(opened) => opened,
        Err(error) => match error.downcast_ref::<rustix::io::Errno>() {
            Some(error) if *error == rustix::io::Errno::CONNREFUSED => return Ok(Effect::Refused),
            _ => return Err(error),
        },
    };
    let Opened::Stream(mut stream) = opened else {
        return Ok(Effect::Reset);
    };
    // Thousands of probes must not leave thousands of ports resting in TIME_WAIT: the kernel would
    // use them again for streams, and drop what it takes for old segments of a probe (PAWS).
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
    let mut greeting = [0; GREETING_BYTES];
    match stream.read_exact(&mut greeting) {
        Ok(()) => {
            let text = String::from_utf8_lossy(&greeting);
            match text.trim_end().trim_start_matches('b').parse() {
                Ok(backend) => Ok(Effect::Backend(backend)),
                Err(_) => bail!("an unknown greeting: {text:?}"),
            }
        }
        Err(error) => match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => Ok(Effect::Reset),
            _ => Err(error.into()),
        },
    }
}

#[cfg(test)]
mod tests;
