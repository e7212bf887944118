//! The objects of a cluster, once: what people ask about.
//!
//! In: a client. Out: all [`Objects`], each with what it was read from. Never: a watch that stays.

use std::time::Duration;

use kube::Client;
use portway_control::api::{GATEWAY_GROUP, PORTWAY_GROUP};
use portway_control::snapshot::Objects;
use tokio::sync::mpsc;

use crate::call::{self, CallError, Place};
use crate::limits::EDITS_MAX;
use crate::store::Store;
use crate::versions;
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

/// All kinds, by group, version and plural: whoever may not read one of them hears of it at once.
const ASKED_FIRST: [(&str, &str, &str); 9] = [
    ("", "v1", "namespaces"),
    ("", "v1", "services"),
    ("discovery.k8s.io", "v1", "endpointslices"),
    (GATEWAY_GROUP, "v1", "gatewayclasses"),
    (GATEWAY_GROUP, "v1", "gateways"),
    (GATEWAY_GROUP, "v1", "tcproutes"),
    (GATEWAY_GROUP, "v1alpha2", "tcproutes"),
    (GATEWAY_GROUP, "v1", "referencegrants"),
    (PORTWAY_GROUP, "v1alpha1", "gatewayconfigs"),
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
    let refused = |error: CallError| ReadError::Refused(error.into());
    for (group, version, plural) in ASKED_FIRST {
        let is_of_cluster = matches!(plural, "namespaces" | "gatewayclasses");
        let namespace = namespaces.first().filter(|_| !is_of_cluster);
        let place = Place {
            group,
            version,
            plural,
            namespace: namespace.map(String::as_str),
        };
        match call::get(client, &format!("{}?limit=1", place.all())).await {
            Err(error) if !error.is_absent() => return Err(refused(error)),
            _ => {}
        }
    }
    versions::of_bundle(client).await.map_err(refused)?;
    Ok(())
}

#[cfg(test)]
mod tests;
