//! Who takes the Lease when.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Election, Step};

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
