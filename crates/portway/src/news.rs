//! What the threads around tell the one that owns the state.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use portway_engine::table::{ListenerKey, TableVersion};

use crate::watch::Dirty;

/// Addresses by name, for those names that were asked for; none, if there never was an answer.
pub(crate) type Resolved = BTreeMap<Arc<str>, Vec<IpAddr>>;

/// One piece of news.
#[derive(Debug)]
pub(crate) enum News {
    /// All workers have this table; these sockets could not be bound.
    Applied(TableVersion, Vec<(ListenerKey, io::Error)>),
    /// Names have these addresses now.
    Resolved(Resolved),
    /// Something happened to files.
    Files(Dirty),
    /// What was put off in files is due to be looked at.
    Look,
    /// What was put off in words is due.
    TimePassed,
    /// Somebody wants everything to be read again.
    ReadAgain,
    /// A worker panicked.
    WorkerDied,
    /// Somebody wants an end.
    Stop,
    /// Somebody does not want to wait for it.
    StopNow,
}
