//! Objects → routing tables, statuses and diagnostics: pure, total, deterministic.

use std::collections::BTreeMap;

use portway_engine::table::TableSpec;

use crate::diagnostic::Diagnostic;
use crate::origin::ObjectKey;
use crate::snapshot::Snapshot;
use crate::status::Statuses;

/// What a snapshot means.
#[derive(Debug, Clone, Default)]
pub struct Translation {
    /// One table a Gateway for [`crate::snapshot::Target::Cluster`]; for a host one table in all,
    /// under [`Translation::host_table`].
    pub tables: BTreeMap<ObjectKey, TableSpec>,
    /// The one table of this host ([`crate::snapshot::Target::Standalone`]); empty for a cluster.
    pub host_table: TableSpec,
    /// Statuses of every object of ours.
    pub statuses: Statuses,
    /// Findings, in order of place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Translates a snapshot.
pub fn translate(_snapshot: &Snapshot) -> Translation {
    Translation::default()
}
