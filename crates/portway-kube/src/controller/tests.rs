//! Calls against an API that is played: what is asked, and what becomes of each answer.

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use portway_control::api::Kind;
use portway_control::origin::ObjectKey;
use portway_control::provision::ProvisionKind;
use serde_json::{Value, json};
use tower_test::mock;

use super::{Done, provision, write_status};
use crate::provisioner::{Apply, Job};
use crate::status_writer::{Outcome, Write};
use crate::store::FleetKey;

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

/// The metadata of an object that a Gateway controls, without labels.
fn owned_by(uid: &str) -> Value {
    json!({"metadata": {"name": "edge-portway", "namespace": "shop", "ownerReferences": [
        {"kind": "Gateway", "name": "edge", "uid": uid, "controller": true}]}})
}

/// The kinds that a job applies where all of its names are taken, by `found`.
async fn applied_over(kinds: &[ProvisionKind], found: &Value) -> Vec<ProvisionKind> {
    let (service, mut api) = mock::pair::<Request<Body>, Response<Body>>();
    let client = Client::new(service, "default");
    let play = async {
        while let Some((request, send)) = api.next_request().await {
            assert_eq!(
                request.method(),
                "PATCH",
                "all that Roles allow beside creating"
            );
            let is_asked = request.uri().query().unwrap().contains("dryRun=All");
            let applied = json!({});
            let body = if is_asked { found } else { &applied };
            let bytes = serde_json::to_vec(body).unwrap();
            let response = Response::builder().status(StatusCode::OK);
            send.send_response(response.body(Body::from(bytes)).unwrap());
        }
    };
    let apply = kinds.iter().map(|kind| Apply {
        key: FleetKey {
            namespace: "shop".into(),
            name: "edge-portway".into(),
            kind: *kind,
        },
        object: owned_by("u-1"),
        is_new: true,
        made: Some("made".into()),
    });
    let job = Job {
        gateway: write().key,
        wish: Some(1),
        is_whole: true,
        apply: apply.collect(),
        delete: Vec::new(),
    };
    let (done, ()) = tokio::join!(provision(client, job), play);
    let Done::Fleet(_, outcome) = done else {
        panic!("{done:?} is no fleet");
    };
    let applied = outcome.applied.iter();
    applied.map(|(key, _)| key.kind).collect()
}

/// They lost their labels while nobody led: what they are is still known by their owner.
#[tokio::test]
async fn what_the_gateway_controls_is_ours_without_labels() {
    use ProvisionKind::{ConfigMap, Service};
    let both = [ConfigMap, Service];
    assert_eq!(applied_over(&both, &owned_by("u-1")).await, both);
    // One of the name alone is somebody's, as is one of a Gateway that had this one's name.
    let nobody = json!({"metadata": {"name": "edge-portway", "namespace": "shop"}});
    for foreign in [nobody, owned_by("u-2")] {
        assert_eq!(applied_over(&both, &foreign).await, []);
        assert_eq!(applied_over(&[Service], &foreign).await, []);
    }
    // The one that we made is ours whatever became of it.
    let mut made = owned_by("u-2");
    made["metadata"]["uid"] = "made".into();
    assert_eq!(applied_over(&[Service], &made).await, [Service]);
    let mut other = owned_by("u-1");
    other["metadata"]["labels"] = json!({"portway.dev/controller": "other"});
    assert_eq!(applied_over(&[Service], &other).await, []);
    let mut mere = owned_by("u-1");
    mere["metadata"]["ownerReferences"][0]["controller"] = false.into();
    assert_eq!(applied_over(&[Service], &mere).await, []);
    // Of a ConfigMap alone, too: what would be made after it may have been refused.
    assert_eq!(
        applied_over(&[ConfigMap], &owned_by("u-1")).await,
        [ConfigMap]
    );
    assert_eq!(applied_over(&[ConfigMap], &owned_by("u-2")).await, []);
}
