//! What `read` promises.

use std::error::Error;

use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tower_test::mock;

use super::read;

/// A watch would try for ever, and nobody would hear why.
#[tokio::test]
async fn what_may_not_be_read_is_told_at_once() {
    let (service, mut api) = mock::pair::<Request<Body>, Response<Body>>();
    let client = Client::new(service, "default");
    let play = async {
        while let Some((request, send)) = api.next_request().await {
            // An older cluster serves none of them.
            let (status, reason) = match request.uri().path() {
                "/apis/gateway.networking.k8s.io/v1/gateways" => (403, "no right to list gateways"),
                _ => (404, "not found"),
            };
            let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
                "status": "Failure", "message": reason, "reason": "No", "code": status});
            let status = StatusCode::from_u16(status).unwrap();
            let response = Response::builder().status(status);
            let bytes = serde_json::to_vec(&body).unwrap();
            send.send_response(response.body(Body::from(bytes)).unwrap());
        }
    };
    let read = async {
        let error = read(&client, &[]).await.unwrap_err();
        drop(client);
        error
    };
    let (error, ()) = tokio::join!(read, play);
    let why = error.source().unwrap().to_string();
    assert!(why.contains("no right to list gateways (403)"), "{why}");
}
