//! Whose a proxy's token is, by TokenReview.
//!
//! In: a token, and which ServiceAccount is of which Gateway. Out: an [`Identity`]. Never: what a
//! client says of itself; a token that is not for the feed, which the API server itself refuses.
//! Spec: authentication.k8s.io/v1 TokenReview; the claims of bound tokens are in `user.extra`.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Client;
use portway_control::origin::ObjectKey;
use portway_control::provision::names::TOKEN_AUDIENCE;
use portway_feed::{GatewayName, Identity, Refused, Token};
use serde_json::{Value, json};
use tokio::sync::watch;
use tracing::warn;

use crate::call;

/// Gateways by namespace and ServiceAccount of their proxies.
pub(crate) type Accounts = Arc<BTreeMap<(String, String), ObjectKey>>;

/// How Kubernetes names the user of a ServiceAccount: this, its namespace, `:`, its name.
const ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// Asks the API whose `token` is.
pub(crate) async fn review(
    client: Client,
    accounts: watch::Receiver<Accounts>,
    token: Token,
) -> Result<Identity, Refused> {
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token.expose(), "audiences": [TOKEN_AUDIENCE]},
    });
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    match call::post(&client, path, &review).await {
        Ok(answer) => {
            let accounts = accounts.borrow().clone();
            identity(&answer["status"], &accounts).ok_or(Refused::Unknown)
        }
        Err(error) => {
            warn!(error = %crate::chain(&error), "token not reviewed");
            Err(Refused::Unavailable)
        }
    }
}

fn identity(status: &Value, accounts: &Accounts) -> Option<Identity> {
    let audiences = status["audiences"].as_array();
    let is_for_us = audiences.is_some_and(|all| all.iter().any(|it| *it == TOKEN_AUDIENCE));
    if status["authenticated"] != true || !is_for_us {
        return None;
    }
    let user = &status["user"];
    let account = user["username"].as_str()?.strip_prefix(ACCOUNT_PREFIX)?;
    let (namespace, name) = account.split_once(':')?;
    let gateway = accounts.get(&(namespace.to_owned(), name.to_owned()))?;
    let extra = |name: &str| {
        let claim = format!("authentication.kubernetes.io/{name}");
        user["extra"][&claim][0].as_str()
    };
    Some(Identity {
        gateway: GatewayName {
            namespace: Arc::clone(&gateway.namespace),
            name: Arc::clone(&gateway.name),
        },
        pod: extra("pod-name")?.into(),
        uid: extra("pod-uid")?.into(),
    })
}

#[cfg(test)]
mod tests;
