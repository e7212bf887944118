//! Tables that come, and what becomes known of them.

use std::time::SystemTime;

use portway_feed::{Authorities, Leading, Link};
use tokio::time::timeout;

use crate::controller::{Controller, DEADLINE, gateway_name, leaf};
use crate::proxy::{Files, Proxy};
use crate::tables::{move_endpoint, table};

fn authorities() -> Authorities {
    Authorities::generate(SystemTime::now()).unwrap()
}

#[tokio::test]
async fn a_table_comes_and_its_acknowledgement_goes_up() {
    let authorities = authorities();
    let mut controller = Controller::start(&authorities).await;
    let mut proxy = Proxy::start(controller.addr, Files::new(&authorities, "edge/pod-1"));
    controller.publish("edge", 7, &table(3, 2));
    let first = proxy.table().await;
    assert_eq!(first.routes().len(), 3);
    let facts = controller.wait_for("edge", |it| it.len() == 1).await;
    assert_eq!(
        facts[0].acknowledged, None,
        "the workers do not have it yet"
    );
    assert_eq!((&*facts[0].pod, &*facts[0].uid), ("pod-1", "uid of pod-1"));
    proxy.apply(&first);
    controller.wait_for_acknowledged("edge", 7).await;
    // The same table as another generation is acknowledged without a word to the workers.
    controller.publish("edge", 8, &table(3, 2));
    controller.wait_for_acknowledged("edge", 8).await;
    assert!(proxy.tables.try_recv().is_err());
}

#[tokio::test]
async fn a_proxy_gets_its_own_gateways_table_only() {
    let authorities = authorities();
    let mut controller = Controller::start(&authorities).await;
    controller.publish("edge", 1, &table(3, 1));
    controller.publish("inner", 1, &table(5, 1));
    let mut edge = Proxy::start(controller.addr, Files::new(&authorities, "edge/a"));
    let mut inner = Proxy::start(controller.addr, Files::new(&authorities, "inner/b"));
    assert_eq!(edge.take_and_apply().await.routes().len(), 3);
    assert_eq!(inner.take_and_apply().await.routes().len(), 5);
    controller.wait_for_acknowledged("edge", 1).await;
    controller.wait_for_acknowledged("inner", 1).await;
    assert_eq!(controller.feed.proxies(&gateway_name("edge")).len(), 1);
}

#[tokio::test]
async fn sockets_that_could_not_be_bound_go_up_and_are_taken_back() {
    let authorities = authorities();
    let mut controller = Controller::start(&authorities).await;
    controller.publish("edge", 1, &table(1, 1));
    let mut proxy = Proxy::start(controller.addr, Files::new(&authorities, "edge/a"));
    let first = proxy.table().await;
    proxy.apply_but(&first, &[("0.0.0.0:10000", "taken")]);
    let facts = controller
        .wait_for("edge", |it| it.iter().any(|it| !it.unbound.is_empty()))
        .await;
    let want = vec![("0.0.0.0:10000".parse().unwrap(), "taken".to_owned())];
    assert_eq!((facts[0].acknowledged, &facts[0].unbound), (Some(1), &want));
    proxy.apply(&first);
    controller
        .wait_for("edge", |it| it.iter().all(|it| it.unbound.is_empty()))
        .await;
}

#[tokio::test]
async fn only_the_leader_serves() {
    let authorities = authorities();
    let mut controller = Controller::start(&authorities).await;
    controller.feed.set_leading(Leading::No);
    controller.publish("edge", 1, &table(1, 1));
    let mut proxy = Proxy::start(controller.addr, Files::new(&authorities, "edge/a"));
    proxy.wait_for_down("does not lead").await;
    assert!(proxy.tables.try_recv().is_err());
    controller.feed.set_leading(Leading::Yes);
    proxy.take_and_apply().await;
    controller.wait_for_acknowledged("edge", 1).await;
    controller.feed.set_leading(Leading::No);
    proxy.wait_for_down("does not lead").await;
    assert!(controller.feed.proxies(&gateway_name("edge")).is_empty());
}

#[tokio::test]
async fn a_controller_that_knows_no_table_yet_sends_none() {
    let authorities = authorities();
    let mut controller = Controller::start(&authorities).await;
    let mut proxy = Proxy::start(controller.addr, Files::new(&authorities, "edge/a"));
    controller.wait_for("edge", |it| it.len() == 1).await;
    let follows = timeout(DEADLINE, proxy.link.wait_for(Link::is_following)).await;
    assert!(follows.is_ok_and(|it| it.is_ok()));
    assert!(proxy.tables.try_recv().is_err());
    controller.publish("edge", 1, &table(1, 1));
    proxy.take_and_apply().await;
    // A Gateway without listeners has a table too.
    controller.publish("edge", 2, &table(0, 0));
    assert!(proxy.take_and_apply().await.routes().is_empty());
    controller.wait_for_acknowledged("edge", 2).await;
}

#[tokio::test]
async fn a_withdrawn_gateway_ends_its_streams() {
    let authorities = authorities();
    let controller = Controller::start(&authorities).await;
    controller.publish("edge", 1, &table(1, 1));
    let mut proxy = Proxy::start(controller.addr, Files::new(&authorities, "edge/a"));
    proxy.take_and_apply().await;
    controller.feed.withdraw(&gateway_name("edge"));
    proxy.wait_for_down("the Gateway is gone").await;
    assert!(proxy.tables.try_recv().is_err(), "it keeps what it has");
}

#[tokio::test]
async fn newer_certificates_and_tokens_are_used_without_a_restart() {
    let old = authorities();
    let mut controller = Controller::start(&old).await;
    controller.publish("edge", 1, &table(1, 1));
    let mut proxy = Proxy::start(controller.addr, Files::new(&old, "edge/a"));
    proxy.take_and_apply().await;
    let new = authorities();
    controller.certificate.send_replace(leaf(&new).into());
    controller.feed.set_leading(Leading::No);
    proxy.wait_for_down("certificate").await;
    proxy.files.write_ca(&new);
    proxy.files.write_token("inner/a");
    controller.feed.set_leading(Leading::Yes);
    controller.wait_for("inner", |it| it.len() == 1).await;
}

#[tokio::test]
async fn a_table_that_breaks_a_rule_is_not_published() {
    let authorities = authorities();
    let mut controller = Controller::start(&authorities).await;
    controller.publish("edge", 1, &table(2, 1));
    let mut bad = table(2, 1);
    bad.routes.remove(0);
    let error = controller
        .feed
        .publish(&gateway_name("edge"), 2, &bad)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "publish the table of Gateway `infra/edge`"
    );
    let mut proxy = Proxy::start(controller.addr, Files::new(&authorities, "edge/a"));
    assert_eq!(proxy.take_and_apply().await.routes().len(), 2);
    controller.wait_for_acknowledged("edge", 1).await;
}

#[tokio::test]
async fn many_changes_in_a_row_arrive_at_the_last() {
    let authorities = authorities();
    let mut controller = Controller::start(&authorities).await;
    let mut proxy = Proxy::start(controller.addr, Files::new(&authorities, "edge/a"));
    let mut spec = table(20, 3);
    controller.publish("edge", 1, &spec);
    let applying = tokio::spawn(async move {
        while let Some(table) = proxy.tables.recv().await {
            proxy.apply(&table);
            if table.routes().len() == 1 {
                break;
            }
        }
        proxy
    });
    for generation in 2..100 {
        move_endpoint(&mut spec, generation % 20);
        if generation % 5 == 0 {
            spec.listeners.pop();
        }
        controller.publish("edge", generation as u64, &spec);
        tokio::task::yield_now().await;
    }
    controller.publish("edge", 100, &table(1, 1));
    let _proxy = timeout(DEADLINE, applying).await.unwrap().unwrap();
    controller.wait_for_acknowledged("edge", 100).await;
}

#[tokio::test]
async fn the_client_ends_when_nobody_takes_tables() {
    let authorities = authorities();
    let controller = Controller::start(&authorities).await;
    controller.publish("edge", 1, &table(1, 1));
    let mut proxy = Proxy::start(controller.addr, Files::new(&authorities, "edge/a"));
    proxy.take_and_apply().await;
    drop(proxy.tables);
    timeout(DEADLINE, proxy.following).await.unwrap().unwrap();
}
