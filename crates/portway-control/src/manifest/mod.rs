//! Text → objects with file, line and column; all problems at once.
//!
//! In: [`Source`]s in order. Out: a [`Reading`]. Never: I/O; a panic or unbounded work on hostile
//! input (bounds in [`crate::limits`]).

use crate::diagnostic::Diagnostic;
use crate::origin::Source;
use crate::snapshot::Objects;

/// What reading gave.
#[derive(Debug, Default)]
pub struct Reading {
    /// The objects that are whole; a broken one is left out and told of in `diagnostics`.
    pub objects: Objects,
    /// Kinds that are skipped, with how often: `apps/v1 Deployment`.
    pub skipped: std::collections::BTreeMap<String, usize>,
    /// All problems of all sources, in order of place.
    pub diagnostics: Vec<Diagnostic>,
    /// Each object in input order, as given, with its key, for `check --output yaml`.
    pub in_order: Vec<crate::origin::ObjectKey>,
}

/// Reads all sources.
pub fn read(_sources: &[Source]) -> Reading {
    Reading::default()
}
