//! Gateway API objects in; routing tables, statuses and diagnostics out.
//!
//! In: text ([`manifest`]) or objects ([`snapshot`]). Out: a [`translate::Translation`].
//! Never: clock, random, files, network; mutation of its input. Same snapshot, same bytes.
#![forbid(unsafe_code)]

pub mod api;

pub mod origin;

pub mod diagnostic;

mod schema;

pub mod manifest;

pub mod snapshot;

pub mod translate;

pub mod status;

pub mod provision;

pub mod limits;
