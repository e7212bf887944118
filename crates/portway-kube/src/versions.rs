//! Which kinds and which Gateway API a cluster has.
//!
//! In: a client. Out: the version of a kind that is served; release and channel of the CRDs. Never:
//! an error for what is merely not installed.

use kube::Client;
use portway_control::api::GATEWAY_GROUP;
use portway_control::snapshot::Bundle;

use crate::call::{self, CallError, Place};

/// The annotation of the CRDs that says which release they are of.
const BUNDLE_VERSION: &str = "gateway.networking.k8s.io/bundle-version";

/// The one that says which channel of it.
const CHANNEL: &str = "gateway.networking.k8s.io/channel";

/// The first of `versions` in which the cluster serves a kind.
pub(crate) async fn served(
    client: &Client,
    group: &str,
    versions: &'static [&'static str],
    plural: &str,
) -> Result<Option<&'static str>, CallError> {
    for version in versions {
        match call::get(client, &format!("/apis/{group}/{version}")).await {
            Ok(found) => {
                let mut kinds = found["resources"].as_array().into_iter().flatten();
                if kinds.any(|kind| kind["name"] == plural) {
                    return Ok(Some(version));
                }
            }
            Err(error) if error.is_absent() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The Gateway API that is installed, as the CRD of GatewayClass says it; nothing is said by what is
/// not there.
pub(crate) async fn of_bundle(client: &Client) -> Result<Bundle, CallError> {
    let crds = Place {
        group: "apiextensions.k8s.io",
        version: "v1",
        plural: "customresourcedefinitions",
        namespace: None,
    };
    let name = format!("gatewayclasses.{GATEWAY_GROUP}");
    match call::get(client, &crds.one(&name)).await {
        Ok(found) => {
            let annotations = &found["metadata"]["annotations"];
            let text = |name: &str| annotations[name].as_str().map(str::to_owned);
            Ok(Bundle {
                version: text(BUNDLE_VERSION),
                channel: text(CHANNEL),
            })
        }
        Err(error) if error.is_absent() => Ok(Bundle::default()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
