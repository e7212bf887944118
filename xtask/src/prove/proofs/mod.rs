//! The proofs, in the order they run: what users do first, then bytes, then what wears it out.
//!
//! In: a [`Stage`]. Out: lines with what was measured. Never: a proof that passes because nothing
//! happened; each counts what it saw.

mod demo;
mod guide;
mod server_first;
mod weights;

mod bulk;
mod half_close;
mod never_reads;

mod close_reasons;
mod drain;
mod edits;
mod vanish;

mod fd_exhaustion;
mod flood;
mod idle;
mod ports_exhaustion;
mod slow_clients;

mod hostile;
mod sim;

use std::time::Duration;

use anyhow::Result;

use super::limits::{LONG_TIME_MAX, TIME_MAX};
use super::stage::Stage;

/// A proof.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) name: &'static str,
    /// What is true when it passes.
    pub(crate) what: &'static str,
    pub(crate) needs: Needs,
    /// Its peers can also do it with each other.
    pub(crate) works_without_portway: bool,
    /// Longest time in full.
    pub(crate) time_max: Duration,
    pub(crate) run: fn(&Stage) -> Result<()>,
}

/// What a proof cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// A network namespace of its own, as its root.
    Namespace,
}

const fn proof(name: &'static str, what: &'static str, run: fn(&Stage) -> Result<()>) -> Proof {
    Proof {
        name,
        what,
        needs: Needs::Nothing,
        works_without_portway: false,
        time_max: TIME_MAX,
        run,
    }
}

impl Proof {
    const fn in_namespace(mut self) -> Self {
        self.needs = Needs::Namespace;
        self
    }

    const fn also_direct(mut self) -> Self {
        self.works_without_portway = true;
        self
    }

    const fn long(mut self) -> Self {
        self.time_max = LONG_TIME_MAX;
        self
    }
}

/// All of them.
pub(crate) const ALL: [Proof; 18] = [
    proof(
        "demo",
        "`demo` sends real streams through both its listeners",
        demo::run,
    )
    .in_namespace(),
    proof(
        "guide",
        "the guide as it stands routes each port, IPv4 and IPv6",
        guide::run,
    )
    .in_namespace(),
    proof(
        "weights",
        "500 connections over 70/30/0 are within 1 %",
        weights::run,
    ),
    proof(
        "server-first",
        "a greeting comes before the client says a word",
        server_first::run,
    )
    .also_direct(),
    proof(
        "bulk",
        "1 GiB each way arrives whole through half-close",
        bulk::run,
    )
    .also_direct(),
    proof(
        "half-close",
        "2,000 half-closed full-duplex transfers, 0 bad",
        half_close::run,
    )
    .also_direct(),
    proof(
        "never-reads",
        "a peer that never reads stops its sender, not us",
        never_reads::run,
    ),
    proof(
        "close-reasons",
        "every reason to close is provoked and logged",
        close_reasons::run,
    )
    .in_namespace(),
    proof(
        "vanish",
        "an endpoint killed in mid-stream hangs nobody",
        vanish::run,
    ),
    proof(
        "drain",
        "drained connections end as spread as was asked for",
        drain::run,
    ),
    proof(
        "edits",
        "1,000 edits a second for 10 s: coalesced, and the last one wins",
        edits::run,
    ),
    proof(
        "idle",
        "9,000 idle connections cost little memory",
        idle::run,
    )
    .also_direct(),
    proof(
        "slow-clients",
        "9,000 slow clients are all served",
        slow_clients::run,
    )
    .also_direct(),
    proof(
        "fd-exhaustion",
        "without descriptors accepting pauses, and resumes",
        fd_exhaustion::run,
    ),
    proof(
        "ports-exhaustion",
        "without local ports clients are told, and served later",
        ports_exhaustion::run,
    )
    .in_namespace(),
    proof(
        "flood",
        "a flood of connections leaves nothing behind",
        flood::run,
    )
    .also_direct(),
    proof(
        "hostile",
        "no input makes `check` slow, large or panic",
        hostile::run,
    ),
    proof(
        "sim",
        "10,000 seeds of simulated connections are clean",
        sim::run,
    )
    .long(),
];
