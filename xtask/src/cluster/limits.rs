//! How long things may take, and why.

use std::time::Duration;

/// From the start of etcd to an API server that is ready, in seconds. It takes 2 to 5; a machine
/// on which eight compilers run needs more.
pub(crate) const API_SERVER_WAIT: Duration = Duration::from_secs(120);

/// Until the node, its name server and the default ServiceAccount are there; 10 is usual.
pub(crate) const NODE_WAIT: Duration = Duration::from_secs(180);

/// How long the parts get to end in order before they are killed.
pub(crate) const END_WAIT: Duration = Duration::from_secs(3);

/// How long the kernel may take to bury what was killed.
pub(crate) const BURY_WAIT: Duration = Duration::from_secs(20);

/// How many lines of a log a message shows.
pub(crate) const LOG_LINES_SHOWN: usize = 12;

/// How many lines of a failed suite are shown; the rest is in its log.
pub(crate) const COMPLAINTS_SHOWN: usize = 40;
