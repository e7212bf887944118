//! Every pattern has plain words, and an example that fits.

use std::collections::BTreeSet;

use regex::Regex;

use super::{FORMS, form};
use crate::schema::facts::{KINDS, Schema};

/// Every pattern of the facts, wherever it stands.
fn patterns<'a>(schema: &'a Schema, all: &mut BTreeSet<&'a str>) {
    all.extend(schema.pattern.iter().map(|it| &*it.text));
    let inner = schema.properties.values().chain(schema.items.as_deref());
    let more = schema.additional_properties.as_deref();
    let others = schema.one_of.iter().chain(&schema.any_of);
    for schema in inner.chain(more).chain(others) {
        patterns(schema, all);
    }
}

/// Nobody must read a regular expression to learn what is wanted.
#[test]
fn every_pattern_of_the_facts_has_plain_words() {
    let mut all = BTreeSet::new();
    for version in KINDS.iter().flat_map(|facts| facts.versions.values()) {
        patterns(&version.schema, &mut all);
        version
            .standard
            .iter()
            .for_each(|it| patterns(it, &mut all));
    }
    assert!(all.len() > 10, "{all:?}");
    for pattern in all {
        assert!(!form(pattern).0.starts_with("must match"), "{pattern}");
    }
}

#[test]
fn every_example_fits_its_pattern() {
    for form in FORMS {
        let pattern = Regex::new(form.pattern).unwrap();
        assert!(pattern.is_match(form.example), "{}", form.example);
    }
}
