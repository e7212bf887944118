//! Who takes the Lease when.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};
use tower_test::mock::{self, Handle, SendResponse};

use super::{Election, Lead, Role, Step, lead_of};
use crate::limits::{LEASE_CALL, LEASE_GIVE_UP, LEASE_RELEASE, LEASE_RENEW};

const NOW: &str = "2026-11-25T12:00:00.000000Z";

fn lease(holder: &str, version: &str) -> Value {
    json!({"metadata": {"name": "l", "resourceVersion": version}, "spec": {
        "holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 4,
        "acquireTime": "2026-11-25T11:00:00.000000Z"}})
}

fn written(step: Step) -> Value {
    match step {
        Step::Create(lease) | Step::Replace(lease) => lease,
        Step::Wait => panic!("nothing was written"),
    }
}

#[test]
fn a_lease_that_is_not_there_is_made() {
    let mut election = Election::new("ns", "l", "me");
    let made = written(election.step(None, Instant::now(), NOW));
    assert_eq!(made["spec"]["holderIdentity"], "me");
    assert_eq!(made["metadata"]["namespace"], "ns");
}

#[test]
fn the_holder_renews_and_keeps_since_when_it_leads() {
    let mut election = Election::new("ns", "l", "me");
    let renewed = written(election.step(Some(&lease("me", "1")), Instant::now(), NOW));
    assert_eq!(renewed["spec"]["renewTime"], NOW);
    assert_eq!(
        renewed["spec"]["acquireTime"],
        "2026-11-25T11:00:00.000000Z"
    );
    assert_eq!(renewed["spec"]["leaseTransitions"], 4);
    // Only if nobody else wrote in between.
    assert_eq!(renewed["metadata"]["resourceVersion"], "1");
}

/// Whatever the holder's clock says: what counts is how long we saw no change.
#[test]
fn another_holder_is_gone_when_the_lease_did_not_change_for_its_time() {
    let mut election = Election::new("ns", "l", "me");
    let start = Instant::now();
    let other = lease("other", "1");
    assert_eq!(election.step(Some(&other), start, NOW), Step::Wait);
    let almost = start + Duration::from_secs(14);
    assert_eq!(election.step(Some(&other), almost, NOW), Step::Wait);
    let taken = election.step(Some(&other), start + Duration::from_secs(15), NOW);
    let taken = written(taken);
    assert_eq!(taken["spec"]["holderIdentity"], "me");
    assert_eq!(taken["spec"]["leaseTransitions"], 5);
}

#[test]
fn a_holder_that_renews_stays() {
    let mut election = Election::new("ns", "l", "me");
    let start = Instant::now();
    for at in 0..10_u32 {
        let renewed = lease("other", &at.to_string());
        let now = start + Duration::from_secs(10) * at;
        assert_eq!(election.step(Some(&renewed), now, NOW), Step::Wait);
    }
}

#[test]
fn a_lease_that_was_given_away_is_taken_at_once() {
    let mut election = Election::new("ns", "l", "me");
    let taken = written(election.step(Some(&lease("", "7")), Instant::now(), NOW));
    assert_eq!(taken["spec"]["holderIdentity"], "me");
}

/// Another may have a Lease of this name: of an install that is gone, in another namespace.
#[test]
fn whoever_reads_the_lease_sees_whether_somebody_leads() {
    let renewed = |holder: &str, at: &str| {
        let mut lease = lease(holder, "1");
        lease["spec"]["renewTime"] = at.into();
        lease
    };
    let check = |leases: &[Value], want: Lead| {
        assert_eq!(lead_of(leases, NOW.parse().unwrap()), want, "{leases:?}");
    };
    let nobody = |seconds| Lead::Nobody {
        renewed: Some(Duration::from_secs(seconds)),
    };
    let fresh = renewed("a", "2026-11-25T11:59:45.000000Z");
    let old = renewed("a", "2026-11-25T11:59:44.000000Z");
    let older = renewed("a", "2026-11-25T11:00:00.000000Z");
    check(&[], Lead::Nobody { renewed: None });
    check(&[lease("a", "1")], Lead::Nobody { renewed: None });
    check(&[older.clone(), old.clone()], nobody(16));
    check(&[older, fresh], Lead::Held);
    check(&[renewed("", "2026-11-25T11:59:59Z")], nobody(1));
    check(&[renewed("a", "2026-11-25T12:00:30Z")], Lead::Held);
    check(&[old], nobody(16));
}

/// An election against an API that is played.
struct Scene {
    api: Handle<Request<Body>, Response<Body>>,
    role: watch::Receiver<Role>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

/// A call that waits for its answer, and what it sent.
struct Call {
    send: SendResponse<Response<Body>>,
    sent: Value,
}

impl Scene {
    fn new() -> Self {
        let (service, api) = mock::pair::<Request<Body>, Response<Body>>();
        let (role_sender, role) = watch::channel(Role::Follower);
        let (stop, stopping) = watch::channel(false);
        let election = Election::new("ns", "l", "me");
        let client = Client::new(service, "default");
        let running = tokio::spawn(election.run(client, role_sender, stopping));
        Self {
            api,
            role,
            stop,
            running,
        }
    }

    /// One that has just taken the lead.
    async fn led() -> Self {
        let mut scene = Self::new();
        let absent = scene.call("GET").await;
        absent.answer(StatusCode::NOT_FOUND, &Value::Null);
        let made = scene.call("POST").await;
        made.answer(StatusCode::CREATED, &lease("me", "1"));
        scene.becomes(Role::Leader).await;
        scene
    }

    async fn call(&mut self, method: &str) -> Call {
        let (request, send) = self.api.next_request().await.unwrap();
        assert_eq!(request.method(), method, "{}", request.uri());
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        let sent = serde_json::from_slice(&sent).unwrap_or_default();
        Call { send, sent }
    }

    async fn becomes(&mut self, role: Role) {
        self.role.changed().await.unwrap();
        assert_eq!(*self.role.borrow_and_update(), role);
    }
}

impl Call {
    fn answer(self, status: StatusCode, body: &Value) {
        let failure = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": "no", "reason": "No", "code": status.as_u16()});
        let body = if status.is_success() { body } else { &failure };
        let bytes = serde_json::to_vec(body).unwrap();
        let response = Response::builder().status(status).body(Body::from(bytes));
        self.send.send_response(response.unwrap());
    }
}

/// It ended as long after the begin as it should; timers are exact to a millisecond.
fn assert_took(begin: Instant, want: Duration) {
    let took = begin.elapsed();
    let late = Duration::from_millis(5);
    assert!(took >= want && took < want + late, "{took:?}, not {want:?}");
}

/// The other one takes it 15 s after the last write that it saw.
#[tokio::test(start_paused = true)]
async fn a_leader_that_hears_nothing_gives_up_counted_from_its_last_question() {
    let begin = Instant::now();
    let mut scene = Scene::new();
    let absent = scene.call("GET").await;
    absent.answer(StatusCode::NOT_FOUND, &Value::Null);
    let made = scene.call("POST").await;
    advance(Duration::from_secs(1)).await;
    made.answer(StatusCode::CREATED, &lease("me", "1"));
    scene.becomes(Role::Leader).await;
    let _unanswered = scene.call("GET").await;
    scene.becomes(Role::Follower).await;
    assert_took(begin, LEASE_GIVE_UP);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_refused_gives_up_between_two_looks() {
    let begin = Instant::now();
    let mut scene = Scene::led().await;
    for _ in 0..3 {
        let refused = scene.call("GET").await;
        refused.answer(StatusCode::INTERNAL_SERVER_ERROR, &Value::Null);
    }
    scene.becomes(Role::Follower).await;
    assert_took(begin, LEASE_GIVE_UP);
}

/// One connection may hang while the API would answer on another.
#[tokio::test(start_paused = true)]
async fn calls_that_hang_end_no_lead() {
    let begin = Instant::now();
    let mut scene = Scene::led().await;
    let _hung = scene.call("GET").await;
    assert_took(begin, LEASE_RENEW);
    let asked = scene.call("GET").await;
    assert_took(begin, LEASE_RENEW + LEASE_CALL);
    asked.answer(StatusCode::OK, &lease("me", "1"));
    let _hung = scene.call("PUT").await;
    // The write that hung may have been done.
    let asked = scene.call("GET").await;
    let renewed = LEASE_RENEW + LEASE_CALL * 2;
    assert_took(begin, renewed);
    asked.answer(StatusCode::OK, &lease("me", "2"));
    let put = scene.call("PUT").await;
    put.answer(StatusCode::OK, &lease("me", "3"));
    let _next = scene.call("GET").await;
    assert_took(begin, renewed + LEASE_RENEW);
    assert!(!scene.role.has_changed().unwrap(), "it led all the time");
}

#[tokio::test(start_paused = true)]
async fn what_is_answered_too_late_is_no_lead() {
    let mut scene = Scene::new();
    let absent = scene.call("GET").await;
    absent.answer(StatusCode::NOT_FOUND, &Value::Null);
    let made = scene.call("POST").await;
    let again = scene.call("GET").await;
    made.answer(StatusCode::CREATED, &lease("me", "1"));
    again.answer(StatusCode::INTERNAL_SERVER_ERROR, &Value::Null);
    let _next = scene.call("GET").await;
    assert!(!scene.role.has_changed().unwrap());
}

/// Somebody annotated the Lease just when it was renewed.
#[tokio::test(start_paused = true)]
async fn a_conflict_ends_no_lead_unless_another_holds_the_lease() {
    let mut scene = Scene::led().await;
    let looked = Instant::now() + Duration::from_secs(4);
    for (version, status) in [("2", StatusCode::CONFLICT), ("3", StatusCode::OK)] {
        let asked = scene.call("GET").await;
        assert_took(looked, Duration::ZERO);
        asked.answer(StatusCode::OK, &lease("me", version));
        let put = scene.call("PUT").await;
        assert_eq!(put.sent["metadata"]["resourceVersion"], version);
        put.answer(status, &lease("me", "4"));
    }
    let asked = scene.call("GET").await;
    assert!(!scene.role.has_changed().unwrap());
    asked.answer(StatusCode::OK, &lease("me", "4"));
    let put = scene.call("PUT").await;
    put.answer(StatusCode::CONFLICT, &Value::Null);
    let taken = scene.call("GET").await;
    taken.answer(StatusCode::OK, &lease("other", "5"));
    scene.becomes(Role::Follower).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_gives_the_lease_away_though_somebody_writes_it() {
    let mut scene = Scene::led().await;
    scene.stop.send_replace(true);
    scene.becomes(Role::Follower).await;
    for status in [StatusCode::CONFLICT, StatusCode::OK] {
        let asked = scene.call("GET").await;
        asked.answer(StatusCode::OK, &lease("me", "1"));
        let put = scene.call("PUT").await;
        assert_eq!(put.sent["spec"]["holderIdentity"], "");
        put.answer(status, &lease("", "2"));
    }
    scene.running.await.unwrap();
}

/// The write that was under way may have been done.
#[tokio::test(start_paused = true)]
async fn the_end_waits_for_no_call() {
    let mut scene = Scene::new();
    let absent = scene.call("GET").await;
    absent.answer(StatusCode::NOT_FOUND, &Value::Null);
    let _unanswered = scene.call("POST").await;
    let begin = Instant::now();
    scene.stop.send_replace(true);
    let asked = scene.call("GET").await;
    assert_took(begin, Duration::ZERO);
    asked.answer(StatusCode::OK, &lease("me", "1"));
    let put = scene.call("PUT").await;
    assert_eq!(put.sent["spec"]["holderIdentity"], "");
    scene.running.await.unwrap();
    assert_took(begin, LEASE_RELEASE);
    drop(put);
}
