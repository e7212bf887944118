//! The authorities of the feed, in a Secret of the controller's namespace.
//!
//! In: the Secret, the time. Out: [`Authorities`], in the Secret before anywhere else. Never: two
//! controllers with different ones; who writes second reads what the first wrote. Nor an end of the
//! feed because somebody damaged the Secret: it is written anew.

use std::collections::BTreeMap;
use std::time::SystemTime;

use k8s_openapi::ByteString;
use kube::Client;
use portway_feed::{Authorities, AuthorityError, Renewal};
use serde_json::{Value, json};
use tracing::warn;

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

/// Reads the authorities; makes and renews them where needed. `known` are those that were read before,
/// if any were.
pub(crate) async fn load(
    client: &Client,
    namespace: &str,
    known: Option<&Authorities>,
) -> Result<Authorities, LoadError> {
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
                let (mut read, mended) = match Authorities::from_secret(&decoded(&stored["data"])) {
                    Ok(read) => (read, Renewal::Kept),
                    Err(error) => {
                        let error = crate::chain(&error);
                        warn!(secret = SECRET, namespace, error, "damaged, written anew");
                        (in_place_of_damaged(known, now)?, Renewal::Changed)
                    }
                };
                if (read.renew(now)?, mended) == (Renewal::Kept, Renewal::Kept) {
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

/// What proxies believe, as far as it is known. Else a new authority, as where there is no Secret:
/// proxies serve on meanwhile, and follow again when they have read of it.
fn in_place_of_damaged(
    known: Option<&Authorities>,
    now: SystemTime,
) -> Result<Authorities, AuthorityError> {
    known.map_or_else(|| Authorities::generate(now), |known| Ok(known.clone()))
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

#[cfg(test)]
mod tests;
