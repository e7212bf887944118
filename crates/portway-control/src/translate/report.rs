//! Collects what the steps find.
//!
//! In: diagnostics in any order. Out: the same in order of place, each once.

use crate::diagnostic::guess::Guesses;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::origin::{ObjectKey, Place};
use crate::snapshot::LeftOut;

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

/// What is referred to is there, but left out because of what was found in it: one slip has two
/// findings then, and this one leads to the other.
pub(super) fn left_out(code: u16, place: Place, key: &ObjectKey, of: &LeftOut) -> Diagnostic {
    let stands = &of.place;
    let file = stands.source.as_deref().unwrap_or_default();
    let line = stands.span.line;
    let what = format!("{key} is left out for what is wrong with it, at {file}:{line}");
    warning(code, place, what)
        .label("as if it did not exist")
        .help(format!("mend the {} first", key.kind.name()))
        .related(stands.clone(), "this one")
}

/// Worth knowing.
pub(super) fn note(code: u16, place: Place, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Severity::Note, Code(code), place, what)
}
