//! Changes a file of the gateway under test a hundred times a second.
//!
//! In: where its files are. Out: how often one was changed. Never: the route that is measured: its
//! own connections may not notice that the table around it changes; a file that says what it said before,
//! in the last sample say.

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::objects;
use super::targets::{portway_objects, portway_routes};

/// Time between two changes.
const PERIOD: Duration = Duration::from_millis(10);

/// How often all routes were gone through, over all samples.
static TURNS: AtomicUsize = AtomicUsize::new(0);

/// All but one, and each turn without another.
fn without(endpoints: &[IpAddr], turn: usize) -> Vec<IpAddr> {
    let mut left = endpoints.to_vec();
    left.remove(turn % endpoints.len());
    left
}

/// Changes one endpoint of one route after the other, until told to end.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn change_files(dir: &Path, over: &AtomicBool) -> Result<u64> {
    let dir = portway_objects(dir);
    let whole = portway_routes();
    let mut routes = whole.clone();
    let mut turn = TURNS.fetch_add(1, Ordering::Relaxed);
    let mut n = 0;
    let start = Instant::now();
    while !over.load(Ordering::Relaxed) {
        let index = 1 + usize::try_from(n).unwrap_or(0) % (routes.len() - 1);
        if n > 0 && index == 1 {
            turn = TURNS.fetch_add(1, Ordering::Relaxed);
        }
        if let (Some(route), Some(whole)) = (routes.get_mut(index), whole.get(index)) {
            route.endpoints = without(&whole.endpoints, turn);
        }
        objects::rewrite(&dir, index, &routes)?;
        n += 1;
        let next = start + PERIOD * u32::try_from(n).unwrap_or(u32::MAX);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(n)
}

#[cfg(test)]
mod tests;
