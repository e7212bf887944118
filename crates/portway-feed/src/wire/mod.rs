//! What goes over the wire: the messages of `proto/feed.proto`, and what they mean.
//!
//! In: values of the engine's boundary types. Out: messages, and back. Never: trust. What a peer
//! sends is held to its bounds before it is kept.

#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    clippy::excessive_nesting,
    clippy::wildcard_imports,
    reason = "generated"
)]
#[rustfmt::skip]
mod generated;

mod addr;
mod meaning;

pub use generated::*;

pub(crate) use addr::{addr_from_bytes, addr_to_bytes};
pub(crate) use meaning::{
    drains_from_wire, drains_to_wire, grants_from_wire, grants_to_wire, listener_from_wire,
    listener_to_wire, route_from_wire, route_to_wire,
};
