//! The bounds of a reading, and that sources can be read apart.

use super::parse::Budget;
use super::{SourceReading, merge, read, read_source, read_within};
use crate::diagnostic::Code;
use crate::limits::{DIAGNOSTICS_MAX, REREAD_NODES_MAX};
use crate::origin::{Given, Source, Tree};

const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: blue}\n";

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        text: text.into(),
    }
}

/// Reads one source with some of the bounds smaller.
fn codes(text: &str, shrink: impl Fn(&mut Budget)) -> (usize, Vec<Code>) {
    let mut budget = Budget::default();
    shrink(&mut budget);
    let reading = read_within(&source("a", text), &mut budget);
    let codes = reading.diagnostics.iter().map(|found| found.code);
    (reading.objects.len(), codes.collect())
}

#[test]
fn bytes_are_bounded() {
    let n = NAMESPACE.len();
    assert_eq!(codes(NAMESPACE, |budget| budget.n_bytes = n), (1, vec![]));
    let less = codes(NAMESPACE, |budget| budget.n_bytes = n - 1);
    assert_eq!(less, (0, vec![Code(11)]));
}

/// The place of an error is one character, or none at the end.
#[test]
fn a_place_is_within_the_text() {
    for (text, want) in [("%", ""), ("a: [", "["), ("ü: ]", "]"), ("a: @ü", "@")] {
        let found = read(&[source("a", text)]).diagnostics;
        let span = found.first().expect("it is no YAML").place.span;
        let place = text.get(span.start as usize..span.end as usize);
        assert_eq!(place, Some(want), "{text}: {span:?}");
    }
}

#[test]
fn documents_are_bounded() {
    let text = format!("{NAMESPACE}---\n{}", NAMESPACE.replace("blue", "red"));
    assert_eq!(codes(&text, |budget| budget.n_documents = 2), (2, vec![]));
    let less = codes(&text, |budget| budget.n_documents = 1);
    assert_eq!(less, (1, vec![Code(11)]));
}

#[test]
fn values_are_bounded() {
    // The map, the two maps and names in it, five scalars.
    assert_eq!(codes(NAMESPACE, |budget| budget.n_nodes = 9), (1, vec![]));
    let less = codes(NAMESPACE, |budget| budget.n_nodes = 8);
    assert_eq!(less, (0, vec![Code(11)]));
}

#[test]
fn the_bounds_are_for_all_sources_together() {
    let mut budget = Budget {
        n_documents: 1,
        ..Budget::default()
    };
    let first = read_within(&source("a", NAMESPACE), &mut budget);
    let second = read_within(&source("b", NAMESPACE), &mut budget);
    assert_eq!((first.objects.len(), second.objects.len()), (1, 0));
}

#[test]
fn problems_are_bounded_and_the_rest_is_counted() {
    let text = "5\n---\n".repeat(DIAGNOSTICS_MAX + 7);
    let reading = read(&[source("a", &text)]);
    assert_eq!(reading.diagnostics.len(), DIAGNOSTICS_MAX + 1);
    let last = reading.diagnostics.last().unwrap();
    assert_eq!(last.code, Code(12));
    assert_eq!(last.what, "7 more problems are not shown");
}

/// What was read of a source can be kept and merged again, in another place of the order.
#[test]
fn sources_read_apart_are_what_they_are_read_together() {
    let second = NAMESPACE.replace("blue", "red");
    let sources = [
        source("a", NAMESPACE),
        source("b", &second),
        source("c", NAMESPACE),
    ];
    let apart: Vec<SourceReading> = sources.iter().map(read_source).collect();
    for turn in 0..sources.len() {
        let mut turned = sources.to_vec();
        turned.rotate_left(turn);
        let together = read(&turned);
        let merged = merge((0..apart.len()).map(|i| &apart[(i + turn) % apart.len()]));
        assert_eq!(together.in_order, merged.in_order);
        assert_eq!(together.diagnostics, merged.diagnostics);
        for (key, object) in &together.objects.namespaces {
            assert_eq!(
                object.origin.order,
                merged.objects.namespaces[key].origin.order
            );
        }
    }
}

/// A small object that is a document of its own is read again from its text, at the same places;
/// the tree of any other is kept.
#[test]
fn trees_of_small_documents_are_not_kept() {
    let second = NAMESPACE.replace("blue", "red");
    let text = format!("# first\n{NAMESPACE}--- # second\n{second}");
    let reading = read(&[source("a", &text)]);
    for namespace in reading.objects.namespaces.values() {
        assert!(matches!(namespace.given, Given::Written(Tree::Again(_))));
        let place = namespace.origin.place("metadata.name");
        let written = &text[place.span.start as usize..place.span.end as usize];
        assert_eq!(written, &*namespace.key.name);
        assert_eq!(namespace.given.json()["metadata"]["name"], written);
    }
    let list = format!(
        "kind: List\napiVersion: v1\nitems: [{{{}}}]\n",
        "apiVersion: v1, kind: Namespace, metadata: {name: blue}"
    );
    let directive = format!("%YAML 1.2\n---\n{NAMESPACE}");
    let large = format!(
        "{NAMESPACE}spec: {{finalizers: [{}]}}\n",
        "a, ".repeat(REREAD_NODES_MAX)
    );
    for text in [list, directive, large] {
        let reading = read(&[source("a", &text)]);
        let mut all = reading.objects.namespaces.values();
        let namespace = all.next().expect("one is read");
        assert!(
            matches!(namespace.given, Given::Written(Tree::Kept(_))),
            "{text}"
        );
    }
}
