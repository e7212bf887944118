//! What is wrong or noteworthy in the input, as values: stable code, place, effect, way out.
//!
//! In: findings of reading and translating. Out: [`Diagnostic`]s in a stable order. Never: text
//! layout or colour, which is `portway::render`'s.

mod backends;
pub(crate) mod found;
pub(crate) mod guess;
mod host;
mod listeners;
mod reading;
mod schema;

pub use reading::{NOT_READ, NOT_TEXT};

use crate::origin::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A human must act: part of the input does nothing.
    Error,
    /// It works, but probably not as meant, or not everywhere.
    Warning,
    /// Worth knowing.
    Note,
}

/// A stable number, printed as `PW0203`; never used again for another meaning.
///
/// PW00xx text and documents, PW01xx schema and CEL rules, PW02xx references and backends,
/// PW03xx listeners and Gateways, PW04xx attachment, PW05xx this host and standalone rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PW{:04}", self.0)
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Where.
    pub place: Place,
    /// Which finding.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// What it is: lower case, no full stop, names quoted with backticks.
    pub what: String,
    /// A few words under the marked text.
    pub label: String,
    /// What it does to traffic.
    pub effect: Option<String>,
    /// A way out.
    pub help: Option<String>,
    /// Other places that matter, each with a few words.
    pub related: Vec<(Place, String)>,
}

impl Diagnostic {
    /// A finding with nothing but what it is; the other methods add what else is known.
    pub fn new(severity: Severity, code: Code, place: Place, what: impl Into<String>) -> Self {
        Self {
            place,
            code,
            severity,
            what: what.into(),
            label: String::new(),
            effect: None,
            help: None,
            related: Vec::new(),
        }
    }

    /// Adds a few words under the marked text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds what it does to traffic.
    #[must_use]
    pub fn effect(mut self, effect: impl Into<String>) -> Self {
        self.effect = Some(effect.into());
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds another place that matters.
    #[must_use]
    pub fn related(mut self, place: Place, words: impl Into<String>) -> Self {
        self.related.push((place, words.into()));
        self
    }
}

/// What is known of a code: its page for `portway explain` and docs/reference/diagnostics.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// One line: what is wrong in general.
    pub title: &'static str,
    /// Why it matters and what to do, in whole sentences; Markdown.
    pub page: &'static str,
}

/// Every code, in order of its number.
pub fn catalog() -> impl Iterator<Item = &'static Entry> {
    [
        reading::ALL,
        schema::ALL,
        backends::ALL,
        listeners::ALL,
        host::ALL,
    ]
    .into_iter()
    .flatten()
}
