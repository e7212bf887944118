//! One call to the API, as JSON.
//!
//! In: a path and a value. Out: the answer. Never: a retry; whoever calls knows what is still
//! wanted by then.

use http::{Method, Request};
use kube::Client;
use serde_json::Value;

use crate::limits::CALL_TIMEOUT;

/// The name under which fields are owned that we write.
pub(crate) const OWNER: &str = "portway";

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer in time.
    #[error("{method} {path}: no answer within {CALL_TIMEOUT:?}")]
    Timeout {
        /// What was tried.
        method: Method,
        /// On what.
        path: String,
    },
    /// The API refused it.
    #[error("{method} {path}: {message} ({code})")]
    Refused {
        /// What was tried.
        method: Method,
        /// On what.
        path: String,
        /// The HTTP status.
        code: u16,
        /// Why.
        message: String,
    },
    /// There was no answer, or none that can be read.
    #[error("{method} {path}")]
    Unanswered {
        /// What was tried.
        method: Method,
        /// On what.
        path: String,
        /// Why.
        source: kube::Error,
    },
}

impl CallError {
    /// The HTTP status, if the API answered.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Unanswered { .. } | Self::Timeout { .. } => None,
        }
    }

    /// Somebody else wrote in between, or the object is another one by now.
    pub(crate) fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// There is no such object.
    pub(crate) fn is_absent(&self) -> bool {
        self.code() == Some(404)
    }
}

/// Where an object is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// API group; empty = core.
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) plural: &'a str,
    pub(crate) namespace: Option<&'a str>,
}

impl Place<'_> {
    /// The path of all objects there.
    pub(crate) fn all(&self) -> String {
        let (version, plural) = (self.version, self.plural);
        let root = match self.group {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        match self.namespace {
            None => format!("{root}/{plural}"),
            Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
        }
    }

    /// The path of one of them.
    pub(crate) fn one(&self, name: &str) -> String {
        format!("{}/{name}", self.all())
    }
}

/// Reads.
pub(crate) async fn get(client: &Client, path: &str) -> Result<Value, CallError> {
    call(client, Method::GET, path, None).await
}

/// Creates.
pub(crate) async fn post(client: &Client, path: &str, body: &Value) -> Result<Value, CallError> {
    let path = format!("{path}?fieldManager={OWNER}");
    call(client, Method::POST, &path, Some((JSON, body))).await
}

/// An object as it is, for whoever may patch but not get: what a patch of nothing would leave. `None`:
/// there is none.
pub(crate) async fn unpatched(client: &Client, path: &str) -> Result<Option<Value>, CallError> {
    let path = format!("{path}?dryRun=All&fieldManager={OWNER}");
    let nothing = serde_json::json!({});
    let body = Some((MERGE, &nothing));
    match call(client, Method::PATCH, &path, body).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The objects of this name, for whoever may list but not get.
pub(crate) async fn named(
    client: &Client,
    path: &str,
    name: &str,
) -> Result<Vec<Value>, CallError> {
    let path = format!("{path}?fieldSelector=metadata.name%3D{name}");
    let list = call(client, Method::GET, &path, None).await?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

/// Replaces; with `metadata.resourceVersion` only if nobody else wrote.
pub(crate) async fn put(client: &Client, path: &str, body: &Value) -> Result<Value, CallError> {
    let path = format!("{path}?fieldManager={OWNER}");
    call(client, Method::PUT, &path, Some((JSON, body))).await
}

/// Merges; with `metadata.resourceVersion` only if nobody else wrote.
pub(crate) async fn merge(client: &Client, path: &str, body: &Value) -> Result<Value, CallError> {
    let path = format!("{path}?fieldManager={OWNER}");
    let body = Some((MERGE, body));
    call(client, Method::PATCH, &path, body).await
}

/// Takes these fields for ours and sets them, whoever owned them before.
pub(crate) async fn apply(client: &Client, path: &str, body: &Value) -> Result<Value, CallError> {
    let path = format!("{path}?fieldManager={OWNER}&force=true");
    let body = Some(("application/apply-patch+yaml", body));
    call(client, Method::PATCH, &path, body).await
}

/// Deletes that very object.
pub(crate) async fn delete(client: &Client, path: &str, uid: &str) -> Result<Value, CallError> {
    let body = serde_json::json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": uid},
        "propagationPolicy": "Background",
    });
    call(client, Method::DELETE, path, Some((JSON, &body))).await
}

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

async fn call(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<(&str, &Value)>,
) -> Result<Value, CallError> {
    let (tried, at) = (method.clone(), path.to_owned());
    let refused = |error| match error {
        kube::Error::Api(status) => CallError::Refused {
            method: tried.clone(),
            path: at.clone(),
            code: status.code,
            message: status.message,
        },
        source => CallError::Unanswered {
            method: tried.clone(),
            path: at.clone(),
            source,
        },
    };
    let mut request = Request::builder().method(&method).uri(path);
    let mut bytes = Vec::new();
    if let Some((kind, body)) = body {
        request = request.header(http::header::CONTENT_TYPE, kind);
        bytes =
            serde_json::to_vec(body).map_err(|error| refused(kube::Error::SerdeError(error)))?;
    }
    let request = request
        .body(bytes)
        .map_err(|error| refused(kube::Error::HttpError(error)))?;
    match tokio::time::timeout(CALL_TIMEOUT, client.request(request)).await {
        Ok(answer) => answer.map_err(refused),
        Err(_) => Err(CallError::Timeout {
            method: method.clone(),
            path: path.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
