//! Collects what the steps find, and guesses what was meant.
//!
//! In: diagnostics in any order. Out: the same in order of place, each once. Never: more work for
//! guesses than [`NEAREST_COMPARISONS_MAX`] names.

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::limits::{NEAREST_COMPARISONS_MAX, NEAREST_NAME_BYTES_MAX};
use crate::origin::Place;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    diagnostics: Vec<Diagnostic>,
    n_comparisons: usize,
}

impl Report {
    /// Takes a finding.
    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// All findings in order of place, each once.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort();
        self.diagnostics.dedup();
        self.diagnostics
    }

    /// "did you mean `x`?" for the candidate that a slip of the hand would make of `wanted`.
    pub(super) fn guess<'c>(
        &mut self,
        wanted: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<String> {
        let left = NEAREST_COMPARISONS_MAX - self.n_comparisons;
        let slips_max = (wanted.chars().count() / 3).max(1);
        let mut nearest: Option<(usize, &str)> = None;
        for candidate in candidates.into_iter().take(left) {
            self.n_comparisons += 1;
            if candidate == wanted || candidate.len() > NEAREST_NAME_BYTES_MAX {
                continue;
            }
            let slips = slips(wanted, candidate);
            if slips <= slips_max && nearest.is_none_or(|best| (slips, candidate) < best) {
                nearest = Some((slips, candidate));
            }
        }
        nearest.map(|(_, name)| format!("did you mean `{name}`?"))
    }
}

/// Letters to insert, delete or replace, upper and lower case being one.
fn slips(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.to_ascii_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.to_ascii_lowercase().chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&to) {
            let best = (diagonal + usize::from(letter != *other)).min(left.min(*cell) + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Part of the input does nothing.
pub(super) fn error(code: u16, place: Place, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Severity::Error, Code(code), place, what)
}

/// Probably not as meant, or a cluster would supply what is missing.
pub(super) fn warning(code: u16, place: Place, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Severity::Warning, Code(code), place, what)
}

/// Worth knowing.
pub(super) fn note(code: u16, place: Place, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Severity::Note, Code(code), place, what)
}
