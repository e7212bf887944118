//! The limit of open descriptors, `getrlimit(2)`.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Result;

/// How many descriptors this process may have open now.
pub(crate) fn descriptors() -> usize {
    let soft = getrlimit(Resource::Nofile).current;
    soft.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX))
}

/// Raises the soft limit to the hard one.
pub(crate) fn raise_descriptors() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum })
}
