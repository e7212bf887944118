//! Collects what the steps find.
//!
//! In: diagnostics in any order. Out: the same in order of place, each once.

use crate::diagnostic::guess::Guesses;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::origin::Place;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    diagnostics: Vec<Diagnostic>,
    guesses: Guesses,
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
        self.guesses.guess(wanted, candidates)
    }
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
