//! What a peer may not do, and that it harms nobody else.

use std::time::{Duration, SystemTime};

use portway_feed::limits::UNREVIEWED_TIMEOUT;
use portway_feed::wire::from_proxy::Kind;
use portway_feed::wire::{Acknowledged, FromProxy, Known, KnownResource, Refused};
use portway_feed::{Authorities, Leading};
use tokio::io::AsyncReadExt;
use tokio::time::{advance, pause, resume, timeout};
use tonic::Code;

use crate::controller::{Controller, DEADLINE};
use crate::peer::{Peer, secured};
use crate::tables::table;

async fn started() -> (Controller, Authorities) {
    let authorities = Authorities::generate(SystemTime::now()).unwrap();
    let controller = Controller::start(&authorities).await;
    controller.publish("edge", 1, &table(2, 1));
    (controller, authorities)
}

#[tokio::test]
async fn nobody_without_a_valid_token_hears_anything() {
    let (controller, authorities) = started().await;
    for (authorization, code) in [
        (None, Code::Unauthenticated),
        (Some("Bearer "), Code::Unauthenticated),
        (Some("Basic edge/a"), Code::Unauthenticated),
        (Some("Bearer stranger"), Code::Unauthenticated),
        (Some("Bearer nobody-knows"), Code::Unavailable),
    ] {
        let peer = Peer::connect(&controller, &authorities, authorization).await;
        let status = peer.map(drop).unwrap_err();
        assert_eq!(status.code(), code, "{authorization:?}: {status:?}");
    }
    controller.feed.set_leading(Leading::No);
    let peer = Peer::connect(&controller, &authorities, Some("Bearer edge/a")).await;
    assert_eq!(peer.map(drop).unwrap_err().code(), Code::Unavailable);
}

/// The places of all proxies are few, and anybody can take one.
#[tokio::test]
async fn a_connection_that_shows_no_token_is_closed_and_others_stay() {
    let (controller, authorities) = started().await;
    let mut peer = Peer::connect(&controller, &authorities, Some("Bearer edge/a"))
        .await
        .unwrap();
    peer.say_nothing_is_known().await;
    let first = peer.hear().await.unwrap().unwrap();
    let mut silent = secured(&controller, &authorities).await;
    // The server speaks first, so its handshake is over.
    let mut bytes = [0; 1024];
    assert!(silent.read(&mut bytes).await.unwrap() > 0);
    pause();
    advance(UNREVIEWED_TIMEOUT + Duration::from_secs(1)).await;
    resume();
    let closed = async { while silent.read(&mut bytes).await.is_ok_and(|n| n > 0) {} };
    timeout(DEADLINE, closed).await.expect("it is closed");
    controller.publish("edge", 2, &table(1, 1));
    peer.acknowledge(first.nonce).await;
    let second = peer.hear().await.unwrap().unwrap();
    assert_eq!(second.commit.unwrap().generation, 2);
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_stream() {
    let (controller, authorities) = started().await;
    let acknowledged = || Kind::Acknowledged(Acknowledged::default());
    let resource = |bytes| KnownResource {
        kind: 1,
        name: "n".repeat(bytes),
        version: Vec::new(),
    };
    let too_much = || {
        let large = Known {
            resources: vec![resource(900_000)],
            is_last: false,
        };
        vec![Some(Kind::Known(large)); 8]
    };
    let too_large = Known {
        resources: vec![resource(2_000_000)],
        is_last: true,
    };
    let nothing = || {
        Some(Kind::Known(Known {
            resources: Vec::new(),
            is_last: true,
        }))
    };
    for (messages, want) in [
        (vec![Some(acknowledged())], "what is known comes first"),
        (vec![None], "what is known comes first"),
        (vec![nothing(), nothing()], "what is known was said before"),
        (vec![nothing(), None], "an empty message"),
        (too_much(), "more is known than a table may hold"),
        // Not even decoded: the stream just ends.
        (vec![Some(Kind::Known(too_large))], ""),
    ] {
        let peer = Peer::connect(&controller, &authorities, Some("Bearer edge/a"));
        let mut peer = peer.await.unwrap();
        for kind in messages {
            // The stream may have ended before all is said.
            let _ = peer.say.send(FromProxy { kind }).await;
        }
        let end = loop {
            match peer.hear().await {
                Ok(Some(_)) => {}
                Ok(None) => break String::new(),
                Err(status) => break status.message().to_owned(),
            }
        };
        assert!(end.contains(want), "{end:?}, not {want:?}");
    }
}

#[tokio::test]
async fn a_refusal_goes_up_with_its_reason_and_is_not_answered_with_the_same() {
    let (mut controller, authorities) = started().await;
    let mut peer = Peer::connect(&controller, &authorities, Some("Bearer edge/a"))
        .await
        .unwrap();
    peer.say_nothing_is_known().await;
    let chunk = peer.hear().await.unwrap().unwrap();
    let reason = "x".repeat(10_000);
    let nonce = chunk.nonce;
    peer.say(Kind::Refused(Refused { nonce, reason })).await;
    let facts = controller
        .wait_for("edge", |it| it.iter().any(|it| it.refused.is_some()))
        .await;
    let (generation, reason) = facts[0].refused.clone().unwrap();
    assert_eq!(
        (generation, reason.len()),
        (1, 2048),
        "and no more of it than we want"
    );
    assert!(peer.hears_nothing().await);
    // The next table is sent whole, as nothing was taken.
    controller.publish("edge", 2, &table(1, 1));
    let chunk = peer.hear().await.unwrap().unwrap();
    assert_eq!(
        chunk.changes.len(),
        3,
        "a listener, a route, its endpoint: {chunk:?}"
    );
    peer.acknowledge(chunk.nonce).await;
    let facts = controller
        .wait_for("edge", |it| it.iter().any(|it| it.acknowledged == Some(2)))
        .await;
    assert_eq!(facts[0].refused, None);
}

#[tokio::test]
async fn answers_to_what_was_never_sent_count_for_nothing() {
    let (mut controller, authorities) = started().await;
    let mut peer = Peer::connect(&controller, &authorities, Some("Bearer edge/a"))
        .await
        .unwrap();
    peer.say_nothing_is_known().await;
    for nonce in [0, 2, u64::MAX] {
        peer.acknowledge(nonce).await;
    }
    let chunk = peer.hear().await.unwrap().unwrap();
    let facts = controller.wait_for("edge", |it| it.len() == 1).await;
    assert_eq!(facts[0].acknowledged, None);
    peer.acknowledge(chunk.nonce).await;
    controller.wait_for_acknowledged("edge", 1).await;
}

#[tokio::test]
async fn a_newer_stream_of_a_proxy_ends_the_older() {
    let (mut controller, authorities) = started().await;
    let token = Some("Bearer edge/a");
    let mut older = Peer::connect(&controller, &authorities, token)
        .await
        .unwrap();
    older.say_nothing_is_known().await;
    older.hear().await.unwrap().unwrap();
    let mut newer = Peer::connect(&controller, &authorities, token)
        .await
        .unwrap();
    newer.say_nothing_is_known().await;
    newer.hear().await.unwrap().unwrap();
    let end = older.hear().await.unwrap_err();
    assert_eq!(end.code(), Code::Aborted);
    assert_eq!(
        controller.wait_for("edge", |it| it.len() == 1).await.len(),
        1
    );
}

#[tokio::test]
async fn a_proxy_that_answers_late_gets_the_newest_and_nothing_between() {
    let (controller, authorities) = started().await;
    let mut peer = Peer::connect(&controller, &authorities, Some("Bearer edge/a"))
        .await
        .unwrap();
    peer.say_nothing_is_known().await;
    let first = peer.hear().await.unwrap().unwrap();
    for generation in 2..=500 {
        controller.publish("edge", generation, &table(1 + generation as u16 % 7, 1));
    }
    assert!(peer.hears_nothing().await, "one update is on its way");
    peer.acknowledge(first.nonce).await;
    let second = peer.hear().await.unwrap().unwrap();
    assert_eq!(second.commit.unwrap().generation, 500);
}
