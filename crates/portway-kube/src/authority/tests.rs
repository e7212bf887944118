//! A Secret that somebody damaged, in an API that is played.

use std::time::SystemTime;

use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use portway_feed::Authorities;
use serde_json::{Value, json};
use tower_test::mock::{self, Handle};

use super::{encoded, load};

type Api = Handle<Request<Body>, Response<Body>>;

fn played() -> (Client, Api) {
    let (service, api) = mock::pair::<Request<Body>, Response<Body>>();
    (Client::new(service, "default"), api)
}

fn made() -> Authorities {
    Authorities::generate(SystemTime::now()).unwrap()
}

/// A Secret that holds these authorities.
fn secret(authorities: &Authorities) -> Value {
    json!({"metadata": {"name": "portway-feed-authorities", "resourceVersion": "7"},
        "data": encoded(authorities)})
}

/// One without its first key.
fn damaged() -> Value {
    let mut secret = secret(&made());
    secret["data"].as_object_mut().unwrap().remove("ca.key");
    secret
}

/// What is loaded; afterwards nobody asks the API any more.
async fn loaded(client: Client, known: Option<&Authorities>) -> Authorities {
    load(&client, "own", known).await.unwrap()
}

/// Answers one request, and gives its body.
async fn serve(api: &mut Api, method: Method, (status, body): (StatusCode, &Value)) -> Value {
    let (request, send) = api.next_request().await.expect("it asks");
    assert_eq!(request.method(), method);
    let bytes = request.into_body().collect_bytes().await.unwrap();
    let response = Response::builder().status(status);
    let body = Body::from(serde_json::to_vec(body).unwrap());
    send.send_response(response.body(body).unwrap());
    serde_json::from_slice(&bytes).unwrap_or_default()
}

#[tokio::test]
async fn a_damaged_secret_is_written_anew() {
    let (client, mut api) = played();
    let play = async {
        serve(&mut api, Method::GET, (StatusCode::OK, &damaged())).await;
        serve(&mut api, Method::PUT, (StatusCode::OK, &json!({}))).await
    };
    let (loaded, written) = tokio::join!(loaded(client, None), play);
    assert_eq!(written["data"], encoded(&loaded));
    // Nobody else wrote in between.
    assert_eq!(written["metadata"]["resourceVersion"], "7");
}

/// Otherwise proxies could not follow until they have read of a new authority.
#[tokio::test]
async fn whoever_knows_what_proxies_believe_writes_that_back() {
    let known = made();
    let (client, mut api) = played();
    let play = async {
        serve(&mut api, Method::GET, (StatusCode::OK, &damaged())).await;
        serve(&mut api, Method::PUT, (StatusCode::OK, &json!({}))).await
    };
    let (loaded, written) = tokio::join!(loaded(client, Some(&known)), play);
    assert_eq!(written["data"], encoded(&known));
    assert_eq!(loaded.bundle_pem(), known.bundle_pem());
}

#[tokio::test]
async fn two_that_mend_it_at_once_have_the_same_authorities() {
    let (own, others) = (made(), made());
    let (client, mut api) = played();
    let play = async {
        serve(&mut api, Method::GET, (StatusCode::OK, &damaged())).await;
        let conflict = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": "no", "reason": "Conflict", "code": 409});
        serve(&mut api, Method::PUT, (StatusCode::CONFLICT, &conflict)).await;
        serve(&mut api, Method::GET, (StatusCode::OK, &secret(&others))).await;
    };
    let (loaded, ()) = tokio::join!(loaded(client, Some(&own)), play);
    assert_eq!(loaded.bundle_pem(), others.bundle_pem());
}
