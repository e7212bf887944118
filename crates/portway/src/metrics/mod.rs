//! Every metric there is: its name, type, labels and meaning. The one place where metrics are
//! registered; `docs/reference/metrics.md` is written from it.
//!
//! In: [`Samples`], gathered when somebody asks. Out: the Prometheus text format. Never: a label
//! that a peer controls; a series for each of a number without a bound.

mod process;
mod proxy;
#[cfg(test)]
mod tests;

pub(crate) use process::{cpu_seconds, process};
pub(crate) use proxy::proxy;

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// A metric: what it is called and what it means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    /// Without `_total`, which counters get.
    pub(crate) name: &'static str,
    /// Its type.
    pub(crate) kind: Kind,
    /// The labels of its series, in order.
    pub(crate) labels: &'static [&'static str],
    /// What it counts, for people.
    pub(crate) help: &'static str,
}

/// Type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

macro_rules! metrics {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(crate) const $id: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )*
        /// All of them, in the order of the exposition.
        pub(crate) const CATALOG: &[&Metric] = &[$(&$id),*];
    };
}

metrics! {
    BUILD: Gauge "portway_build_info" ["version", "commit", "role"]
        "1, with the version and the role of this instance";
    READY: Gauge "portway_ready" []
        "1 while the instance takes connections: after the first table, before draining";
    FEED_FOLLOWING: Gauge "portway_feed_following" []
        "1 while the instance gets its tables from a controller; without one it serves what it has";

    CONNECTIONS: Counter "portway_connections" []
        "Connections accepted";
    CONNECTIONS_OPEN: Gauge "portway_connections_open" []
        "Connections open now";
    CONNECTIONS_CLOSED: Counter "portway_connections_closed" ["reason"]
        "Connections that ended, by close reason; rejected_* are those the configuration refuses";
    BYTES: Counter "portway_relayed_bytes" ["to"]
        "Bytes relayed, to the backend or to the client";
    DIALS_FAILED: Counter "portway_dials_failed" []
        "Dials of endpoints that failed, of all tries";
    ACCEPT_PAUSES: Counter "portway_accept_pauses" []
        "Times that a worker stopped accepting for want of descriptors";
    REPORTS_DROPPED: Counter "portway_records_dropped" []
        "Records of closed connections that workers dropped since nobody took them in time";

    DIAL_TIMES: Histogram "portway_dial_seconds" []
        "Dials that reached an endpoint, by how long they took";

    LISTENER_CONNECTIONS: Counter "portway_listener_connections" ["listener", "route"]
        "Connections accepted, by listener and the route that got them";
    LISTENER_OPEN: Gauge "portway_listener_connections_open" ["listener", "route"]
        "Connections open now, by listener and route";
    LISTENER_CLOSED: Counter "portway_listener_connections_closed" ["listener", "route", "reason"]
        "Connections that ended, by listener, route and close reason; only reasons that occurred";
    LISTENER_BYTES: Counter "portway_listener_relayed_bytes" ["listener", "route", "to"]
        "Bytes relayed, by listener and route, to the backend or to the client";

    ENDPOINT_DIALS: Counter "portway_endpoint_dials" ["backend", "endpoint", "result"]
        "Dials of an endpoint: reached, or the error; only errors that occurred";
    ENDPOINT_OPEN: Gauge "portway_endpoint_connections_open" ["backend", "endpoint"]
        "Connections that an endpoint serves now";
    ENDPOINT_BYTES: Counter "portway_endpoint_relayed_bytes" ["backend", "endpoint", "to"]
        "Bytes relayed to an endpoint, and from it to clients";
    ENDPOINT_HEALTHY: Gauge "portway_endpoint_healthy" ["backend", "endpoint"]
        "0 if the newest dial of the endpoint failed, over all workers, else 1";

    WORKER_OPEN: Gauge "portway_worker_connections_open" ["worker"]
        "Connections open now, by worker";
    WORKER_CONNECTIONS: Counter "portway_worker_connections" ["worker"]
        "Connections accepted, by worker";
    WORKER_CPU: Counter "portway_worker_cpu_seconds" ["worker"]
        "CPU time of a worker; its rate is the worker's load, 1 is a whole core";
    WORKER_WAIT: Counter "portway_worker_runqueue_seconds" ["worker"]
        "Time a worker was ready to run and had no core: a sign of too few cores";
    WORKER_WAKEUPS: Counter "portway_worker_wakeups" ["worker"]
        "Waits for events that ended, by worker";
    WORKER_EVENTS: Counter "portway_worker_events" ["worker"]
        "Events that these brought, by worker";

    CONFIG_VERSION: Gauge "portway_config_version" []
        "Version of the newest table that was handed to the workers";
    CONFIG_APPLIED: Gauge "portway_config_applied_version" []
        "Version of the newest table that every worker has";
    CONFIG_APPLIED_AT: Gauge "portway_config_applied_timestamp_seconds" []
        "When every worker had it, in seconds since 1970";
    CONFIG_APPLY_TIMES: Histogram "portway_config_apply_seconds" []
        "Tables applied, by the time from handing out to the last worker's acknowledgement";
    CONFIG_ERRORS: Counter "portway_config_errors" []
        "Errors of configuration found so far";
    CONFIG_ERROR_AT: Gauge "portway_config_last_error_timestamp_seconds" []
        "When the last of them was found, in seconds since 1970; 0: never";
    CONFIG_FINDINGS: Gauge "portway_config_findings" ["severity"]
        "Findings in the configuration as it is now";
    FILES_UNUSED: Gauge "portway_config_files_unused" []
        "Files that are broken: what they held before stays, or else nothing of them is used";
    FILES_UNREAD: Gauge "portway_config_files_unread" []
        "Paths of -f and below that could not be read the last time; what they held before stays";
    SOCKETS_REFUSED: Gauge "portway_sockets_refused" []
        "Sockets of listeners that cannot be bound now";

    ACCESS_LOG_WRITTEN: Counter "portway_access_log_records" []
        "Records written to the access log";
    ACCESS_LOG_DROPPED: Counter "portway_access_log_records_dropped" []
        "Records dropped since the access log was not taken in time, or could not be written";
    LOG_DROPPED: Counter "portway_log_lines_dropped" []
        "Lines of the log that were dropped because nobody read them, or could not be written";

    PROCESS_CPU: Counter "process_cpu_seconds" []
        "CPU time of this process, user and system";
    PROCESS_MEMORY: Gauge "process_resident_memory_bytes" []
        "Memory of this process that is resident";
    PROCESS_VIRTUAL: Gauge "process_virtual_memory_bytes" []
        "Address space of this process";
    PROCESS_FDS: Gauge "process_open_fds" []
        "Descriptors this process has open";
    PROCESS_FDS_MAX: Gauge "process_max_fds" []
        "Descriptors this process may have open";
    PROCESS_THREADS: Gauge "process_threads" []
        "Threads of this process";
    PROCESS_START: Gauge "process_start_time_seconds" []
        "When this process started, in seconds since 1970";
}

/// What was measured, by metric.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<(&'static Metric, Vec<Sample>)>);

#[derive(Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A number of things.
    Count(u64),
    /// Anything with a unit.
    Amount(f64),
    /// Counts by size: upper bounds with the count of each bucket alone, and the sum of all sizes.
    Sizes {
        /// Bound and count; the last bound is infinite.
        buckets: Vec<(f64, u64)>,
        /// Sum of all sizes.
        sum: f64,
    },
}

impl Samples {
    /// Adds the value of one series. `labels` are the values of the metric's labels, in order.
    pub(crate) fn add(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        let values = labels.iter().map(|it| (*it).to_owned());
        let labels = metric.labels.iter().copied().zip(values).collect();
        let sample = Sample { labels, value };
        match self.0.iter_mut().find(|(it, _)| *it == metric) {
            Some((_, samples)) => samples.push(sample),
            None => self.0.push((metric, vec![sample])),
        }
    }

    /// Adds a number of things.
    pub(crate) fn count(&mut self, metric: &'static Metric, labels: &[&str], n: u64) {
        self.add(metric, labels, Value::Count(n));
    }

    /// Adds an amount.
    pub(crate) fn amount(&mut self, metric: &'static Metric, labels: &[&str], amount: f64) {
        self.add(metric, labels, Value::Amount(amount));
    }

    /// Adds times counted by `bounds`, with those beyond the last, and their sum.
    pub(crate) fn times(
        &mut self,
        metric: &'static Metric,
        bounds: &[Duration],
        counts: &[u64],
        sum: Duration,
    ) {
        let bounds = bounds.iter().map(Duration::as_secs_f64);
        let bounds = bounds.chain([f64::INFINITY]);
        let buckets = bounds.zip(counts.iter().copied()).collect();
        let sum = sum.as_secs_f64();
        self.add(metric, &[], Value::Sizes { buckets, sum });
    }

    /// Shows all in the Prometheus text format, in the order of [`CATALOG`].
    pub(crate) fn show(mut self) -> String {
        self.0.sort_by_key(|(metric, _)| {
            let place = CATALOG.iter().position(|it| it == metric);
            place.unwrap_or(usize::MAX)
        });
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (metric, samples) in &self.0 {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut encoder = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for sample in samples {
                let mut encoder = encoder.encode_family(&sample.labels)?;
                match (&sample.value, metric.kind) {
                    (Value::Count(n), Kind::Gauge) => encoder.encode_gauge(n)?,
                    (Value::Amount(amount), Kind::Gauge) => encoder.encode_gauge(amount)?,
                    (Value::Count(n), _) => {
                        encoder.encode_counter::<NoLabelSet, _, u64>(n, None)?
                    }
                    (Value::Amount(amount), _) => {
                        encoder.encode_counter::<NoLabelSet, _, f64>(amount, None)?;
                    }
                    (Value::Sizes { buckets, sum }, _) => {
                        let count = buckets.iter().map(|(_, n)| n).sum();
                        encoder.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)?;
                    }
                }
            }
        }
        Ok(())
    }
}
