//! What no socket can bring about.

use std::sync::mpsc;

use crate::applier::Order;
use crate::live;

#[test]
fn a_worker_that_panics_is_reported() {
    let (orders, received) = mpsc::channel();
    live(orders, || panic!("a defect"));
    assert!(matches!(received.recv(), Ok(Order::Died)));
}

#[test]
fn a_worker_that_ends_is_not_reported() {
    let (orders, received) = mpsc::channel();
    live(orders, || {});
    assert!(received.recv().is_err());
}
