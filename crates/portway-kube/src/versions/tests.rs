//! What the CRDs of a cluster say of themselves.

use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use portway_control::snapshot::Bundle;
use serde_json::{Value, json};
use tower_test::mock;

use super::of_bundle;

/// What is read from an API that answers so when asked for the CRD of GatewayClass.
async fn read(status: StatusCode, body: &Value) -> Bundle {
    let (service, mut api) = mock::pair::<Request<Body>, Response<Body>>();
    let client = Client::new(service, "default");
    let bytes = serde_json::to_vec(body).unwrap();
    let play = async {
        let (request, send) = api.next_request().await.unwrap();
        assert_eq!(
            request.uri(),
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/\
             gatewayclasses.gateway.networking.k8s.io"
        );
        let response = Response::builder().status(status);
        send.send_response(response.body(Body::from(bytes)).unwrap());
    };
    tokio::join!(of_bundle(&client), play).0.unwrap()
}

#[tokio::test]
async fn release_and_channel_are_read_as_far_as_they_are_said() {
    let version = Some("v1.7.0".to_owned());
    let mut crd = json!({"metadata": {"annotations": {
        "gateway.networking.k8s.io/bundle-version": "v1.7.0",
        "gateway.networking.k8s.io/channel": "experimental",
    }}});
    let said = Bundle {
        version: version.clone(),
        channel: Some("experimental".to_owned()),
    };
    assert_eq!(read(StatusCode::OK, &crd).await, said);
    let annotations = crd["metadata"]["annotations"].as_object_mut().unwrap();
    annotations.remove("gateway.networking.k8s.io/channel");
    let half = Bundle {
        version,
        channel: None,
    };
    assert_eq!(read(StatusCode::OK, &crd).await, half);
}

#[tokio::test]
async fn crds_that_are_absent_say_nothing() {
    let absent = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "no", "reason": "NotFound", "code": 404});
    let said = read(StatusCode::NOT_FOUND, &absent).await;
    assert_eq!(said, Bundle::default());
}
