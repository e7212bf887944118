//! Calls against an API that is played: what is asked, and what becomes of each answer.

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use portway_control::api::Kind;
use portway_control::origin::ObjectKey;
use serde_json::{Value, json};
use tower_test::mock;

use super::{Done, write_status};
use crate::status_writer::{Outcome, Write};

const PATH: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/edge/status";

fn write() -> Write {
    Write {
        key: ObjectKey {
            kind: Kind::Gateway,
            namespace: "shop".into(),
            name: "edge".into(),
        },
        path: PATH.into(),
        patch: json!({"metadata": {"resourceVersion": "5"}, "status": {"conditions": []}}),
        before: Value::Null,
        after: Value::Null,
        uid: "u-1".into(),
    }
}

/// Writes a status, to which the API answers so.
async fn outcome(status: StatusCode, body: Value) -> Outcome {
    let (service, mut api) = mock::pair::<Request<Body>, Response<Body>>();
    let client = Client::new(service, "default");
    let play = async {
        let (request, send) = api.next_request().await.unwrap();
        assert_eq!(request.method(), "PATCH");
        assert_eq!(request.uri().path(), PATH);
        assert_eq!(request.uri().query(), Some("fieldManager=portway"));
        let kind = &request.headers()["content-type"];
        assert_eq!(kind, "application/merge-patch+json");
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(sent, write().patch);
        let bytes = serde_json::to_vec(&body).unwrap();
        let response = Response::builder().status(status);
        send.send_response(response.body(Body::from(bytes)).unwrap());
    };
    let (done, ()) = tokio::join!(write_status(client, write()), play);
    let Done::Status(_, outcome) = done else {
        panic!("{done:?} is no status");
    };
    outcome
}

fn failure(code: u16) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "no", "reason": "No", "code": code})
}

#[tokio::test]
async fn each_answer_has_its_outcome() {
    let stored = json!({"metadata": {"resourceVersion": "6"}, "status": {"conditions": []}});
    let written = outcome(StatusCode::OK, stored.clone()).await;
    assert_eq!(written, Outcome::Written(stored));
    let conflict = outcome(StatusCode::CONFLICT, failure(409)).await;
    assert_eq!(conflict, Outcome::Conflict);
    let gone = outcome(StatusCode::NOT_FOUND, failure(404)).await;
    assert_eq!(gone, Outcome::Gone);
    let refused = outcome(StatusCode::FORBIDDEN, failure(403)).await;
    assert_eq!(refused, Outcome::Failed);
}
