//! The objects of a cluster, once: what people ask about.
//!
//! In: a client. Out: all [`Objects`], each with what it was read from. Never: a watch that stays.

use std::time::Duration;

use kube::Client;
use portway_control::api::GATEWAY_GROUP;
use portway_control::snapshot::Objects;
use tokio::sync::mpsc;

use crate::call::{self, Place};
use crate::limits::EDITS_MAX;
use crate::store::Store;
use crate::watch::Watches;

/// How long the API may take to tell everything.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there are no objects.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The API is not there, or does not let us read.
    #[error("read the objects of the cluster")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It began to tell, and did not come to an end.
    #[error("read the objects of the cluster: not all of them came within {READ_TIMEOUT:?}")]
    Late,
}

/// Kinds without which nothing can be said, by group and plural: whoever may not read one of them hears
/// of it at once.
const ASKED_FIRST: [(&str, &str); 6] = [
    ("", "namespaces"),
    ("", "services"),
    ("discovery.k8s.io", "endpointslices"),
    (GATEWAY_GROUP, "gatewayclasses"),
    (GATEWAY_GROUP, "gateways"),
    (GATEWAY_GROUP, "tcproutes"),
];

/// Reads all objects that a translation is made of; no namespaces = all. A kind that the cluster
/// does not serve is empty.
///
/// # Errors
/// When the API cannot be asked, or does not tell everything in time.
pub async fn read(client: &Client, namespaces: &[String]) -> Result<Objects, ReadError> {
    ask_first(client, namespaces).await?;
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
        Err(_) => Err(ReadError::Late),
    }
}

/// One object of each kind: a watch would try again and again.
async fn ask_first(client: &Client, namespaces: &[String]) -> Result<(), ReadError> {
    for (group, plural) in ASKED_FIRST {
        let is_of_cluster = matches!(plural, "namespaces" | "gatewayclasses");
        let namespace = namespaces.first().filter(|_| !is_of_cluster);
        let place = Place {
            group,
            version: "v1",
            plural,
            namespace: namespace.map(String::as_str),
        };
        let found = call::get(client, &format!("{}?limit=1", place.all())).await;
        match found {
            Err(error) if !error.is_absent() => return Err(ReadError::Refused(error.into())),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
