//! What an answer of the API means.

use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower_test::mock;

use super::{named, unpatched};

/// A client, and the API that answers its first call so; it gives what was asked.
fn played(status: StatusCode, body: &Value) -> (Client, impl Future<Output = String> + use<>) {
    let (service, mut api) = mock::pair::<Request<Body>, Response<Body>>();
    let bytes = serde_json::to_vec(body).unwrap();
    let play = async move {
        let (request, send) = api.next_request().await.unwrap();
        let response = Response::builder().status(status);
        send.send_response(response.body(Body::from(bytes)).unwrap());
        format!("{} {}", request.method(), request.uri())
    };
    (Client::new(service, "default"), play)
}

/// Nothing is changed by asking.
#[tokio::test]
async fn an_object_is_shown_by_a_patch_of_nothing() {
    let absent = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "no", "reason": "NotFound", "code": 404});
    let check = async |status, body: &Value| {
        let (client, play) = played(status, body);
        let (found, asked) = tokio::join!(unpatched(&client, "/api/v1/configmaps/a"), play);
        let wanted = "PATCH /api/v1/configmaps/a?dryRun=All&fieldManager=portway";
        assert_eq!(asked, wanted);
        found.unwrap()
    };
    assert_eq!(check(StatusCode::NOT_FOUND, &absent).await, None);
    let found = check(StatusCode::OK, &json!({"a": 1})).await;
    assert_eq!(found, Some(json!({"a": 1})));
}

#[tokio::test]
async fn an_object_is_found_by_its_name_in_a_list() {
    let (client, play) = played(StatusCode::OK, &json!({"items": [{"kind": "Service"}]}));
    let (found, asked) = tokio::join!(named(&client, "/api/v1/services", "web"), play);
    assert_eq!(
        asked,
        "GET /api/v1/services?fieldSelector=metadata.name%3Dweb"
    );
    assert_eq!(found.unwrap(), [json!({"kind": "Service"})]);
}
