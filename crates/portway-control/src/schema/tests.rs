//! The facts, the rules and the types say the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::facts::{KINDS, Schema, Type, without_spaces};
use super::rules;
use crate::api::{
    EndpointSlice, Gateway, GatewayClass, Kind, Namespace, ReferenceGrant, Service, TcpRoute,
};

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

/// Classes and Gateways share a type for their parameters; only a class's has this field.
const NOT_A_GATEWAYS: &str = "infrastructure.parametersRef.namespace";

/// Which scalars a sample has.
#[derive(Clone, Copy)]
enum Scalars {
    /// Only those that must be there.
    Required,
    /// All, numbers at their greatest, the n-th of the words there are.
    Most(usize),
    /// All, numbers at their least.
    Least,
}

/// An object that its schema accepts, with every list and map in it.
fn sample(schema: &Schema, scalars: Scalars) -> Value {
    let ty = match schema.ty {
        None if schema.int_or_string => Type::Integer,
        None => return json!({}),
        Some(ty) => ty,
    };
    let word = match scalars {
        Scalars::Most(nth) => nth,
        _ => 0,
    };
    let number = match scalars {
        Scalars::Least => schema.minimum.unwrap_or(1),
        _ => schema.maximum.unwrap_or(1),
    };
    match ty {
        Type::Boolean => json!(true),
        Type::Integer | Type::Number => json!(number),
        Type::String if schema.values.is_empty() => json!("a"),
        Type::String => json!(schema.values[word % schema.values.len()]),
        Type::Array => {
            let items = schema.items.iter().map(|schema| sample(schema, scalars));
            Value::Array(items.collect())
        }
        Type::Object => {
            let values = schema.additional_properties.iter();
            let mut fields: serde_json::Map<String, Value> = values
                .map(|schema| ("a".to_owned(), sample(schema, scalars)))
                .collect();
            for (name, below) in &schema.properties {
                let is_scalar = !matches!(below.ty, Some(Type::Object | Type::Array));
                let is_required = schema.required.contains(name) && below.default.is_none();
                if !is_scalar || is_required || !matches!(scalars, Scalars::Required) {
                    fields.insert(name.to_string(), sample(below, scalars));
                }
            }
            Value::Object(fields)
        }
    }
}

/// Holds what a type made of a sample against the facts.
fn agree(path: &str, got: &Value, sample: Option<&Value>, schema: &Schema) {
    if let (None, Some(default)) = (sample, &schema.default) {
        holds_all(path, got, default);
        return;
    }
    match got {
        Value::Object(fields) if schema.additional_properties.is_none() => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                if path.ends_with(NOT_A_GATEWAYS) && value.is_null() {
                    continue;
                }
                let below = schema.properties.get(name.as_str());
                let below = below.unwrap_or_else(|| panic!("the API has no {path}"));
                agree(&path, value, sample.and_then(|it| it.get(name)), below);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let sample = sample.and_then(|it| it.get(index));
                agree(
                    &format!("{path}[]"),
                    item,
                    sample,
                    schema.items.as_ref().unwrap(),
                );
            }
        }
        scalar => {
            let expected = sample.unwrap_or(&Value::Null);
            let is_absent = sample.is_none() && (scalar.is_null() || *scalar == json!(""));
            assert!(
                is_absent || scalar == expected,
                "{path}: {scalar}, not {expected}"
            );
        }
    }
}

/// Whether a value holds a default; a type may have more fields than the default names.
fn holds_all(path: &str, got: &Value, default: &Value) {
    match default {
        Value::Object(fields) => {
            for (name, default) in fields {
                holds_all(&format!("{path}.{name}"), &got[name], default);
            }
        }
        _ => assert_eq!(got, default, "the default of {path}"),
    }
}

/// Fields, types, defaults, bounds and words of one of our types.
fn holds_the_facts<T: DeserializeOwned + Serialize>(kind: Kind) {
    let facts = KINDS.iter().find(|facts| facts.kind == Some(kind)).unwrap();
    for (name, version) in &facts.versions {
        let most = (0..5).map(Scalars::Most);
        for scalars in most.chain([Scalars::Required, Scalars::Least]) {
            let sample = sample(&version.schema, scalars);
            let path = format!("{} {name}", facts.name);
            let built: Result<T, _> = serde_json::from_value(sample.clone());
            let built = built.unwrap_or_else(|error| panic!("{path}: {error} in {sample:#}"));
            let got = serde_json::to_value(&built).unwrap();
            agree(&path, &got, Some(&sample), &version.schema);
        }
    }
}

#[test]
fn our_types_have_the_fields_defaults_and_bounds_of_the_facts() {
    holds_the_facts::<GatewayClass>(Kind::GatewayClass);
    holds_the_facts::<Gateway>(Kind::Gateway);
    holds_the_facts::<TcpRoute>(Kind::TcpRoute);
    holds_the_facts::<ReferenceGrant>(Kind::ReferenceGrant);
    holds_the_facts::<Namespace>(Kind::Namespace);
    holds_the_facts::<Service>(Kind::Service);
    holds_the_facts::<EndpointSlice>(Kind::EndpointSlice);
}

mod bounds;
