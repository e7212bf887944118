//! Diagnostics in the manner of rustc: what, where, the text itself, its effect, a way out.
//!
//! In: [`Diagnostic`]s and the sources they point into. Out: text. Never: more of a source than the
//! one line a place begins in, so the cost does not grow with the input.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::{
    AnnotationKind, Element, Group, Level, Origin, Snippet, normalize_untrusted_str,
};
use portway_control::diagnostic::{Diagnostic, Severity};
use portway_control::origin::{Place, Source, Span};

use super::paint::Paint;
use crate::limits::SNIPPET_BYTES_MAX;

/// All of them, each followed by an empty line.
pub(crate) fn show(diagnostics: &[Diagnostic], sources: &[Source], paint: Paint) -> String {
    let texts = sources.iter().map(|source| (&*source.name, &*source.text));
    let texts: BTreeMap<&str, &str> = texts.collect();
    let renderer = paint.renderer();
    let mut shown = String::new();
    for diagnostic in diagnostics {
        shown.push_str(&renderer.render(&[report(diagnostic, &texts)]));
        shown.push_str("\n\n");
    }
    shown
}

fn report<'a>(diagnostic: &Diagnostic, texts: &BTreeMap<&str, &'a str>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level
        .primary_title(normalize_untrusted_str(&diagnostic.what))
        .id(diagnostic.code.to_string());
    let first = (
        &diagnostic.place,
        &diagnostic.label,
        AnnotationKind::Primary,
    );
    let related = diagnostic.related.iter();
    let related = related.map(|(place, words)| (place, words, AnnotationKind::Context));
    let places = std::iter::once(first).chain(related);
    let mut group = Group::with_title(title);
    for (place, words, kind) in places {
        if let Some(element) = element(place, words, kind, texts) {
            group = group.element(element);
        }
    }
    let footers = [("effect", &diagnostic.effect), ("help", &diagnostic.help)];
    for (name, text) in footers {
        if let Some(text) = text {
            let level = Level::NOTE.with_name(name);
            group = group.element(level.message(normalize_untrusted_str(text)));
        }
    }
    group
}

fn element<'a>(
    place: &Place,
    words: &str,
    kind: AnnotationKind,
    texts: &BTreeMap<&str, &'a str>,
) -> Option<Element<'a>> {
    let name = place.source.as_deref()?;
    let path = normalize_untrusted_str(name);
    let line = usize::try_from(place.span.line).ok()?.max(1);
    let shown = texts
        .get(name)
        .and_then(|text| first_line(text, place.span));
    let Some((text, marked)) = shown else {
        let column = usize::try_from(place.span.column).ok()?.max(1);
        return Some(Origin::path(path).line(line).char_column(column).into());
    };
    let mark = kind.span(marked);
    let mark = match words {
        "" => mark,
        words => mark.label(normalize_untrusted_str(words)),
    };
    let snippet = Snippet::source(text).line_start(line).path(path);
    Some(snippet.annotation(mark).into())
}

/// The line a span begins in, and what of it is marked; nothing if the line is too long to show.
fn first_line(text: &str, span: Span) -> Option<(&str, Range<usize>)> {
    let start = usize::try_from(span.start).ok()?.min(text.len());
    let end = usize::try_from(span.end).ok()?.min(text.len()).max(start);
    let before = text.get(..start)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = text
        .get(start..)?
        .find('\n')
        .map_or(text.len(), |at| start + at);
    let line = text.get(line_start..line_end)?.trim_end();
    if line.len() > SNIPPET_BYTES_MAX {
        return None;
    }
    let from = start - line_start;
    let to = (end - line_start).min(line.len()).max(from);
    line.get(from.min(line.len())..to)?;
    Some((line, from.min(line.len())..to))
}
