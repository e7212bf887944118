//! The exposition, and that the catalog keeps its own rules.

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
            Kind::Gauge => "",
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
