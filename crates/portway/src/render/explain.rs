//! The decisions behind something, for people and machines.
//!
//! In: an [`Explanation`] or the page of a code. Out: a line a decision with the field that made
//! it, and at the end what a connection gets.
//!
//! ```text
//! TCPRoute `default/app`
//!   · parentRefs[0] names Gateway `default/edge`      app.yaml:6:5
//!     ✓ attached to listener `db`                     app.yaml:6:5
//!     ✗ its connections go to TCPRoute `default/old`  old.yaml:3:1
//!   → it gets no connections
//! ```

use annotate_snippets::normalize_untrusted_str;
use portway_control::diagnostic::Entry;
use portway_control::origin::Place;
use portway_control::translate::explain::{Explanation, Step, Verdict};
use serde_json::{Value, json};

use super::json::place;
use super::paint::Paint;

/// All decisions.
pub(crate) fn show(explanation: &Explanation, paint: Paint) -> String {
    let title = normalize_untrusted_str(&explanation.title);
    let mut shown = format!("{}\n", paint.heading(&title));
    for step in &explanation.steps {
        shown += &line(step, paint);
    }
    let outcome = normalize_untrusted_str(&explanation.outcome);
    shown + &format!("  {} {}\n", paint.heading("→"), paint.heading(&outcome))
}

fn line(step: &Step, paint: Paint) -> String {
    let mark = match step.verdict {
        Verdict::Fact => "·".to_owned(),
        Verdict::Yes => paint.good("✓"),
        Verdict::No => paint.bad("✗"),
    };
    let indent = "  ".repeat(usize::from(step.depth) + 1);
    let what = normalize_untrusted_str(&step.what);
    match step.place.as_ref().and_then(written) {
        Some(written) => format!("{indent}{mark} {what}  {}\n", paint.aside(&written)),
        None => format!("{indent}{mark} {what}\n"),
    }
}

/// `file:line:column`, or the field of an object that was read from no file.
fn written(place: &Place) -> Option<String> {
    let text = match &place.source {
        Some(source) => format!("{source}:{}:{}", place.span.line, place.span.column),
        None if place.field.is_empty() => return None,
        None => place.field.clone(),
    };
    Some(normalize_untrusted_str(&text))
}

/// The same for machines.
pub(crate) fn json(explanation: &Explanation) -> String {
    let steps = explanation.steps.iter().map(|step| {
        json!({
            "depth": step.depth,
            "verdict": verdict(step.verdict),
            "what": step.what,
            "place": step.place.as_ref().map(place),
        })
    });
    let value = json!({
        "title": explanation.title,
        "steps": steps.collect::<Vec<Value>>(),
        "outcome": explanation.outcome,
    });
    format!("{value:#}\n")
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fact => "fact",
        Verdict::Yes => "yes",
        Verdict::No => "no",
    }
}

/// The page of a code.
pub(crate) fn page(entry: &Entry, paint: Paint) -> String {
    let heading = format!("{}: {}", entry.code, entry.title);
    format!("{}\n\n{}\n", paint.heading(&heading), entry.page)
}

/// The same for machines.
pub(crate) fn page_json(entry: &Entry) -> String {
    let value = json!({
        "code": entry.code.to_string(),
        "title": entry.title,
        "page": entry.page,
    });
    format!("{value:#}\n")
}
