//! Carries routing tables to proxies in other processes, and what became of them back.
//!
//! In: a [`TableSpec`](portway_engine::table::TableSpec) per Gateway on one side. Out: a
//! [`RoutingTable`](portway_engine::table::RoutingTable) on the other, built through the same
//! constructor as every other, and acknowledgements back. Never: Kubernetes; who a token belongs to
//! comes in as a function. The whole story: `docs/internals/feed.md`.
#![forbid(unsafe_code)]

mod identity;

mod authority;

mod server;

mod client;

mod follower;
mod replica;

mod chance;
mod chunks;
mod diff;
mod known;
mod refusal;
mod resources;

pub mod wire;

pub mod limits;

pub use authority::{Authorities, AuthorityError, Leaf, Renewal};
pub use client::{Applied, Config as ClientConfig, Controller, Ends, Link, follow};
pub use identity::{GatewayName, Identity, Refused, Token};
pub use refusal::{Agreement, Refusal};
pub use replica::{Complete, Replica, Taken};
pub use resources::Resources;
pub use server::{Feed, Leading, ProxyFacts, PublishError, ServeError, serve};

#[cfg(test)]
mod tests;
