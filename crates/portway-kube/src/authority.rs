//! The authorities of the feed, in a Secret of the controller's namespace.
//!
//! In: the Secret, the time. Out: [`Authorities`], in the Secret before anywhere else. Never: two
//! controllers with different ones; who writes second reads what the first wrote.

use std::collections::BTreeMap;
use std::time::SystemTime;

use k8s_openapi::ByteString;
use kube::Client;
use portway_feed::{Authorities, AuthorityError, Renewal};
use serde_json::{Value, json};

use crate::call::{self, CallError, Place};

/// The Secret's name.
pub(crate) const SECRET: &str = "portway-feed-authorities";

/// Tries against others who write at the same time; each of them succeeded meanwhile.
const TRIES_MAX: usize = 5;

/// Why there are no authorities.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("read or write the Secret of the feed's authorities")]
    Call(#[from] CallError),
    #[error("make or read the feed's authorities")]
    Authority(#[from] AuthorityError),
    #[error("others kept writing the Secret of the feed's authorities")]
    Contended,
}

/// Reads the authorities; makes and renews them where needed.
pub(crate) async fn load(client: &Client, namespace: &str) -> Result<Authorities, LoadError> {
    let place = Place {
        group: "",
        version: "v1",
        plural: "secrets",
        namespace: Some(namespace),
    };
    let now = SystemTime::now();
    for _ in 0..TRIES_MAX {
        let stored = match call::get(client, &place.one(SECRET)).await {
            Ok(stored) => Some(stored),
            Err(error) if error.is_absent() => None,
            Err(error) => return Err(error.into()),
        };
        let (authorities, written) = match stored {
            None => {
                let made = Authorities::generate(now)?;
                let secret = json!({
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": SECRET, "namespace": namespace},
                    "type": "Opaque",
                    "data": encoded(&made),
                });
                (made, call::post(client, &place.all(), &secret).await)
            }
            Some(mut stored) => {
                let mut read = Authorities::from_secret(&decoded(&stored["data"]))?;
                if read.renew(now)? == Renewal::Kept {
                    return Ok(read);
                }
                stored["data"] = encoded(&read);
                (read, call::put(client, &place.one(SECRET), &stored).await)
            }
        };
        match written {
            Ok(_) => return Ok(authorities),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(LoadError::Contended)
}

fn encoded(authorities: &Authorities) -> Value {
    let entries = authorities.to_secret().into_iter();
    let entries: BTreeMap<String, ByteString> = entries
        .map(|(name, bytes)| (name, ByteString(bytes)))
        .collect();
    json!(entries)
}

fn decoded(entries: &Value) -> BTreeMap<String, Vec<u8>> {
    let entries = serde_json::from_value::<BTreeMap<String, ByteString>>(entries.clone());
    let entries = entries.unwrap_or_default().into_iter();
    entries.map(|(name, bytes)| (name, bytes.0)).collect()
}
