//! Watches a Kubernetes API, writes statuses, provisions proxies.
//!
//! In: a cluster. Out: statuses, fleets and Events in it; tables for the feed. Never: a decision about
//! what objects mean, which is `portway_control`'s.
#![forbid(unsafe_code)]

mod run;

mod controller;

mod read;

mod store;
mod versions;
mod watch;
mod watched;

mod facts;

mod events;
mod status_writer;

mod classes;
mod provisioner;

mod lease;

mod authority;
mod retry;
mod reviewer;

mod connect;

mod call;
mod clock;
mod limits;

pub use connect::{Cluster, ConnectError, connect};
pub use lease::{Lead, Role, lead};
pub use read::{ReadError, read};
pub use run::{Config, Health, RunError, run};

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
