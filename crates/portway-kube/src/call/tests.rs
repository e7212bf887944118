//! What an answer of the API means.

use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower_test::mock;

use super::{exists, named};

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
