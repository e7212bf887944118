//! Changes a file of the gateway under test a hundred times a second.
//!
//! In: where its files are. Out: how often one was changed. Never: the route that is measured: its
//! own connections may not notice that the table around it changes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::objects;
use super::targets::{portway_objects, portway_routes};

/// Time between two changes.
const PERIOD: Duration = Duration::from_millis(10);

/// Changes one endpoint of one route after the other, until told to end.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn change_files(dir: &Path, over: &AtomicBool) -> Result<u64> {
    let dir = portway_objects(dir);
    let mut routes = portway_routes();
    let mut n = 0;
    let start = Instant::now();
    while !over.load(Ordering::Relaxed) {
        let index = 1 + usize::try_from(n).unwrap_or(0) % (routes.len() - 1);
        if let Some(route) = routes.get_mut(index) {
            route.endpoints.rotate_left(1);
            route.endpoints.truncate(3);
        }
        objects::rewrite(&dir, index, &routes)?;
        n += 1;
        let next = start + PERIOD * u32::try_from(n).unwrap_or(u32::MAX);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(n)
}
