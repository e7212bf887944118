//! The objects of a cluster, once: what people ask about.
//!
//! In: a client. Out: all [`Objects`], each with what it was read from. Never: a watch that stays.

use std::time::Duration;

use kube::Client;
use portway_control::snapshot::Objects;
use tokio::sync::mpsc;

use crate::limits::EDITS_MAX;
use crate::store::Store;
use crate::watch::Watches;

/// How long the API may take to tell everything.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there are no objects.
#[derive(Debug, thiserror::Error)]
#[error("read the objects of the cluster: not all of them came within {READ_TIMEOUT:?}")]
pub struct ReadError;

/// Reads all objects that a translation is made of; no namespaces = all. A kind that the cluster
/// does not serve is empty.
///
/// # Errors
/// When the API does not tell everything in time; the log says what it refused.
pub async fn read(client: &Client, namespaces: &[String]) -> Result<Objects, ReadError> {
    let (sender, mut edits) = mpsc::channel(EDITS_MAX);
    let mut watches = Watches::of_objects(client, namespaces, "default", sender);
    let mut store = Store::keeping_given();
    let all = async {
        while let Some(edit) = edits.recv().await {
            let is_complete = watches.is_complete(&edit);
            edit.make(&mut store);
            if is_complete {
                return;
            }
        }
    };
    match tokio::time::timeout(READ_TIMEOUT, all).await {
        Ok(()) => Ok(store.into_objects()),
        Err(_) => Err(ReadError),
    }
}
