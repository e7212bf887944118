//! Any text is read, and what was read is translated, without a panic and without end.
//!
//! In: bytes. Out: nothing; a crash is a finding. The tables that come out must be closed, and the
//! same text must give the same.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use portway_control::manifest::{self, Reading};
use portway_control::origin::Source;
use portway_control::snapshot::{CONTROLLER_NAME, Facts, Snapshot, Target};
use portway_control::translate::{Translation, translate};
use portway_engine::table::{RoutingTable, TableVersion};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // Once: an input at the bounds takes a second to read, and the sanitizer makes it many.
    let source = Source {
        name: "fuzz.yaml".into(),
        text: text.into(),
    };
    let reading = manifest::read(&[source]);
    for finding in &reading.diagnostics {
        let end = finding.place.span.end as usize;
        assert!(
            end <= text.len(),
            "a place lies behind the text: {finding:?}"
        );
    }
    for target in [Target::Standalone, Target::Cluster] {
        let first = translated(&reading, target);
        let tables = first.tables.values().chain([&first.host_table]);
        for spec in tables {
            RoutingTable::build(TableVersion(1), spec, None)
                .expect("translate gives tables that can be built");
        }
        let second = translated(&reading, target);
        assert_eq!(first.host_table, second.host_table);
        assert_eq!(first.tables, second.tables);
        assert_eq!(first.diagnostics, second.diagnostics);
    }
});

fn translated(reading: &Reading, target: Target) -> Translation {
    translate(&Snapshot {
        target,
        controller_name: Arc::from(CONTROLLER_NAME),
        objects: reading.objects.clone(),
        facts: Facts::default(),
    })
}
