//! From an [`Ask`] to an answer.
//!
//! In: what is asked, a [`View`]. Out: a response. Never: a wait on the thread that serves; nothing
//! of a request comes back in its answer but the name of an object that there is none of, as JSON.

use std::sync::Arc;

use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use prometheus_client::encoding::prometheus_text;
use serde_json::{Value, json};

use super::request::{Ask, Refusal};
use super::{Readiness, Unexplained, View};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Answers. Whatever takes time is done on another thread.
pub(super) async fn to(asked: Result<Ask, Refusal>, view: &Arc<dyn View>) -> Response<String> {
    match asked {
        Err(refusal) => refused(refusal),
        Ok(Ask::Health) => text(StatusCode::OK, "ok"),
        Ok(Ask::Readiness) => match view.readiness() {
            it @ Readiness::Ready => text(StatusCode::OK, it.name()),
            it @ (Readiness::Starting | Readiness::Draining) => {
                let waits = view.waits_for().filter(|_| it == Readiness::Starting);
                let why = waits.map(|it| format!(": {it}")).unwrap_or_default();
                text(
                    StatusCode::SERVICE_UNAVAILABLE,
                    &format!("{}{why}", it.name()),
                )
            }
        },
        Ok(ask) => {
            let view = Arc::clone(view);
            let told = tokio::task::spawn_blocking(move || tell(&ask, &*view)).await;
            told.unwrap_or_else(|_| failed("the answer could not be made: a defect"))
        }
    }
}

fn tell(ask: &Ask, view: &dyn View) -> Response<String> {
    let value = match ask {
        Ask::Metrics => {
            return response(
                StatusCode::OK,
                prometheus_text::CONTENT_TYPE,
                view.metrics(),
            );
        }
        Ask::Connections(query) => view.connections(query),
        Ask::Status => view.status(),
        Ask::Explain(subject) => {
            return match view.explain(subject) {
                Ok(value) => json(StatusCode::OK, &value),
                Err(why) => unexplained(&why),
            };
        }
        Ask::Health | Ask::Readiness => None,
    };
    match value {
        Some(value) => json(StatusCode::OK, &value),
        None => refused(Refusal::Nothing),
    }
}

fn unexplained(why: &Unexplained) -> Response<String> {
    let status = match why {
        Unexplained::NoSubject(_) => StatusCode::BAD_REQUEST,
        Unexplained::Unknown(_) | Unexplained::NoObjects => StatusCode::NOT_FOUND,
        Unexplained::TooEarly => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(status, &json!({ "error": why.to_string() }))
}

fn refused(refusal: Refusal) -> Response<String> {
    let status = match refusal {
        Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::NoHost | Refusal::Query(_) => StatusCode::BAD_REQUEST,
        Refusal::Host => StatusCode::MISDIRECTED_REQUEST,
        Refusal::Origin => StatusCode::FORBIDDEN,
        Refusal::Nothing => StatusCode::NOT_FOUND,
    };
    let mut response = json(status, &json!({ "error": refusal.to_string() }));
    if refusal == Refusal::Method {
        let headers = response.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static("GET"));
    }
    response
}

fn failed(why: &str) -> Response<String> {
    let error = json!({ "error": why });
    json(StatusCode::INTERNAL_SERVER_ERROR, &error)
}

fn text(status: StatusCode, line: &str) -> Response<String> {
    response(status, TEXT, format!("{line}\n"))
}

fn json(status: StatusCode, value: &Value) -> Response<String> {
    response(status, JSON, format!("{value}\n"))
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
