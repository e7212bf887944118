//! A whole controller against an API that is played: when it takes part in the election.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower_test::mock::{self, SendResponse};

use super::{Config, Health, run};
use crate::lease::Role;

/// Longer than any wait between tries.
const LONG: Duration = Duration::from_secs(120);

/// A controller, and whether it asked for the Lease.
struct Scene {
    /// The path to which the API says no.
    forbidden: watch::Sender<&'static str>,
    n_lease_calls: watch::Receiver<u32>,
    health: watch::Receiver<Health>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Scene {
    /// Of all namespaces, or of those given.
    fn new(forbidden: &'static str, namespaces: &[&str]) -> Self {
        let (service, mut api) = mock::pair::<Request<Body>, Response<Body>>();
        let (forbidden, forbids) = watch::channel(forbidden);
        let (lease_calls, n_lease_calls) = watch::channel(0);
        tokio::spawn(async move {
            let mut watches = Vec::new();
            while let Some((request, send)) = api.next_request().await {
                if request.uri().path().contains("/leases") {
                    lease_calls.send_modify(|n| *n += 1);
                }
                watches.extend(answer(&request, send, *forbids.borrow()));
            }
        });
        let (health_sender, health) = watch::channel(Health {
            is_synced: false,
            role: Role::Follower,
        });
        let (stop, stopping) = watch::channel(false);
        let client = Client::new(service, "default");
        let config = config(namespaces);
        let running = tokio::spawn(async move {
            run(client, config, health_sender, stopping).await.unwrap();
        });
        Self {
            forbidden,
            n_lease_calls,
            health,
            stop,
            running,
        }
    }

    /// It leads as soon as it is allowed to see everything, and not before.
    async fn leads_only_once_allowed(mut self) {
        let asked = timeout(LONG, self.n_lease_calls.changed()).await;
        assert!(asked.is_err(), "it took part though it cannot act");
        let is_ready = self.health.borrow().is_synced;
        assert!(!is_ready, "and it says so");
        self.forbidden.send_replace("none");
        self.leads().await;
    }

    async fn leads(mut self) {
        let leads = self.health.wait_for(|it| it.role == Role::Leader);
        let leads = timeout(LONG, leads).await.unwrap().unwrap().is_synced;
        assert!(leads);
        self.stop.send_replace(true);
        self.running.await.unwrap();
    }
}

fn config(namespaces: &[&str]) -> Config {
    Config {
        controller_name: Arc::from("portway.dev/controller"),
        watch_namespaces: namespaces.iter().map(|it| (*it).to_owned()).collect(),
        namespace: "own".to_owned(),
        identity: "me".to_owned(),
        feed_addr: "127.0.0.1:0".parse().unwrap(),
        image: "image".to_owned(),
        image_pull_policy: "Always".to_owned(),
    }
}

/// What a cluster answers that has the namespace `here` and nothing else. A watch stays open: it is
/// handed back.
fn answer(
    request: &Request<Body>,
    send: SendResponse<Response<Body>>,
    forbidden: &str,
) -> Option<SendResponse<Response<Body>>> {
    let (path, query) = (request.uri().path(), request.uri().query());
    if query.is_some_and(|it| it.contains("watch=true")) {
        return Some(send);
    }
    let one = path.contains("/secrets/") || path.contains("/leases/");
    let (status, body) = if path.contains(forbidden) {
        (StatusCode::FORBIDDEN, failure(403))
    } else if request.method() != Method::GET {
        (StatusCode::CREATED, json!({}))
    } else if one || path.starts_with("/apis/gateway") || path.contains("customresource") {
        (StatusCode::NOT_FOUND, failure(404))
    } else if query.is_some_and(|it| it.contains("metadata.name%3Dhere")) {
        let mut list = empty_list();
        list["items"] = json!([{"metadata": {"name": "here"}}]);
        (StatusCode::OK, list)
    } else {
        (StatusCode::OK, empty_list())
    };
    let body = Body::from(serde_json::to_vec(&body).unwrap());
    let response = Response::builder().status(status).body(body);
    send.send_response(response.unwrap());
    None
}

fn empty_list() -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": []})
}

fn failure(code: u16) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "no", "reason": "No", "code": code})
}

#[tokio::test(start_paused = true)]
async fn without_authorities_nobody_takes_part() {
    let scene = Scene::new("/secrets", &[]);
    scene.leads_only_once_allowed().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_see_everything_does_not_take_part() {
    let scene = Scene::new("/services", &[]);
    scene.leads_only_once_allowed().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_see_a_namespace_that_is_there_does_not_take_part() {
    let scene = Scene::new("/namespaces/here/", &["here", "other"]);
    scene.leads_only_once_allowed().await;
}

/// The Role in a namespace goes with it; the others are served on.
#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_gone_keeps_nobody_from_the_lead() {
    Scene::new("/namespaces/gone/", &["gone", "here"])
        .leads()
        .await;
}
