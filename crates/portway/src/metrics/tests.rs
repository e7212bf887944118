//! The exposition, and that the catalog keeps its own rules.

use std::time::Duration;

use super::{CATALOG, CONNECTIONS_OPEN, Kind, PROCESS_MEMORY, Samples, process};

#[test]
fn names_follow_the_rules() {
    for metric in CATALOG {
        let name = metric.name;
        assert!(
            name.starts_with("portway_") || name.starts_with("process_"),
            "{name}"
        );
        assert!(!name.ends_with("_total"), "{name}: counters get it");
        for unit in ["_ms", "_millis", "_kb", "_minutes", "_percent"] {
            assert!(!name.contains(unit), "{name}: base units only");
        }
        let same = CATALOG.iter().filter(|it| it.name == name);
        assert_eq!(same.count(), 1, "{name}");
    }
}

#[test]
fn the_exposition_is_the_text_format() {
    let mut samples = Samples::default();
    samples.count(&CONNECTIONS_OPEN, &[], 3);
    samples.count(&super::CONNECTIONS_CLOSED, &["finished"], 7);
    let text = samples.show();
    assert!(text.contains("# TYPE portway_connections_open gauge\nportway_connections_open 3\n"));
    let closed = "# TYPE portway_connections_closed_total counter\n\
                  portway_connections_closed_total{reason=\"finished\"} 7\n";
    assert!(text.contains(closed), "{text}");
}

#[test]
fn this_process_is_measured() {
    let mut samples = Samples::default();
    process(&mut samples);
    let text = samples.show();
    for metric in CATALOG.iter().filter(|it| it.name.starts_with("process_")) {
        let total = match metric.kind {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram => "",
        };
        assert!(
            text.contains(&format!("\n{}{total} ", metric.name)),
            "{}",
            metric.name
        );
    }
    let memory = text
        .lines()
        .find_map(|it| it.strip_prefix(PROCESS_MEMORY.name));
    let bytes: u64 = memory.unwrap().trim().parse().unwrap();
    assert!((1 << 20..1 << 40).contains(&bytes), "{bytes}");
}

#[test]
fn the_reference_of_metrics_is_current() {
    let mut page = String::from(
        "# Metrics\n\n`/metrics` of the [admin server](admin-api.md) tells them in the Prometheus text \
         format. Times are seconds, sizes bytes. Series are added with listeners and endpoints, up to \
         1,024 listeners and 4,096 endpoints: what is beyond is counted together, under the name \
         `(others)`. Numbers go on when a table is replaced; what no table and no connection has any \
         more is no longer told. No label holds anything that a client sent.\n\n\
         | metric | type | labels | is |\n|---|---|---|---|\n",
    );
    for metric in CATALOG {
        let (total, kind) = match metric.kind {
            Kind::Counter => ("_total", "counter"),
            Kind::Gauge => ("", "gauge"),
            Kind::Histogram => ("", "histogram"),
        };
        let labels: Vec<String> = metric.labels.iter().map(|it| format!("`{it}`")).collect();
        let labels = labels.join(", ");
        page += &format!(
            "| `{}{total}` | {kind} | {labels} | {} |\n",
            metric.name, metric.help
        );
    }
    crate::reference::check("metrics.md", &page);
}

/// Buckets are told as Prometheus wants them: each with all below it.
#[test]
fn a_histogram_is_cumulative() {
    let mut samples = Samples::default();
    let bounds = [Duration::from_millis(1), Duration::from_secs(1)];
    samples.times(
        &super::DIAL_TIMES,
        &bounds,
        &[3, 2, 1],
        Duration::from_secs(7),
    );
    let want = "portway_dial_seconds_bucket{le=\"0.001\"} 3\n\
                portway_dial_seconds_bucket{le=\"1\"} 5\n\
                portway_dial_seconds_bucket{le=\"+Inf\"} 6\n\
                portway_dial_seconds_sum 7.0\n\
                portway_dial_seconds_count 6\n";
    let text = samples.show();
    assert!(text.contains(want), "{text}");
}
