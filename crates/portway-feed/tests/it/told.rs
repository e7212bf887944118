//! What people are told of a link that is down.

use std::fmt::{self, Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use portway_feed::limits::STREAM_AGE_MAX;
use portway_feed::{Authorities, Leading, Link};
use tokio::time::{advance, pause, resume, timeout};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::controller::{Controller, DEADLINE};
use crate::proxy::{Files, Proxy};
use crate::tables::table;

/// The warnings of this thread.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("portway_feed")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written: fmt::Result = write!(self.0, "{field}={value:?} ");
        written.unwrap();
    }
}

/// A leader and another, and a proxy that knows both.
async fn started() -> (Controller, Controller, Proxy) {
    let authorities = Authorities::generate(SystemTime::now()).unwrap();
    let leader = Controller::start(&authorities).await;
    let other = Controller::start(&authorities).await;
    other.feed.set_leading(Leading::No);
    leader.publish("edge", 1, &table(1, 1));
    let files = Files::new(&authorities, "edge/a");
    let mut proxy = Proxy::start_with(&[leader.addr, other.addr], files);
    proxy.take_and_apply().await;
    (leader, other, proxy)
}

/// Each stream ends by its age, and only one of the controllers leads: nothing is wrong.
#[tokio::test]
async fn a_stream_that_ends_by_its_age_is_no_warning() {
    let warnings = Warnings::default();
    let _told = tracing::subscriber::set_default(warnings.clone());
    let (mut leader, _other, mut proxy) = started().await;
    for _ in 0..4 {
        leader.wait_for_acknowledged("edge", 1).await;
        proxy.link.borrow_and_update();
        pause();
        advance(STREAM_AGE_MAX + Duration::from_secs(1)).await;
        resume();
        proxy.wait_for_down("").await;
        let follows = timeout(DEADLINE, proxy.link.wait_for(Link::is_following)).await;
        assert!(follows.is_ok_and(|it| it.is_ok()));
    }
    assert_eq!(warnings.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn an_outage_is_told_once_whatever_each_address_says() {
    let warnings = Warnings::default();
    let _told = tracing::subscriber::set_default(warnings.clone());
    let (mut leader, _other, mut proxy) = started().await;
    for n_outages in 1..=2 {
        leader.feed.set_leading(Leading::No);
        // Four rounds of both.
        for _ in 0..8 {
            timeout(DEADLINE, proxy.link.changed())
                .await
                .unwrap()
                .unwrap();
        }
        let seen = warnings.seen();
        assert_eq!(seen.len(), n_outages, "{seen:#?}");
        assert!(seen.concat().contains("serving what is here"), "{seen:#?}");
        leader.feed.set_leading(Leading::Yes);
        leader.wait_for_acknowledged("edge", 1).await;
    }
}

/// A controller that takes a proxy and has nothing for it is none, however often it does.
#[tokio::test]
async fn a_stream_that_brought_no_table_ends_no_outage() {
    let warnings = Warnings::default();
    let _told = tracing::subscriber::set_default(warnings.clone());
    let authorities = Authorities::generate(SystemTime::now()).unwrap();
    let leader = Controller::start(&authorities).await;
    let mut proxy = Proxy::start(leader.addr, Files::new(&authorities, "edge/a"));
    for _ in 0..3 {
        let follows = timeout(DEADLINE, proxy.link.wait_for(Link::is_following)).await;
        assert!(follows.is_ok_and(|it| it.is_ok()));
        leader.feed.set_leading(Leading::No);
        proxy.wait_for_down("").await;
        leader.feed.set_leading(Leading::Yes);
    }
    let seen = warnings.seen();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert!(seen.concat().contains("no table yet"), "{seen:#?}");
}
