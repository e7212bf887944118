//! Every bound of the facts, broken once and nothing beside it.
//!
//! In: the facts. Out: for each bound an object that breaks only it, read as any manifest is. The
//! rules in CEL have golden cases of their own and are left aside here.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::facts::{KINDS, ListType, Schema, Type};
use crate::api::Kind;
use crate::diagnostic::Code;
use crate::manifest;
use crate::origin::Source;

/// Text that fits the patterns and formats of the facts, and text that fits few.
const FITTING: [&str; 7] = [
    "a",
    "a/b",
    "a.b/c",
    "1s",
    "1",
    "2026-01-31T12:00:00Z",
    "192.0.2.1",
];
const UNFITTING: [&str; 5] = ["A B", "_", "-", " ", "a b!"];

/// Bounds of the four kinds of Gateway API and of `metadata`, one field counted once a kind.
const BOUNDS: usize = 303;

fn is_text_fit(schema: &Schema, text: &str) -> bool {
    let n = text.chars().count();
    schema.min_length.is_none_or(|min| n >= min)
        && schema.max_length.is_none_or(|max| n <= max)
        && schema.pattern.as_ref().is_none_or(|it| it.fits(text))
        && (schema.format.is_none() || text.ends_with('Z'))
}

/// A value within all bounds, with every field there is.
fn fitting(schema: &Schema, path: &str) -> Value {
    match schema.ty {
        None if schema.int_or_string => json!(1),
        None => json!({}),
        Some(Type::Boolean) => json!(true),
        Some(Type::Integer | Type::Number) => json!(schema.minimum.unwrap_or(1)),
        Some(Type::String) => {
            let mut words = schema.values.iter().map(|word| &**word);
            let mut texts = FITTING.iter().copied();
            let text = words
                .next()
                .or(texts.find(|text| is_text_fit(schema, text)));
            json!(text.unwrap_or_else(|| panic!("no text fits {path}")))
        }
        Some(Type::Array) => {
            let item = schema.items.as_ref().unwrap();
            json!([fitting(item, &format!("{path}[0]"))])
        }
        Some(Type::Object) => {
            let mut fields = Map::new();
            if let Some(values) = &schema.additional_properties {
                fields.insert("a".into(), fitting(values, &format!("{path}.a")));
            }
            for (name, below) in &schema.properties {
                let below = fitting(below, &format!("{path}.{name}"));
                fields.insert(name.to_string(), below);
            }
            if !schema.one_of.is_empty() {
                // The only alternatives there are: what a value is by the type of an address.
                fields.insert("value".into(), json!("192.0.2.1"));
            }
            Value::Object(fields)
        }
    }
}

/// A bound that is broken: its name, the finding it must give, and the value that breaks it.
type Broken = (String, u16, Value);

/// Every bound of a value, broken; `good` is within all of them.
fn broken(schema: &Schema, good: &Value) -> Vec<Broken> {
    let mut all = Vec::new();
    let mut add = |name: &str, code, value| all.push((name.to_owned(), code, value));
    for name in &schema.required {
        let has_default = |schema: &Schema| schema.default.is_some();
        if schema.properties.get(name).is_some_and(has_default) {
            continue;
        }
        let mut fields = good.as_object().unwrap().clone();
        fields.remove(&**name);
        add(&format!("required {name}"), 101, Value::Object(fields));
    }
    if !schema.values.is_empty() {
        add("enum", 104, json!("nonsense"));
    }
    if let Some(min) = schema.min_length.filter(|min| *min > 0) {
        add("minLength", 107, json!("a".repeat(min - 1)));
    }
    if let Some(max) = schema.max_length {
        add("maxLength", 107, json!("a".repeat(max + 1)));
    }
    if let Some(pattern) = &schema.pattern {
        let text = UNFITTING.iter().find(|text| {
            let n = text.len();
            let is_long = schema.min_length.is_none_or(|min| n >= min);
            is_long && schema.max_length.is_none_or(|max| n <= max) && !pattern.fits(text)
        });
        let text = text.unwrap_or_else(|| panic!("all texts fit {}", pattern.text));
        add("pattern", 105, json!(text));
    }
    if let Some(min) = schema.minimum {
        add("minimum", 106, json!(min - 1));
    }
    if let Some(max) = schema.maximum {
        add("maximum", 106, json!(max + 1));
    }
    let item = || good.as_array().unwrap()[0].clone();
    if let Some(min) = schema.min_items.filter(|min| *min > 0) {
        add("minItems", 108, json!(vec![item(); min - 1]));
    }
    if let Some(max) = schema.max_items {
        add("maxItems", 108, json!(vec![item(); max + 1]));
    }
    if schema.list_type != ListType::Atomic {
        add("distinct", 110, json!([item(), item()]));
    }
    if let Some(max) = schema.max_properties {
        let (_, value) = good.as_object().unwrap().iter().next().unwrap();
        let many = (0..=max).map(|at| (format!("a{at}"), value.clone()));
        add("maxProperties", 108, many.collect());
    }
    let is_any = schema.ty.is_none() || schema.int_or_string;
    if !is_any {
        let other = match schema.ty {
            Some(Type::Boolean) => json!("a"),
            _ => json!(true),
        };
        add("type", 103, other);
    }
    all
}

/// Calls `look` with every schema below `schema`, its JSON pointer and its path as findings have it.
fn walk<'a>(schema: &'a Schema, at: (&str, &str), look: &mut dyn FnMut(&'a Schema, &str, &str)) {
    let (pointer, path) = at;
    look(schema, pointer, path);
    let dot = if path.is_empty() { "" } else { "." };
    for (name, below) in &schema.properties {
        let is_type_of_object = path.is_empty() && matches!(&**name, "apiVersion" | "kind");
        if !is_type_of_object {
            let at = (format!("{pointer}/{name}"), format!("{path}{dot}{name}"));
            walk(below, (&at.0, &at.1), look);
        }
    }
    if let Some(below) = &schema.items {
        let at = (format!("{pointer}/0"), format!("{path}[0]"));
        walk(below, (&at.0, &at.1), look);
    }
    if let Some(below) = &schema.additional_properties {
        let at = (format!("{pointer}/a"), format!("{path}{dot}a"));
        walk(below, (&at.0, &at.1), look);
    }
}

/// Codes and fields of what is wrong with types and bounds.
fn read(object: &Value) -> Vec<(u16, String)> {
    let source = Source {
        name: "object.json".into(),
        text: object.to_string().into(),
    };
    let findings = manifest::read(&[source]).diagnostics.into_iter();
    let structural = findings.filter(|it| it.code < Code(120));
    structural.map(|it| (it.code.0, it.place.field)).collect()
}

#[test]
fn every_bound_of_the_facts_is_told_of_at_its_field() {
    let kinds = [
        Kind::GatewayClass,
        Kind::Gateway,
        Kind::TcpRoute,
        Kind::ReferenceGrant,
    ];
    let (mut bounds, mut failures) = (BTreeSet::new(), String::new());
    for facts in KINDS
        .iter()
        .filter(|it| it.kind.is_some_and(|kind| kinds.contains(&kind)))
    {
        for (version, version_facts) in &facts.versions {
            let schema = &version_facts.schema;
            let mut whole = fitting(schema, &facts.name);
            whole["apiVersion"] = json!(format!("{}/{version}", facts.group));
            whole["kind"] = json!(&*facts.name);
            assert_eq!(read(&whole), [], "{} {version}: {whole:#}", facts.name);
            walk(schema, ("", ""), &mut |schema, pointer, path| {
                for (bound, code, value) in broken(schema, whole.pointer(pointer).unwrap()) {
                    if path.is_empty() && bound == "type" {
                        continue; // What is no map is no object of any kind.
                    }
                    let mut object = whole.clone();
                    *object.pointer_mut(pointer).unwrap() = value;
                    let mut told = read(&object);
                    // Items in plenty are made of one, so they are told of as alike, too.
                    told.retain(|(told, _)| code == 110 || *told != 110);
                    if told != [(code, path.to_owned())] {
                        failures +=
                            &format!("{} {version} `{path}` {bound}: {told:?}\n", facts.name);
                    }
                    if bound != "type" {
                        bounds.insert(format!("{} {path} {bound}", facts.name));
                    }
                }
            });
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert_eq!(bounds.len(), BOUNDS, "each bound is broken");
}
