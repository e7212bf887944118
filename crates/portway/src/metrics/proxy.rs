//! What the data plane counts.
//!
//! In: an [`Observer`]. Out: [`Samples`].

use portway_engine::record::CloseReason;
use portway_proxy::Observer;

use super::{
    ACCEPT_PAUSES, BYTES, CONNECTIONS, CONNECTIONS_CLOSED, CONNECTIONS_OPEN, DIALS_FAILED,
    REPORTS_DROPPED, Samples,
};

/// Adds all of it.
pub(crate) fn proxy(observer: &Observer, samples: &mut Samples) {
    let counters = observer.counters();
    samples.count(&CONNECTIONS, &[], counters.accepted);
    samples.count(&CONNECTIONS_OPEN, &[], counters.open);
    for reason in CloseReason::ALL {
        let n = counters.closed(reason);
        samples.count(&CONNECTIONS_CLOSED, &[reason.name()], n);
    }
    samples.count(&BYTES, &["backend"], counters.bytes_to_backend);
    samples.count(&BYTES, &["client"], counters.bytes_to_client);
    samples.count(&DIALS_FAILED, &[], counters.dials_failed);
    samples.count(&ACCEPT_PAUSES, &[], counters.accept_pauses);
    samples.count(&REPORTS_DROPPED, &[], counters.reports_dropped);
}
