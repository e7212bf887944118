//! What to do with a connection: the closed table of listeners, routes, backends and endpoints, the
//! choice among them, and the machine that runs one TCP connection.
//!
//! In: facts (events) and time as arguments. Out: actions for a shell that owns sockets.
//! Never: clock, random, files, network, threads, environment, logging; nor the control plane's
//! words (see `docs/LEXICON.md`).
#![forbid(unsafe_code)]

pub mod table;

mod balance;

pub mod conn;

pub mod record;

pub mod time;

pub mod limits;
