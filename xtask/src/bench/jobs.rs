//! The jobs: what is asked of every target, and how.

use super::limits::{FLOOD_CONNECTIONS, IDLE_CONNECTIONS, SELDOM_ROUNDS, TRANSFERS};
use super::targets::Kind;

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    /// How it is called in results.
    pub(crate) name: &'static str,
    /// What it is, for people.
    pub(crate) what: &'static str,
    /// What is counted.
    pub(crate) unit: Unit,
    /// How it takes place.
    pub(crate) way: Way,
    /// What the load tool is told.
    pub(crate) args: &'static [&'static str],
}

/// What a job counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes; CPU time is told for each GB.
    Bytes,
    /// Requests or connections; CPU time is told for each.
    Each,
    /// Memory of connections.
    Memory,
    /// Verified transfers.
    Transfers,
}

/// How a job takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// All targets in turn, again and again.
    InTurn,
    /// The same with client, gateway and backend on one CPU.
    OnOneCpu,
    /// Portway alone, while its files change a hundred times a second.
    WhileFilesChange,
    /// All targets in turn, in the first rounds: it takes long.
    Seldom,
    /// Each target once.
    Once,
}

/// What `--quick` does.
pub(crate) const QUICK: [&Job; 4] = [&UP, &DOWN, &REQUESTS, &CONNECTS];

/// What `--profile` looks into.
pub(crate) const PROFILED: [&Job; 6] = [&UP, &DOWN, &REQUESTS, &CHURN, &CONNECTS, &ROUND_TRIP];

/// What `--full` does, in this order in every round.
pub(crate) const FULL: [&Job; 13] = [
    &UP,
    &DOWN,
    &BOTH,
    &REQUESTS,
    &CHURN,
    &REQUESTS_MANY,
    &CONNECTS,
    &ROUND_TRIP,
    &SMALL_ALONE,
    &SMALL_BESIDE_BULK,
    &IDLE,
    &FLOOD,
    &INTEGRITY,
];

pub(crate) const UP: Job = Job {
    name: "up",
    what: "bulk from client to backend, 8 streams",
    unit: Unit::Bytes,
    way: Way::InTurn,
    args: &["up", "--conns", "8"],
};

pub(crate) const DOWN: Job = Job {
    name: "down",
    what: "bulk from backend to client, 8 streams",
    unit: Unit::Bytes,
    way: Way::InTurn,
    args: &["down", "--conns", "8"],
};

const BOTH: Job = Job {
    name: "both",
    what: "bulk both ways at once, 8 streams",
    unit: Unit::Bytes,
    way: Way::InTurn,
    args: &["both", "--conns", "8"],
};

pub(crate) const REQUESTS: Job = Job {
    name: "requests-64",
    what: "64 B and its echo, 64 connections",
    unit: Unit::Each,
    way: Way::InTurn,
    args: &["requests", "--conns", "64"],
};

pub(crate) const CHURN: Job = Job {
    name: "requests-64-churn",
    what: "the same while a route's file is written again 100 times a second",
    unit: Unit::Each,
    way: Way::WhileFilesChange,
    args: &["requests", "--conns", "64"],
};

const REQUESTS_MANY: Job = Job {
    name: "requests-1000",
    what: "64 B and its echo, 1,000 connections",
    unit: Unit::Each,
    way: Way::InTurn,
    args: &["requests", "--conns", "1000"],
};

pub(crate) const CONNECTS: Job = Job {
    name: "connects",
    what: "connect, 64 B and its echo, close; 64 at a time",
    unit: Unit::Each,
    way: Way::InTurn,
    args: &["connects", "--conns", "64"],
};

pub(crate) const ROUND_TRIP: Job = Job {
    name: "round-trip",
    what: "64 B and its echo, 1 connection, everything on one CPU",
    unit: Unit::Each,
    way: Way::OnOneCpu,
    args: &["requests", "--conns", "1", "--threads", "1"],
};

pub(crate) const SMALL_ALONE: Job = Job {
    name: "small-alone",
    what: "64 B and its echo, 64 connections of one thread",
    unit: Unit::Each,
    way: Way::InTurn,
    args: &["requests", "--conns", "64", "--threads", "1"],
};

pub(crate) const SMALL_BESIDE_BULK: Job = Job {
    name: "small-beside-bulk",
    what: "the same beside one bulk stream of another thread",
    unit: Unit::Each,
    way: Way::InTurn,
    args: &[
        "requests",
        "--conns",
        "64",
        "--threads",
        "2",
        "--beside",
        "1",
    ],
};

pub(crate) const IDLE: Job = Job {
    name: "idle",
    what: "idle connections after one exchange each",
    unit: Unit::Memory,
    // A second time they would find the memory of the first.
    way: Way::Once,
    args: &["idle"],
};

pub(crate) const FLOOD: Job = Job {
    name: "flood",
    what: "more connections at once than there are descriptors, then none",
    unit: Unit::Memory,
    way: Way::Seldom,
    args: &["flood"],
};

pub(crate) const INTEGRITY: Job = Job {
    name: "integrity",
    what: "full-duplex transfers of 1 to 4 MB each way, half-closed in every order",
    unit: Unit::Transfers,
    way: Way::Once,
    args: &["integrity", "--conns", "16"],
};

impl Job {
    /// In how many rounds it takes place at most.
    pub(crate) const fn rounds_max(&self) -> u32 {
        match self.way {
            Way::InTurn | Way::OnOneCpu | Way::WhileFilesChange => u32::MAX,
            Way::Seldom => SELDOM_ROUNDS,
            Way::Once => 1,
        }
    }

    /// Whether this is asked of that target.
    pub(crate) fn is_for(&self, kind: Kind) -> bool {
        match self.way {
            Way::WhileFilesChange => kind == Kind::Portway,
            Way::OnOneCpu => kind != Kind::Ceiling,
            Way::InTurn => true,
            Way::Seldom | Way::Once => {
                kind != Kind::Ceiling && (kind != Kind::Direct || self.name != "flood")
            }
        }
    }

    /// How many there are of it, where that is not part of its arguments.
    pub(crate) fn count_args(&self, kind: Kind) -> Vec<String> {
        let (flag, count) = match self.name {
            "idle" => ("--conns", IDLE_CONNECTIONS),
            "flood" => ("--conns", FLOOD_CONNECTIONS),
            "integrity" => {
                let (ours, others) = TRANSFERS;
                let count = if kind == Kind::Portway { ours } else { others };
                ("--count", usize::try_from(count).unwrap_or(0))
            }
            _ => return Vec::new(),
        };
        vec![flag.to_owned(), count.to_string()]
    }
}
