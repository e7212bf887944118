//! Controllers that come and go.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use portway_feed::limits::CONNECT_TIMEOUT;
use portway_feed::{Authorities, Leading, Link, ProxyFacts};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

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

/// A socket that takes no connection any more: its kernel drops who comes, as that of a Pod which is gone.
/// Lives as long as what is given.
async fn silent() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut taken = Vec::new();
    while let Ok(stream) = timeout(FULL, TcpStream::connect(addr)).await {
        taken.push(stream.unwrap());
    }
    (addr, listener, taken)
}

/// Loopback answers sooner, unless there is no room.
const FULL: Duration = Duration::from_millis(300);

#[tokio::test]
async fn an_address_that_answers_nothing_holds_up_nobody() {
    let authorities = Authorities::generate(SystemTime::now()).unwrap();
    let controller = Controller::start(&authorities).await;
    controller.publish("edge", 1, &table(3, 2));
    let gone = [silent().await, silent().await, silent().await];
    let addrs: Vec<SocketAddr> = gone.iter().map(|it| it.0).collect();
    let addrs = [&addrs[..], &[controller.addr]].concat();
    let mut proxy = Proxy::start_with(&addrs, Files::new(&authorities, "edge/a"));
    // Not even the first of them has been given up by then.
    let table = timeout(CONNECT_TIMEOUT, proxy.table()).await;
    assert!(table.is_ok(), "{:?}", *proxy.link.borrow());
}

/// Its kernel completes connections, but nobody says a word there: a controller that is frozen. The other
/// answers at once that it does not lead, and leads later.
#[tokio::test]
async fn a_controller_that_is_silent_keeps_nobody_from_the_other() {
    let authorities = Authorities::generate(SystemTime::now()).unwrap();
    let controller = Controller::start(&authorities).await;
    controller.feed.set_leading(Leading::No);
    controller.publish("edge", 1, &table(3, 2));
    let frozen = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addrs = [frozen.local_addr().unwrap(), controller.addr];
    let mut proxy = Proxy::start_with(&addrs, Files::new(&authorities, "edge/a"));
    proxy.wait_for_down("does not lead").await;
    controller.feed.set_leading(Leading::Yes);
    let table = timeout(CONNECT_TIMEOUT, proxy.table()).await;
    assert!(table.is_ok(), "{:?}", *proxy.link.borrow());
}
