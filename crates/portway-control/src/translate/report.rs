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
        let n_letters = wanted.chars().count();
        let slips_max = (n_letters / 3).max(1).min(n_letters.saturating_sub(1));
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

/// Letters to insert, delete or replace, or neighbours to swap; upper and lower case are one.
fn slips(from: &str, to: &str) -> usize {
    let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    // Row `i` holds the slips from the first `i` letters to each beginning of `to`.
    let mut before = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut next = vec![i];
        for j in 1..=to.len() {
            let replaced = row[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
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
