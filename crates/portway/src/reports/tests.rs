//! The thread of reports, without workers.

use std::sync::mpsc;

use portway_proxy::Report;

use super::{end, hear};
use crate::exit::Exit;

#[test]
fn a_worker_that_dies_while_connections_finish_is_told_at_the_end() {
    for (last, exit) in [
        (Report::WorkerDied, Exit::WorkerDied),
        (Report::AcceptPaused(true), Exit::Fine),
    ] {
        let (news, heard) = mpsc::channel();
        let (reports, hearing) = hear(news, |_| None).unwrap();
        // Who drains hears of nothing else any more.
        drop(heard);
        reports.send(last).unwrap();
        drop(reports);
        assert_eq!(end(hearing, 0), exit);
    }
}
