//! Watches against an API that is played: what they ask, what they make of the answers.

use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use portway_control::api::{EndpointSlice, Gateway};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tower_test::mock::{self, Handle};

use super::{Source, Watch, gateway_api, with_own};
use crate::limits::ABSENT_RETRY;
use crate::store::Store;
use crate::watched::Watched;

type Api = Handle<Request<Body>, Response<Body>>;

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let bytes = serde_json::to_vec(body).unwrap();
    Response::builder()
        .status(status)
        .body(Body::from(bytes))
        .unwrap()
}

fn gateway(name: &str, version: u32) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": version.to_string()},
        "spec": {"gatewayClassName": "portway", "listeners": []}})
}

fn list(gateways: &[Value], version: u32) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayList",
        "metadata": {"resourceVersion": version.to_string()}, "items": gateways})
}

/// Answers one request that asks for a path and a query like this.
async fn serve(api: &mut Api, path: &str, query: &str, response: Response<Body>) {
    let (request, send) = api.next_request().await.expect("the watch asks");
    let uri = request.uri().to_string();
    assert!(
        uri.starts_with(path) && uri.contains(query),
        "{uri} is not {path} with {query}"
    );
    send.send_response(response);
}

struct Scene {
    api: Api,
    edits: mpsc::Receiver<super::Edit>,
    store: Store,
}

impl Scene {
    fn new(source: Source) -> Self {
        Self::of(source, None)
    }

    fn of(source: Source, scope: Option<&str>) -> Self {
        let (service, api) = mock::pair::<Request<Body>, Response<Body>>();
        let (sender, edits) = mpsc::channel(16);
        let watch = Watch {
            client: Client::new(service, "default"),
            edits: sender,
            id: 0,
            source,
            scope: scope.map(str::to_owned),
            labels: None,
        };
        let run = watch.run::<Gateway>(|store, scope, seen| store.see(scope, seen));
        tokio::spawn(run);
        Self {
            api,
            edits,
            store: Store::default(),
        }
    }

    /// Makes the next edit; whether it was all there is.
    async fn edit(&mut self) -> bool {
        let edit = self.edits.recv().await.expect("an edit");
        let is_complete = edit.complete.is_some();
        edit.make(&mut self.store);
        is_complete
    }

    fn names(&self) -> Vec<String> {
        let gateways = self.store.objects().gateways.keys();
        gateways.map(|key| key.name.to_string()).collect()
    }
}

const KINDS: &str = "/apis/gateway.networking.k8s.io/v1";
const GATEWAYS: &str = "/apis/gateway.networking.k8s.io/v1/gateways";

fn served() -> Response<Body> {
    answer(
        StatusCode::OK,
        &json!({"resources": [{"name": "gateways"}]}),
    )
}

/// After 410 Gone everything is listed again, so what was deleted meanwhile goes.
#[tokio::test]
async fn a_watch_that_is_too_old_lists_again() {
    let mut scene = Scene::new(gateway_api("Gateway", "gateways"));
    serve(&mut scene.api, KINDS, "", served()).await;
    let all = list(&[gateway("a", 1), gateway("b", 2)], 2);
    serve(
        &mut scene.api,
        GATEWAYS,
        "limit=",
        answer(StatusCode::OK, &all),
    )
    .await;
    assert!(scene.edit().await);
    assert_eq!(scene.names(), ["a", "b"]);
    let gone = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1",
        "metadata": {}, "status": "Failure", "message": "too old", "reason": "Expired",
        "code": 410}});
    let gone = answer(StatusCode::OK, &gone);
    serve(&mut scene.api, GATEWAYS, "resourceVersion=2", gone).await;
    let all = list(&[gateway("b", 2), gateway("c", 9)], 9);
    serve(
        &mut scene.api,
        GATEWAYS,
        "limit=",
        answer(StatusCode::OK, &all),
    )
    .await;
    assert!(scene.edit().await);
    assert_eq!(scene.names(), ["b", "c"]);
}

#[tokio::test]
async fn changes_come_one_by_one() {
    let mut scene = Scene::new(gateway_api("Gateway", "gateways"));
    serve(&mut scene.api, KINDS, "", served()).await;
    let all = list(&[gateway("a", 1)], 1);
    serve(
        &mut scene.api,
        GATEWAYS,
        "limit=",
        answer(StatusCode::OK, &all),
    )
    .await;
    assert!(scene.edit().await);
    let events = [
        json!({"type": "ADDED", "object": gateway("b", 2)}),
        json!({"type": "DELETED", "object": gateway("a", 3)}),
    ];
    let lines = events.map(|event| event.to_string()).join("\n") + "\n";
    let response = Response::new(Body::from(lines.into_bytes()));
    serve(&mut scene.api, GATEWAYS, "watch=true", response).await;
    assert!(!scene.edit().await);
    assert_eq!(scene.names(), ["a", "b"]);
    assert!(!scene.edit().await);
    assert_eq!(scene.names(), ["b"]);
}

/// A connection may die without a word, so none is believed for long; what is asked again goes on
/// from where it was.
#[tokio::test(start_paused = true)]
async fn a_watch_is_begun_anew_before_long() {
    let mut scene = Scene::new(gateway_api("Gateway", "gateways"));
    serve(&mut scene.api, KINDS, "", served()).await;
    let all = answer(StatusCode::OK, &list(&[gateway("a", 1)], 7));
    serve(&mut scene.api, GATEWAYS, "limit=", all).await;
    assert!(scene.edit().await);
    let over = Response::new(Body::empty());
    serve(&mut scene.api, GATEWAYS, "timeoutSeconds=30", over).await;
    let over = Response::new(Body::empty());
    serve(&mut scene.api, GATEWAYS, "resourceVersion=7", over).await;
}

/// CRDs that are not there are no reason to wait for ever, nor to crash.
#[tokio::test]
async fn a_kind_that_is_not_served_counts_as_empty() {
    let source = Source {
        versions: &["v1", "v1alpha2"],
        ..gateway_api("Gateway", "gateways")
    };
    let mut scene = Scene::new(source);
    let absent = json!({"kind": "Status", "status": "Failure", "code": 404});
    let older = "/apis/gateway.networking.k8s.io/v1alpha2";
    for path in [KINDS, older] {
        let absent = answer(StatusCode::NOT_FOUND, &absent);
        serve(&mut scene.api, path, "", absent).await;
    }
    assert!(scene.edit().await);
    assert_eq!(scene.names(), Vec::<String>::new());
}

#[tokio::test]
async fn of_an_old_cluster_the_older_version_is_watched() {
    let source = Source {
        versions: &["v1", "v1alpha2"],
        ..gateway_api("Gateway", "gateways")
    };
    let mut scene = Scene::new(source);
    let other = answer(StatusCode::OK, &json!({"resources": [{"name": "others"}]}));
    serve(&mut scene.api, KINDS, "", other).await;
    let older = "/apis/gateway.networking.k8s.io/v1alpha2";
    serve(&mut scene.api, older, "", served()).await;
    let all = answer(StatusCode::OK, &list(&[gateway("a", 1)], 1));
    let path = "/apis/gateway.networking.k8s.io/v1alpha2/gateways";
    serve(&mut scene.api, path, "limit=", all).await;
    assert!(scene.edit().await);
    assert_eq!(scene.names(), ["a"]);
}

/// CRDs that go are said once, and looked for; when they come as another version, that is watched.
#[tokio::test(start_paused = true)]
async fn a_kind_that_is_served_no_more_is_looked_for() {
    let mut scene = Scene::new(gateway_api("Gateway", "gateways"));
    serve(&mut scene.api, KINDS, "", served()).await;
    let all = answer(StatusCode::OK, &list(&[gateway("a", 1)], 1));
    serve(&mut scene.api, GATEWAYS, "limit=", all).await;
    assert!(scene.edit().await);
    // A server answers so for a path that it does not know: text, and no Status.
    let absent = || {
        let response = Response::builder().status(StatusCode::NOT_FOUND);
        let text = b"404 page not found".to_vec();
        response.body(Body::from(text)).unwrap()
    };
    let older = "/apis/gateway.networking.k8s.io/v1beta1";
    for path in [GATEWAYS, KINDS, older, KINDS] {
        serve(&mut scene.api, path, "", absent()).await;
    }
    serve(&mut scene.api, older, "", served()).await;
    let all = answer(StatusCode::OK, &list(&[gateway("b", 2)], 2));
    let path = "/apis/gateway.networking.k8s.io/v1beta1/gateways";
    serve(&mut scene.api, path, "limit=", all).await;
    // No edit said in between that there is none.
    assert!(scene.edit().await);
    assert_eq!(scene.names(), ["b"]);
}

/// They may have been deleted when no watch looked.
#[tokio::test(start_paused = true)]
async fn objects_of_a_kind_that_is_gone_for_long_are_forgotten() {
    let mut scene = Scene::new(Source {
        versions: &["v1"],
        ..gateway_api("Gateway", "gateways")
    });
    serve(&mut scene.api, KINDS, "", served()).await;
    let all = answer(StatusCode::OK, &list(&[gateway("a", 1)], 1));
    serve(&mut scene.api, GATEWAYS, "limit=", all).await;
    assert!(scene.edit().await);
    let absent = json!({"kind": "Status", "status": "Failure", "code": 404});
    for path in [GATEWAYS, KINDS, KINDS] {
        let absent = answer(StatusCode::NOT_FOUND, &absent);
        serve(&mut scene.api, path, "", absent).await;
    }
    // What is asked next has no answer: without an edit by then there is none.
    let told = timeout(ABSENT_RETRY * 2, scene.edit()).await;
    assert_eq!(told, Ok(true));
    assert_eq!(scene.names(), Vec::<String>::new());
}

/// When a namespace goes, our rights in it may go before its objects: nobody tells of these then.
#[tokio::test(start_paused = true)]
async fn objects_of_a_namespace_that_is_gone_are_forgotten() {
    let mut scene = Scene::of(gateway_api("Gateway", "gateways"), Some("shop"));
    serve(&mut scene.api, KINDS, "", served()).await;
    let gateways = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways";
    let all = answer(StatusCode::OK, &list(&[gateway("a", 1)], 1));
    serve(&mut scene.api, gateways, "limit=", all).await;
    assert!(scene.edit().await);
    let forbidden = || {
        let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": "no", "reason": "Forbidden", "code": 403});
        answer(StatusCode::FORBIDDEN, &body)
    };
    let namespaces = |names: &[&str]| {
        let items: Vec<Value> = names
            .iter()
            .map(|it| json!({"metadata": {"name": it}}))
            .collect();
        answer(StatusCode::OK, &list(&items, 5))
    };
    // While it is there, objects that we may not see are as they were.
    for found in [&["shop"][..], &[]] {
        serve(&mut scene.api, gateways, "watch=true", forbidden()).await;
        let query = "fieldSelector=metadata.name%3Dshop";
        let found = namespaces(found);
        serve(&mut scene.api, "/api/v1/namespaces?", query, found).await;
    }
    assert!(scene.edit().await);
    assert_eq!(scene.names(), Vec::<String>::new());
    // It is looked at again and again, and is there again one day.
    let back = json!({"type": "ADDED", "object": gateway("b", 9)}).to_string() + "\n";
    let back = Response::new(Body::from(back.into_bytes()));
    serve(&mut scene.api, gateways, "watch=true", back).await;
    assert!(!scene.edit().await);
    assert_eq!(scene.names(), ["b"]);
}

/// An object that we cannot read takes no other with it.
#[tokio::test]
async fn an_object_that_cannot_be_read_counts_as_absent() {
    let mut scene = Scene::new(gateway_api("Gateway", "gateways"));
    serve(&mut scene.api, KINDS, "", served()).await;
    let mut odd = gateway("odd", 1);
    odd["spec"]["listeners"] = json!([{"name": 7}]);
    let all = answer(StatusCode::OK, &list(&[odd, gateway("b", 2)], 2));
    serve(&mut scene.api, GATEWAYS, "limit=", all).await;
    assert!(scene.edit().await);
    assert_eq!(scene.names(), ["b"]);
}

/// The slice of a Service without endpoints says `null` where it has none.
#[tokio::test]
async fn an_empty_slice_is_read() {
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "db-1", "namespace": "shop", "resourceVersion": "1"},
        "addressType": "IPv4", "endpoints": null, "ports": null});
    let slice: Watched<EndpointSlice> = serde_json::from_value(slice).unwrap();
    let slice = slice.object.unwrap();
    assert_eq!((slice.endpoints.len(), slice.ports.len()), (0, 0));
}

/// The chart puts the parameters of its class beside the controller, watched or not.
#[test]
fn parameters_beside_the_controller_are_always_seen() {
    let check = |namespaces: &[&str], want: &[&str]| {
        let namespaces: Vec<String> = namespaces.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(with_own(&namespaces, "own"), want);
    };
    check(&[], &[]);
    check(&["a", "b"], &["a", "b", "own"]);
    check(&["own"], &["own"]);
}
