//! What no socket can bring about.

use std::sync::mpsc;

use crate::applier::Order;
use crate::live;
use crate::sys::Errno;

#[test]
fn a_worker_that_panics_is_reported() {
    let (orders, received) = mpsc::channel();
    live(orders, || panic!("a defect"));
    assert!(matches!(received.recv(), Ok(Order::Died)));
}

#[test]
fn a_worker_that_cannot_go_on_is_reported() {
    let (orders, received) = mpsc::channel();
    live(orders, || Err(Errno::BADF));
    assert!(matches!(received.recv(), Ok(Order::Died)));
}

#[test]
fn a_worker_that_ends_is_not_reported() {
    let (orders, received) = mpsc::channel();
    live(orders, || Ok(()));
    assert!(received.recv().is_err());
}
