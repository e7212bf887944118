//! What a proxy takes from whoever says to be its controller: chunks of an update.
//!
//! In: messages, each after its length in two bytes. Out: nothing but that what is refused changes
//! nothing, what is taken keeps its bounds, and the same messages give the same table. TLS, HTTP/2 and
//! tokens come before and are not ours to parse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portway_engine::limits::{ENDPOINTS_MAX, LISTENERS_MAX, ROUTES_MAX};
use portway_engine::table::{RoutingTable, TableVersion, TargetSpec};
use portway_feed::wire::Chunk;
use portway_feed::{Replica, Resources, Taken};
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    let chunks = chunks(bytes);
    let mut replica = Replica::default();
    let mut twin = Replica::default();
    for chunk in &chunks {
        let before = replica.held().clone();
        let taken = replica.take(chunk);
        let _ = twin.take(chunk);
        match taken {
            Taken::Waiting => assert_eq!(&before, replica.held()),
            Taken::Refused { refusal, .. } => {
                assert_eq!(&before, replica.held());
                assert!(!refusal.to_string().is_empty());
            }
            Taken::Complete(_) => check(&replica),
        }
        assert_eq!(replica.held(), twin.held());
    }
});

/// What is held is a table of its own, within its bounds.
fn check(replica: &Replica) {
    let spec = replica.held().to_spec();
    assert!(spec.listeners.len() <= LISTENERS_MAX && spec.routes.len() <= ROUTES_MAX);
    let backends = spec.routes.iter().flat_map(|route| &route.backends);
    let endpoints = backends.map(|backend| match &backend.target {
        TargetSpec::Endpoints(all) => all.len(),
        TargetSpec::Reject(_) => 0,
    });
    assert!(endpoints.sum::<usize>() <= ENDPOINTS_MAX);
    assert!(RoutingTable::build(TableVersion(1), &spec, None).is_ok());
    let again = Resources::of(&spec, &Resources::default());
    assert_eq!(&again, replica.held(), "a table has one form");
}

fn chunks(mut bytes: &[u8]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (message, rest) = rest.split_at(length);
        bytes = rest;
        if let Ok(chunk) = Chunk::decode(message) {
            chunks.push(chunk);
        }
    }
    chunks
}
