//! What to do with a connection: the closed table of listeners, routes, backends and endpoints, the
//! choice among them, and the machine that runs one TCP connection.
//!
//! In: facts (events) and time as arguments. Out: actions for a shell that owns sockets.
//! Never: clock, random, files, network, threads, environment, logging; nor the control plane's
//! words (see `docs/LEXICON.md`).
//!
//! The whole of it from afar:
//!
//! ```
//! use portway_engine::conn::{Action, Connection, Event};
//! use portway_engine::health::Avoidance;
//! use portway_engine::limits::DIAL_TIMEOUT;
//! use portway_engine::table::{
//!     BackendSpec, ListenerSpec, Protocol, RouteSpec, RoutingTable, TableSpec, TableVersion,
//!     TargetSpec,
//! };
//! use portway_engine::time::Moment;
//!
//! let spec = TableSpec {
//!     listeners: vec![ListenerSpec {
//!         name: "edge/sql".into(),
//!         protocol: Protocol::Tcp,
//!         binds: vec!["0.0.0.0:5432".parse()?],
//!         route: Some("db/sql".into()),
//!     }],
//!     routes: vec![RouteSpec {
//!         name: "db/sql".into(),
//!         backends: vec![BackendSpec {
//!             name: "db/postgres:5432".into(),
//!             weight: 1,
//!             target: TargetSpec::Endpoints(vec!["10.0.0.7:5432".parse()?]),
//!         }],
//!     }],
//!     ..TableSpec::default()
//! };
//! let table = RoutingTable::build(TableVersion(1), &spec, None)?;
//!
//! // A worker accepts; the ticket numbers the streams of a route over all workers.
//! let (_, listener) = table.listeners().next().ok_or("one listener")?;
//! let mut avoid = Avoidance::new(DIAL_TIMEOUT);
//! let (client, ticket, now) = ("192.0.2.1:40000".parse()?, 0, Moment::from_nanos(0));
//! let mut connection = Connection::new(listener, client, ticket, &avoid, now);
//! assert_eq!(connection.poll_action(), Some(Action::Dial("10.0.0.7:5432".parse()?)));
//! assert_eq!(connection.deadline(), Some(now.after(DIAL_TIMEOUT)));
//!
//! connection.handle(&mut avoid, Event::Dialled, now);
//! assert_eq!(connection.poll_action(), Some(Action::Relay));
//! assert_eq!(connection.deadline(), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod table;

mod balance;

pub mod health;

pub mod conn;

pub mod drain;

pub mod record;

pub mod time;

pub mod limits;
