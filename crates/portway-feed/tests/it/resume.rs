//! Controllers that come and go.

use std::time::SystemTime;

use portway_feed::{Authorities, Leading, Link, ProxyFacts};
use tokio::net::TcpListener;

use crate::controller::Controller;
use crate::proxy::{Files, Proxy};
use crate::tables::{move_endpoint, table};
use crate::wiretap::Wiretap;

#[tokio::test]
async fn a_restarted_controller_sends_what_differs_and_no_more() {
    let authorities = Authorities::generate(SystemTime::now()).unwrap();
    let mut spec = table(1000, 10);
    let mut controller = Controller::start(&authorities).await;
    let wiretap = Wiretap::start(controller.addr).await;
    controller.publish("edge", 1, &spec);
    let mut proxy = Proxy::start(wiretap.addr, Files::new(&authorities, "edge/a"));
    let first = proxy.take_and_apply().await;
    controller.wait_for_acknowledged("edge", 1).await;
    let full = wiretap.bytes_to_proxy();
    assert!(full > 200_000, "{full} bytes");

    // While it is fed, one endpoint.
    move_endpoint(&mut spec, 500);
    controller.publish("edge", 2, &spec);
    proxy.take_and_apply().await;
    controller.wait_for_acknowledged("edge", 2).await;
    let one = wiretap.bytes_to_proxy();
    assert!(one < 300, "{one} bytes, with the frames of HTTP/2 and TLS");

    // Another process, which never saw this proxy, with the same table.
    let addr = controller.addr;
    controller.stop().await;
    proxy.wait_for_down("").await;
    let mut controller = Controller::start_at(&authorities, addr).await;
    wiretap.bytes_to_proxy();
    controller.publish("edge", 1, &spec);
    controller.wait_for_acknowledged("edge", 1).await;
    let nothing = wiretap.bytes_to_proxy();
    assert!(nothing < 5_000, "{nothing} bytes, a handshake and a commit");
    assert!(
        proxy.tables.try_recv().is_err(),
        "the workers hear nothing of it"
    );

    // And one with a table that changed meanwhile.
    controller.stop().await;
    move_endpoint(&mut spec, 7);
    spec.listeners.remove(900);
    let mut controller = Controller::start_at(&authorities, addr).await;
    controller.publish("edge", 1, &spec);
    let last = proxy.take_and_apply().await;
    controller.wait_for_acknowledged("edge", 1).await;
    let changed = wiretap.bytes_to_proxy();
    assert!(changed < 6_000, "{changed} bytes");
    assert_eq!(
        (first.listeners().count(), last.listeners().count()),
        (1000, 999)
    );
}

#[tokio::test]
async fn without_a_controller_a_proxy_keeps_what_it_has_and_tries_on() {
    let authorities = Authorities::generate(SystemTime::now()).unwrap();
    let mut controller = Controller::start(&authorities).await;
    controller.publish("edge", 1, &table(2, 2));
    let addr = controller.addr;
    let mut proxy = Proxy::start(addr, Files::new(&authorities, "edge/a"));
    proxy.take_and_apply().await;
    controller.wait_for_acknowledged("edge", 1).await;
    controller.stop().await;
    proxy.wait_for_down("connect to").await;
    assert!(proxy.tables.try_recv().is_err());
    assert!(!proxy.following.is_finished());
    let mut controller = Controller::start_at(&authorities, addr).await;
    controller.publish("edge", 1, &table(3, 2));
    assert_eq!(proxy.take_and_apply().await.routes().len(), 3);
    controller.wait_for_acknowledged("edge", 1).await;
}

#[tokio::test]
async fn a_proxy_that_starts_without_a_controller_has_nothing_and_says_so() {
    // An address where nobody answers: bound, and given back.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let authorities = Authorities::generate(SystemTime::now()).unwrap();
    let mut proxy = Proxy::start(addr, Files::new(&authorities, "edge/a"));
    proxy.wait_for_down("connect to").await;
    assert!(proxy.tables.try_recv().is_err());
}

/// As with the headless Service of a Deployment with two replicas.
#[tokio::test]
async fn the_leader_is_found_among_all_addresses() {
    let authorities = Authorities::generate(SystemTime::now()).unwrap();
    let follower = Controller::start(&authorities).await;
    follower.feed.set_leading(Leading::No);
    let mut leader = Controller::start(&authorities).await;
    leader.publish("edge", 1, &table(1, 1));
    let addrs = [follower.addr, leader.addr];
    let mut proxies = Vec::new();
    for pod in ["a", "b", "c", "d", "e", "f"] {
        let files = Files::new(&authorities, &format!("edge/{pod}"));
        let mut proxy = Proxy::start_with(&addrs, files);
        proxy.take_and_apply().await;
        assert_eq!(*proxy.link.borrow(), Link::Following(leader.addr));
        proxies.push(proxy);
    }
    leader
        .wait_for("edge", |it| it.len() == proxies.len())
        .await;
    // Another one leads now: all come over to it, and hear nothing new.
    follower.publish("edge", 1, &table(1, 1));
    follower.feed.set_leading(Leading::Yes);
    leader.feed.set_leading(Leading::No);
    let mut leader = follower;
    let has_all = |it: &[ProxyFacts]| {
        it.len() == proxies.len() && it.iter().all(|it| it.acknowledged == Some(1))
    };
    leader.wait_for("edge", has_all).await;
    assert!(proxies.iter_mut().all(|it| it.tables.try_recv().is_err()));
}
