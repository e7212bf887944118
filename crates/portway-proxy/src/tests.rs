//! What no socket can bring about.

use std::sync::{Arc, mpsc};

use portway_engine::time::Moment;

use crate::applier::Order;
use crate::report::Report;
use crate::slot::Slot;
use crate::sys::Errno;
use crate::{apply_tables, live};

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

/// Whoever was told of the panic stops the proxy then.
#[test]
fn workers_are_stopped_after_a_panic_of_the_applier_too() {
    let slots = [
        Arc::new(Slot::new().unwrap()),
        Arc::new(Slot::new().unwrap()),
    ];
    let (orders, received) = mpsc::channel();
    let (reports, told) = mpsc::sync_channel(1);
    let deadline = Moment::from_nanos(7);
    orders.send(Order::Stop(deadline)).unwrap();
    orders.send(Order::End).unwrap();
    apply_tables(|| panic!("a defect"), &received, (&slots, &reports));
    assert!(matches!(told.recv(), Ok(Report::WorkerDied)));
    let stops = slots.map(|it| it.take().stop);
    assert_eq!(stops, [Some(deadline); 2]);
}
