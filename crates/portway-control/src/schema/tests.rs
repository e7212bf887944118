//! The facts, the rules and the types say the same.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{KINDS, Schema, without_spaces};
use super::rules;

/// Calls `look` with every schema in a schema, and its path.
fn walk<'a>(schema: &'a Schema, path: &str, look: &mut dyn FnMut(&str, &'a Schema)) {
    look(path, schema);
    for (name, schema) in &schema.properties {
        walk(schema, &format!("{path}.{name}"), look);
    }
    let items = schema.items.iter().map(|schema| (schema, "[]"));
    let values = schema
        .additional_properties
        .iter()
        .map(|schema| (schema, "{}"));
    for (schema, step) in items.chain(values) {
        walk(schema, &format!("{path}{step}"), look);
    }
    for schema in schema.one_of.iter().chain(&schema.any_of) {
        walk(schema, path, look);
    }
}

/// Every schema of every version and channel of the kinds whose objects are read.
fn walk_all<'a>(look: &mut dyn FnMut(&str, &'a Schema)) {
    for facts in KINDS.iter().filter(|facts| facts.kind.is_some()) {
        for (name, version) in &facts.versions {
            let path = format!("{} {name}", facts.name);
            walk(&version.schema, &path, look);
            if let Some(standard) = &version.standard {
                walk(standard, &format!("{path} standard"), look);
            }
        }
    }
}

#[test]
fn each_rule_of_the_facts_is_implemented_and_no_other() {
    let mut named = BTreeSet::new();
    walk_all(&mut |path, schema| {
        for rule in &schema.rules {
            named.insert(&*rule.rule);
            assert!(rules::find(&rule.rule).is_some(), "{path}: {}", rule.rule);
        }
    });
    for rule in rules::all() {
        let is_named = named.contains(&*without_spaces(rule.text));
        assert!(is_named, "no fact has the rule {}", rule.text);
    }
}

#[test]
fn each_pattern_of_the_facts_compiles() {
    let mut patterns = BTreeSet::new();
    walk_all(&mut |_, schema| patterns.extend(schema.pattern.as_ref().map(|it| &*it.text)));
    for pattern in &patterns {
        assert!(regex::Regex::new(pattern).is_ok(), "{pattern}");
    }
    assert!(patterns.len() > 8);
}

#[test]
fn lists_of_maps_name_fields_that_there_are() {
    walk_all(&mut |path, schema| {
        for key in &schema.list_map_keys {
            let items = schema.items.as_ref().unwrap();
            assert!(items.properties.contains_key(key), "{path} {key}");
        }
    });
}

#[test]
fn both_channels_are_there() {
    let served: BTreeMap<&str, Vec<(&str, bool)>> = KINDS
        .iter()
        .map(|facts| {
            let versions = facts.versions.iter();
            let versions = versions.map(|(name, version)| (&**name, version.in_standard));
            (&*facts.name, versions.collect())
        })
        .collect();
    assert_eq!(served["TCPRoute"], [("v1", true), ("v1alpha2", false)]);
    assert_eq!(served["Gateway"], [("v1", true), ("v1beta1", true)]);
    assert_eq!(served["ReferenceGrant"], [("v1", true), ("v1beta1", true)]);
    assert_eq!(served["Service"], [("v1", true)]);
}
