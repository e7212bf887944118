//! What the data plane counts.
//!
//! In: an [`Observer`]. Out: [`Samples`].

use portway_engine::record::CloseReason;
use portway_proxy::limits::DIAL_TIME_BOUNDS;
use portway_proxy::{EndpointNumbers, Observer, StreamNumbers};

use super::{
    ACCEPT_PAUSES, BYTES, CONNECTIONS, CONNECTIONS_CLOSED, CONNECTIONS_OPEN, DIAL_TIMES,
    DIALS_FAILED, ENDPOINT_BYTES, ENDPOINT_DIALS, ENDPOINT_HEALTHY, ENDPOINT_OPEN, LISTENER_BYTES,
    LISTENER_CLOSED, LISTENER_CONNECTIONS, LISTENER_OPEN, REPORTS_DROPPED, Samples,
    WORKER_CONNECTIONS, WORKER_CPU, WORKER_EVENTS, WORKER_OPEN, WORKER_WAIT, WORKER_WAKEUPS,
    cpu_seconds,
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
    let (times, sum) = (&counters.dial_times, counters.dial_time);
    samples.times(&DIAL_TIMES, &DIAL_TIME_BOUNDS, times, sum);
    for numbers in observer.streams() {
        stream(&numbers, samples);
    }
    for numbers in observer.endpoints() {
        endpoint(&numbers, samples);
    }
    workers(observer, samples);
}

fn stream(numbers: &StreamNumbers, samples: &mut Samples) {
    let (listener, route) = (&*numbers.listener, numbers.route.as_deref());
    let route = route.unwrap_or_default();
    samples.count(&LISTENER_CONNECTIONS, &[listener, route], numbers.accepted);
    samples.count(&LISTENER_OPEN, &[listener, route], numbers.open);
    for reason in CloseReason::ALL {
        let n = numbers.closed(reason);
        if n > 0 {
            let labels = [listener, route, reason.name()];
            samples.count(&LISTENER_CLOSED, &labels, n);
        }
    }
    let to_backend = [listener, route, "backend"];
    samples.count(&LISTENER_BYTES, &to_backend, numbers.bytes_to_backend);
    let to_client = [listener, route, "client"];
    samples.count(&LISTENER_BYTES, &to_client, numbers.bytes_to_client);
}

fn endpoint(numbers: &EndpointNumbers, samples: &mut Samples) {
    let addr = numbers.endpoint.map(|it| it.to_string());
    let (backend, endpoint) = (&*numbers.backend, addr.as_deref());
    let endpoint = endpoint.unwrap_or_default();
    let reached = [backend, endpoint, "reached"];
    samples.count(&ENDPOINT_DIALS, &reached, numbers.reached);
    for (error, n) in numbers.failed().filter(|(_, n)| *n > 0) {
        samples.count(&ENDPOINT_DIALS, &[backend, endpoint, error.name()], n);
    }
    samples.count(&ENDPOINT_OPEN, &[backend, endpoint], numbers.open);
    let to_backend = [backend, endpoint, "backend"];
    samples.count(&ENDPOINT_BYTES, &to_backend, numbers.bytes_to_backend);
    let to_client = [backend, endpoint, "client"];
    samples.count(&ENDPOINT_BYTES, &to_client, numbers.bytes_to_client);
    // Of one that gets no new connections nobody finds out whether it is well.
    if numbers.is_named {
        let healthy = u64::from(numbers.failing_for == 0);
        samples.count(&ENDPOINT_HEALTHY, &[backend, endpoint], healthy);
    }
}

fn workers(observer: &Observer, samples: &mut Samples) {
    for (worker, numbers) in observer.workers().into_iter().enumerate() {
        let worker = worker.to_string();
        let labels = [worker.as_str()];
        samples.count(&WORKER_OPEN, &labels, numbers.open);
        samples.count(&WORKER_CONNECTIONS, &labels, numbers.accepted);
        samples.count(&WORKER_WAKEUPS, &labels, numbers.wakeups);
        samples.count(&WORKER_EVENTS, &labels, numbers.events);
        // A worker that has ended has no time any more.
        if let Some(time) = cpu_seconds(numbers.thread) {
            samples.amount(&WORKER_CPU, &labels, time.cpu);
            samples.amount(&WORKER_WAIT, &labels, time.waiting);
        }
    }
}
