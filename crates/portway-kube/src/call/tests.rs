//! What an answer of the API means.

use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower_test::mock;

use super::exists;

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

fn conflict(reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "no", "reason": reason, "code": 409})
}

/// A quota that changes just then is 409, too: nothing is in the way, and it is tried again.
#[tokio::test]
async fn only_an_object_that_exists_is_in_the_way() {
    let check = async |status, body: &Value| {
        let (client, play) = played(status, body);
        let (found, _) = tokio::join!(exists(&client, "/api", &Value::Null), play);
        found.ok()
    };
    assert_eq!(check(StatusCode::CREATED, &json!({})).await, Some(false));
    let taken = check(StatusCode::CONFLICT, &conflict("AlreadyExists")).await;
    assert_eq!(taken, Some(true));
    let raced = check(StatusCode::CONFLICT, &conflict("Conflict")).await;
    assert_eq!(raced, None);
}
