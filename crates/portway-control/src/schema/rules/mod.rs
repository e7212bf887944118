//! What the rules of the API mean, in our own words.
//!
//! In: the text of a rule as the facts have it, and the value it stands at. Out: [`Flaw`]s. Each
//! rule of a kind that is read is here; a test holds both ways. Spec: the CEL of the CRDs of
//! v1.7.0 and of ours; for Service and metadata, the validation of Kubernetes in the same form.

mod config;
mod gateway;

mod names;

mod route;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::facts::without_spaces;
use super::view::View;
use crate::origin::Span;

/// What a rule says of a value that breaks it.
pub(super) struct Flaw {
    /// Where.
    pub(super) span: Span,
    /// The path from where the rule stands, as `[1].hostname`.
    pub(super) path: String,
    /// What is wrong.
    pub(super) what: String,
    /// A few words under the marked text.
    pub(super) label: String,
    /// A way out.
    pub(super) help: &'static str,
    /// Another place that matters.
    pub(super) related: Option<(Span, &'static str)>,
}

/// A rule.
pub(super) struct Rule {
    /// As the facts have it, but for spaces.
    pub(super) text: &'static str,
    /// Which finding it gives.
    pub(super) code: u16,
    /// What it means.
    pub(super) flaws: fn(View<'_>) -> Vec<Flaw>,
}

/// The rule of a text without spaces.
pub(super) fn find(text: &str) -> Option<&'static Rule> {
    BY_TEXT.get(text).copied()
}

static BY_TEXT: LazyLock<BTreeMap<Box<str>, &Rule>> = LazyLock::new(|| {
    let rules = all().map(|rule| (without_spaces(rule.text), rule));
    rules.collect()
});

/// All rules there are.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    [config::ALL, gateway::ALL, names::ALL, route::ALL]
        .into_iter()
        .flatten()
}

impl Flaw {
    /// A flaw at a span; the methods add what else is known.
    fn new(span: Span, path: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            span,
            path: path.into(),
            what: what.into(),
            label: String::new(),
            help: "",
            related: None,
        }
    }

    fn label(self, label: impl Into<String>) -> Self {
        let label = label.into();
        Self { label, ..self }
    }

    fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    fn related(self, span: Option<Span>, words: &'static str) -> Self {
        let related = span.map(|span| (span, words));
        Self { related, ..self }
    }
}

/// A rule that no value in a file can break: it compares with what was stored before.
fn transition(_: View<'_>) -> Vec<Flaw> {
    Vec::new()
}

/// A rule that says what the type of its list says already, which is checked there.
fn by_list_type(_: View<'_>) -> Vec<Flaw> {
    Vec::new()
}
