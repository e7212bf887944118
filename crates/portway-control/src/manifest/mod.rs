//! Text → objects with file, line and column; all problems at once.
//!
//! In: [`Source`]s in order. Out: a [`Reading`]. Never: I/O; a panic or unbounded work on hostile
//! input (bounds in [`crate::limits`]).

mod parse;

mod scalar;

mod build;

mod stray;

mod object;

mod kinds;

mod merge;

pub mod collect;

use std::collections::BTreeMap;

use self::parse::Budget;
use crate::diagnostic::found::Found;
use crate::diagnostic::{Diagnostic, Severity};
use crate::origin::{ObjectKey, Source};
use crate::snapshot::{LeftOut, Objects};

/// What reading gave.
#[derive(Debug, Default)]
pub struct Reading {
    /// The objects that are whole; a broken one is left out and told of in `diagnostics`.
    pub objects: Objects,
    /// Kinds that are skipped, with how often: `apps/v1 Deployment`.
    pub skipped: BTreeMap<String, usize>,
    /// All problems of all sources, in order of place.
    pub diagnostics: Vec<Diagnostic>,
    /// Problems that only a cluster has: what the standard channel of the CRDs refuses.
    pub for_clusters: Vec<Diagnostic>,
    /// Each object in input order, as given, with its key, for `check --output yaml`.
    pub in_order: Vec<ObjectKey>,
}

/// What one source gave. It does not depend on the others, so it can be kept while its text stays.
#[derive(Debug, Default)]
pub struct SourceReading {
    objects: Vec<object::Object>,
    left_out: Vec<(ObjectKey, LeftOut)>,
    skipped: BTreeMap<String, usize>,
    diagnostics: Vec<Diagnostic>,
    for_clusters: Vec<Diagnostic>,
    /// Diagnostics that were not kept.
    n_more: usize,
}

impl SourceReading {
    /// The problems that were found in the source itself.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The names of its objects, in order.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.iter().map(object::Object::key)
    }

    /// Whether all of it could be read: no object is left out.
    pub fn is_whole(&self) -> bool {
        let mut found = self.diagnostics.iter();
        found.all(|it| it.severity != Severity::Error)
    }
}

/// Reads all sources.
pub fn read(sources: &[Source]) -> Reading {
    let mut budget = Budget::default();
    let readings: Vec<SourceReading> = sources
        .iter()
        .map(|source| read_within(source, &mut budget))
        .collect();
    merge(&readings)
}

/// Reads one source, for [`merge()`].
pub fn read_source(source: &Source) -> SourceReading {
    read_within(source, &mut Budget::default())
}

/// Puts together what was read of each source, in order.
pub fn merge<'a>(readings: impl IntoIterator<Item = &'a SourceReading>) -> Reading {
    merge::merge(readings.into_iter())
}

fn read_within(source: &Source, budget: &mut Budget) -> SourceReading {
    let mut found = Found::new(source.name.clone(), budget.n_findings);
    let documents = parse::documents(source, budget, &mut found);
    let objects = object::objects(documents, source, &mut found);
    let (diagnostics, n_more) = found.into_parts();
    budget.n_findings = budget.n_findings.saturating_sub(diagnostics.len());
    SourceReading {
        objects: objects.whole,
        left_out: objects.left_out,
        skipped: objects.skipped,
        diagnostics,
        for_clusters: objects.for_clusters,
        n_more,
    }
}

#[cfg(test)]
mod tests;
