//! Why things are as they are: the decisions behind one object or address, in order.
//!
//! In: a [`Snapshot`] and a [`Subject`]. Out: an [`Explanation`]: the steps that were taken, each
//! with the field that decided, and what a connection gets. It tells the plans that [`translate`]
//! makes its tables from, with the sentences of its diagnostics. Never: a decision of its own.
//!
//! [`translate`]: super::translate

mod address;
mod backends;
mod class;
mod gateway;
mod left_out;
mod listener;
mod route;

use std::net::IpAddr;

use super::report::Report;
use super::{Decided, decide, index::Index};
use crate::origin::{ObjectKey, Place};
use crate::snapshot::Snapshot;

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A TCPRoute.
    Route(ObjectKey),
    /// A Gateway.
    Gateway(ObjectKey),
    /// Where a client connects to; without an address, any of this host.
    Address(Option<IpAddr>, u16),
}

/// The decisions about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What is explained.
    pub title: String,
    /// The decisions, in the order in which they are made.
    pub steps: Vec<Step>,
    /// What comes of them for connections.
    pub outcome: String,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Steps of a greater depth belong to the last one of a smaller depth; 0 is the outermost.
    pub depth: u8,
    /// How it went.
    pub verdict: Verdict,
    /// What was decided: lower case, no full stop.
    pub what: String,
    /// The field that decided.
    pub place: Option<Place>,
}

/// How a decision went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Something that is so; nothing was at stake.
    Fact,
    /// In favour of traffic.
    Yes,
    /// Against it.
    No,
}

/// Explains a subject; `None` if there is no such object.
pub fn explain(snapshot: &Snapshot, subject: &Subject) -> Option<Explanation> {
    let index = Index::of(snapshot);
    let decided = decide(&index, &mut Report::default());
    let (key, used) = match subject {
        Subject::Route(key) => (key, route::explain(&decided, key)),
        Subject::Gateway(key) => (key, gateway::explain(&decided, key)),
        Subject::Address(ip, port) => return Some(address::explain(&decided, *ip, *port)),
    };
    // One that is used may stand beside one that is left out.
    match used {
        Some(used) => Some(left_out::beside(used, snapshot, key)),
        None => left_out::explain(snapshot, key),
    }
}

/// Steps as they are told.
#[derive(Debug, Default)]
struct Story {
    steps: Vec<Step>,
}

impl Story {
    fn tell(&mut self, depth: u8, verdict: Verdict, what: impl Into<String>, place: Place) {
        // The place of an object that was read from nowhere says nothing.
        let place = Some(place).filter(|place| place.source.is_some() || !place.field.is_empty());
        self.steps.push(Step {
            depth,
            verdict,
            what: what.into(),
            place,
        });
    }

    fn end(self, title: impl Into<String>, outcome: impl Into<String>) -> Explanation {
        Explanation {
            title: title.into(),
            steps: self.steps,
            outcome: outcome.into(),
        }
    }
}

impl Decided<'_> {
    /// The Gateway of a key, if it is one of ours.
    fn gateway(&self, key: &ObjectKey) -> Option<usize> {
        let is_it = |plan: &super::plan::GatewayPlan<'_>| plan.source.key == *key;
        self.gateways.iter().position(is_it)
    }
}
