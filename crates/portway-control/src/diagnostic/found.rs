//! What is wrong in one source.
//!
//! In: findings that know their span. Out: [`Diagnostic`]s that name the source. Never: more than
//! it was made for; the rest is counted.

use std::sync::Arc;

use super::guess::Guesses;
use super::{Code, Diagnostic, Severity};
use crate::limits::VALUE_SHOWN_CHARS_MAX;
use crate::origin::{Place, Span};

/// Findings of an alternative that is only tried: the first says enough.
const TRIAL_FINDINGS_MAX: usize = 4;

/// The findings of one source.
#[derive(Debug)]
pub(crate) struct Found {
    source: Arc<str>,
    diagnostics: Vec<Diagnostic>,
    n_more: usize,
    n_max: usize,
    /// For suggestions.
    pub(crate) guesses: Guesses,
}

impl Found {
    /// Nothing yet, and never more than `n_max`.
    pub(crate) fn new(source: Arc<str>, n_max: usize) -> Self {
        Self {
            source,
            diagnostics: Vec::new(),
            n_more: 0,
            n_max,
            guesses: Guesses::default(),
        }
    }

    /// As new, for what may not be told.
    pub(crate) fn trial(&self) -> Self {
        Self::new(self.source.clone(), TRIAL_FINDINGS_MAX)
    }

    /// Takes a finding; its places are in this source.
    pub(crate) fn add(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() >= self.n_max {
            self.n_more += 1;
            return;
        }
        self.diagnostics.push(self.placed(diagnostic));
    }

    /// A finding whose places are in this source.
    pub(crate) fn placed(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        let related = diagnostic.related.iter_mut().map(|(place, _)| place);
        for place in related.chain([&mut diagnostic.place]) {
            place.source = Some(self.source.clone());
        }
        diagnostic
    }

    /// How many there are, also of those not kept.
    pub(crate) const fn count(&self) -> usize {
        self.diagnostics.len() + self.n_more
    }

    /// Of those that were kept, the first in a part of the source.
    pub(crate) fn first_within(&self, part: Span) -> Option<&Diagnostic> {
        let is_within = |it: &&Diagnostic| {
            let own = it.place.span;
            part.start <= own.start && own.start <= part.end
        };
        let within = self.diagnostics.iter().filter(is_within);
        within.min_by_key(|it| it.place.span)
    }

    /// All that were kept, in order of place, and how many were not.
    pub(crate) fn into_parts(mut self) -> (Vec<Diagnostic>, usize) {
        self.diagnostics.sort_by_key(|found| found.place.span);
        (self.diagnostics, self.n_more)
    }
}

/// An error at a span.
pub(crate) fn error(code: u16, span: Span, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Severity::Error, Code(code), at(span), what)
}

/// A warning at a span.
pub(crate) fn warning(code: u16, span: Span, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Severity::Warning, Code(code), at(span), what)
}

/// A place in the source that is being read.
pub(crate) fn at(span: Span) -> Place {
    Place {
        source: None,
        span,
        field: String::new(),
    }
}

/// What was written, cut to what people read.
pub(crate) fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(VALUE_SHOWN_CHARS_MAX).collect();
    if chars.next().is_some() {
        return format!("{start}…");
    }
    start
}
