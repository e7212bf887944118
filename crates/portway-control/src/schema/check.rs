//! Walks a tree along its [`Schema`] and tells of all that does not fit.
//!
//! In: a [`Node`] with no more than `DEPTH_MAX` levels. Out: findings. A null field counts as
//! absent, as the API server prunes it. Spec: OpenAPI v3 as structural schemas of Kubernetes use
//! it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::facts::{Format, ListType, Schema, Type};
use super::rules;
use super::view::View;
use super::wanted;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::found::{Found, at, error, shown};
use crate::origin::{Field, Node, Span, Written};

/// One walk.
pub(crate) struct Check<'a> {
    found: &'a mut Found,
    /// What it does to traffic that an object is left out.
    effect: &'a str,
    path: Vec<Step<'a>>,
    /// An alternative names only some of the fields.
    is_partial: bool,
    /// How many findings are flaws that a rule found.
    n_flaws: usize,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

impl<'a> Check<'a> {
    /// Starts a walk; `effect` is what each finding does to traffic.
    pub(crate) const fn new(found: &'a mut Found, effect: &'a str) -> Self {
        Self {
            found,
            effect,
            path: Vec::new(),
            is_partial: false,
            n_flaws: 0,
        }
    }

    /// Checks the value of a field.
    pub(crate) fn field(&mut self, field: &'a Field, schema: &'a Schema) {
        if matches!(field.node.value, Written::Null) {
            return;
        }
        self.path.push(Step::Field(&field.key));
        self.value(&field.node, schema);
        self.path.pop();
    }

    /// Checks a value with all in it.
    pub(crate) fn value(&mut self, node: &'a Node, schema: &'a Schema) {
        if !has_type(node, schema) {
            self.wrong_type(node, schema);
            return;
        }
        let n_before = self.n_structural();
        match &node.value {
            Written::Map(fields) => self.map(node, fields, schema),
            Written::List(items) => self.list(node, items, schema),
            Written::Text(text) => self.text(node, text, schema),
            Written::Int(number) => self.number(node, *number, schema),
            _ => {}
        }
        self.alternatives(node, schema);
        // A rule may count on what the types say, but not on other rules: an API server runs them
        // all once the types are right.
        if self.n_structural() == n_before {
            self.rules(node, schema);
        }
    }

    /// Findings so far about types and bounds.
    const fn n_structural(&self) -> usize {
        self.found.count() - self.n_flaws
    }

    fn rules(&mut self, node: &'a Node, schema: &'a Schema) {
        for rule in &schema.rules {
            let Some(rule) = rules::find(&rule.rule) else {
                continue;
            };
            for flaw in (rule.flaws)(View::new(node, schema)) {
                let mut finding = self
                    .error(rule.code, flaw.span, flaw.what)
                    .label(flaw.label);
                let below = match finding.place.field.is_empty() {
                    true => flaw.path.trim_start_matches('.'),
                    false => &flaw.path,
                };
                finding.place.field += below;
                if !flaw.help.is_empty() {
                    finding = finding.help(flaw.help);
                }
                if let Some((span, words)) = flaw.related {
                    finding = finding.related(at(span), words);
                }
                self.found.add(finding);
                self.n_flaws += 1;
            }
        }
    }

    /// `oneOf`, `anyOf` and `not`: of an alternative that should fit, what does not is told.
    fn alternatives(&mut self, node: &'a Node, schema: &'a Schema) {
        if let Some(not) = &schema.not
            && self.trial(node, not).is_empty()
        {
            let what = format!("{} cannot be this", self.shown_path());
            let finding = self.error(104, node.start(), what);
            self.found.add(finding.help("write another value"));
        }
        if !schema.any_of.is_empty()
            && !schema
                .any_of
                .iter()
                .any(|it| self.trial(node, it).is_empty())
        {
            let formats = schema
                .any_of
                .iter()
                .filter_map(|it| it.format.map(format_name));
            let formats: Vec<&str> = formats.collect();
            let what = format!("{} cannot be `{}`", self.shown_path(), written_text(node));
            let finding = self.error(105, node.start(), what);
            let finding = finding.label(format!("{} is wanted", formats.join(" or ")));
            self.found
                .add(finding.help("write it as in `192.0.2.1` or `2001:db8::1`"));
        }
        if !schema.one_of.is_empty() {
            let whole = with_defaults(node, schema);
            let told = schema.one_of.iter().map(|it| self.trial(&whole, it));
            let told: Vec<Vec<Diagnostic>> = told.collect();
            if told.iter().filter(|findings| findings.is_empty()).count() != 1
                && let Some(first) = told.into_iter().next()
            {
                first
                    .into_iter()
                    .for_each(|finding| self.found.add(finding));
            }
        }
    }

    /// What would be told of an alternative.
    fn trial(&self, node: &Node, schema: &Schema) -> Vec<Diagnostic> {
        let mut found = self.found.trial();
        let mut check = Check::new(&mut found, self.effect);
        check.path = self.path.clone();
        check.is_partial = true;
        check.value(node, schema);
        found.into_parts().0
    }

    fn map(&mut self, node: &'a Node, fields: &'a [Field], schema: &'a Schema) {
        for field in fields {
            if let Some(schema) = schema.properties.get(&field.key) {
                self.field(field, schema);
            } else if let Some(schema) = &schema.additional_properties {
                self.field(field, schema);
            } else if !schema.preserve_unknown_fields && !self.is_partial {
                self.unknown(field, schema);
            }
        }
        for name in &schema.required {
            if self.is_misspelt_beside(name, fields, schema) {
                continue;
            }
            let has_default = |schema: &Schema| schema.default.is_some();
            let is_there =
                node.field(name).is_some() || schema.properties.get(name).is_some_and(has_default);
            if !is_there {
                let what = format!("{} has no `{name}`", self.shown_path());
                let finding = self.error(101, node.start(), what);
                let finding = finding.label(format!("`{name}` is required"));
                let help = wanted::missing(name, schema.properties.get(name));
                self.found.add(finding.help(help));
            }
        }
        let n = fields.len();
        if let Some(bound) = wanted::within(n, None, schema.max_properties) {
            let what = format!("{} has {n} fields", self.shown_path());
            let finding = self.error(108, node.start(), what).label(bound.label());
            self.found.add(finding.help(bound.help_with_items(n)));
        }
    }

    /// Whether an unknown field is told of that is nearly `name`: one slip is one finding.
    fn is_misspelt_beside(&mut self, name: &str, fields: &[Field], schema: &Schema) -> bool {
        let is_unknown = |field: &&Field| !schema.properties.contains_key(&field.key);
        let is_told = !schema.preserve_unknown_fields && !self.is_partial;
        let mut unknown = fields.iter().filter(is_unknown).filter(|_| is_told);
        let names = || schema.properties.keys().map(|name| &**name);
        let guesses = &mut self.found.guesses;
        !fields.iter().any(|field| &*field.key == name)
            && unknown.any(|field| guesses.nearest(&field.key, names()) == Some(name))
    }

    fn unknown(&mut self, field: &Field, schema: &'a Schema) {
        let names = schema.properties.keys().map(|name| &**name);
        let guess = self.found.guesses.guess(&field.key, names);
        let within = match self.path.is_empty() {
            true => "the object".to_owned(),
            false => self.shown_path(),
        };
        let what = format!("{within} has no field `{}`", shown(&field.key));
        let finding = self.error(102, field.key_span, what);
        self.found.add(match guess {
            Some(guess) => finding.label(guess),
            None => finding
                .label("not a field of the API")
                .help("remove it; if it belongs elsewhere, look at how far it is indented"),
        });
    }

    fn list(&mut self, node: &'a Node, items: &'a [Node], schema: &'a Schema) {
        if let Some(schema) = &schema.items {
            for (index, item) in items.iter().enumerate() {
                self.path.push(Step::Item(index));
                self.value(item, schema);
                self.path.pop();
            }
        }
        let n = items.len();
        if let Some(bound) = wanted::within(n, schema.min_items, schema.max_items) {
            let what = format!("{} has {n} items", self.shown_path());
            let finding = self.error(108, node.start(), what).label(bound.label());
            self.found.add(finding.help(bound.help_with_items(n)));
        }
        self.distinct(items, schema);
    }

    /// Items of a set or a map that are there twice.
    fn distinct(&mut self, items: &'a [Node], schema: &'a Schema) {
        if schema.list_type == ListType::Atomic || items.len() < 2 {
            return;
        }
        let mut seen = BTreeSet::new();
        for item in items {
            let key = match schema.list_type {
                ListType::Map => list_key(item, schema),
                _ => scalar_text(item),
            };
            let Some(key) = key else { continue };
            if !seen.insert(key.clone()) {
                let what = format!("{} has {key} twice", self.shown_path());
                let finding = self.error(110, item.start(), what);
                self.found
                    .add(finding.help("remove one of the two, or tell them apart"));
            }
        }
    }

    fn text(&mut self, node: &Node, text: &str, schema: &'a Schema) {
        if !schema.values.is_empty() && !schema.values.iter().any(|value| **value == *text) {
            self.no_such_value(node, text, schema);
            return;
        }
        let n = match schema.min_length.or(schema.max_length) {
            None => 0,
            Some(_) => text.chars().count(),
        };
        if let Some(bound) = wanted::within(n, schema.min_length, schema.max_length) {
            let what = format!("{} has {n} characters", self.shown_path());
            let finding = self.error(107, node.span, what).label(bound.label());
            self.found.add(finding.help(bound.help_with_text(n)));
        } else if let Some(pattern) = schema.pattern.as_ref().filter(|it| !it.fits(text)) {
            let what = format!("{} cannot be `{}`", self.shown_path(), shown(text));
            let finding = self.error(105, node.span, what);
            let (words, example) = wanted::form(&pattern.text);
            let lower = text.to_ascii_lowercase();
            let help = match pattern.fits(&lower) {
                true => Some(format!("write `{}`: no capitals", shown(&lower))),
                false => example,
            };
            self.found.add(Diagnostic {
                help,
                ..finding.label(words)
            });
        } else if let Some(format) = schema.format.filter(|format| !has_format(text, *format)) {
            let what = format!("{} cannot be `{}`", self.shown_path(), shown(text));
            let finding = self.error(105, node.span, what);
            let finding = finding.label(format!("{} is wanted", format_name(format)));
            self.found.add(finding.help(format_help(format)));
        }
    }

    fn no_such_value(&mut self, node: &Node, text: &str, schema: &'a Schema) {
        let values = schema.values.iter().map(|value| &**value);
        let guess = self.found.guesses.guess(text, values.clone());
        let what = format!("{} cannot be `{}`", self.shown_path(), shown(text));
        let all: Vec<String> = values.map(|value| format!("`{value}`")).collect();
        let finding = self.error(104, node.span, what);
        let all = format!("it can be {}", all.join(", "));
        self.found.add(match guess {
            Some(guess) => finding.label(guess).help(all),
            None => finding.label(all).help("write one of these as it stands"),
        });
    }

    fn number(&mut self, node: &Node, number: i64, schema: &'a Schema) {
        let least = match schema.format {
            Some(Format::Int32) => i64::from(i32::MIN),
            _ => i64::MIN,
        };
        let most = match schema.format {
            Some(Format::Int32) => i64::from(i32::MAX),
            _ => i64::MAX,
        };
        let min = schema.minimum.unwrap_or(least);
        let max = schema.maximum.unwrap_or(most);
        if number < min || number > max {
            let what = format!("{} cannot be {number}", self.shown_path());
            let label = match number < min {
                true => "too small",
                false => "too large",
            };
            let finding = self.error(106, node.span, what).label(label);
            let help = format!("write a number from {min} to {max}");
            self.found.add(finding.help(help));
        }
    }

    fn wrong_type(&mut self, node: &Node, schema: &'a Schema) {
        let what = format!(
            "{} is {}, but must be {}",
            self.shown_path(),
            written_name(&node.value),
            type_name(schema)
        );
        let finding = self.error(103, node.start(), what);
        let help = match (&node.value, schema.ty) {
            (
                Written::Bool(_) | Written::Int(_) | Written::Float(_) | Written::Null,
                Some(Type::String),
            ) => "quote it: without quotes it is not text",
            (Written::Text(text), Some(Type::Integer)) if text.parse::<i64>().is_ok() => {
                "remove the quotes"
            }
            (Written::Text(_), Some(Type::Integer)) => match self.path.last() {
                Some(Step::Field("port")) => "write its number: names are not looked up",
                _ => "write a number",
            },
            _ => wanted::of_type(schema),
        };
        self.found.add(finding.help(help));
    }

    fn error(&self, code: u16, span: Span, what: impl Into<String>) -> Diagnostic {
        let mut finding = error(code, span, what).effect(self.effect);
        finding.place.field = self.path();
        finding
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(&shown(name)),
                Step::Field(name) => _ = write!(path, ".{}", shown(name)),
                Step::Item(index) => _ = write!(path, "[{index}]"),
            }
        }
        path
    }

    fn shown_path(&self) -> String {
        match &*self.path() {
            "" => "the object".to_owned(),
            path => format!("`{path}`"),
        }
    }
}

fn has_type(node: &Node, schema: &Schema) -> bool {
    if schema.int_or_string {
        return matches!(node.value, Written::Int(_) | Written::Text(_));
    }
    match (schema.ty, &node.value) {
        (None, _)
        | (Some(Type::Object), Written::Map(_))
        | (Some(Type::Array), Written::List(_))
        | (Some(Type::String), Written::Text(_))
        | (Some(Type::Integer | Type::Number), Written::Int(_))
        | (Some(Type::Number), Written::Float(_))
        | (Some(Type::Boolean), Written::Bool(_)) => true,
        (Some(_), _) => false,
    }
}

fn has_format(text: &str, format: Format) -> bool {
    match format {
        Format::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
        Format::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
        Format::DateTime => is_date_time(text),
        Format::Int32 | Format::Int64 => true,
    }
}

/// RFC 3339, section 5.6.
fn is_date_time(text: &str) -> bool {
    let shape = "dddd-dd-ddTdd:dd:dd";
    let (Some(date), Some(rest)) = (text.get(..shape.len()), text.get(shape.len()..)) else {
        return false;
    };
    let fits = date
        .chars()
        .zip(shape.chars())
        .all(|(c, shape)| match shape {
            'd' => c.is_ascii_digit(),
            other => c == other,
        });
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let is_offset = |rest: &str| {
        let shape = ['+', 'd', 'd', ':', 'd', 'd'];
        rest.len() == shape.len()
            && rest.chars().zip(shape).all(|(c, shape)| match shape {
                '+' => c == '+' || c == '-',
                'd' => c.is_ascii_digit(),
                other => c == other,
            })
    };
    fits && (rest == "Z" || is_offset(rest))
}

/// The names and values that tell an item of a list from the others.
fn list_key(item: &Node, schema: &Schema) -> Option<String> {
    let mut key = String::new();
    for name in &schema.list_map_keys {
        let value = match item.field(name) {
            Some(field) => scalar_text(&field.node)?,
            None => default_text(schema, name)?,
        };
        let comma = if key.is_empty() { "" } else { ", " };
        _ = write!(key, "{comma}{name} {value}");
    }
    Some(key)
}

fn default_text(schema: &Schema, name: &str) -> Option<String> {
    let properties = &schema.items.as_ref()?.properties;
    let default = properties.get(name)?.default.as_ref()?;
    Some(match default.as_str() {
        Some(text) => format!("`{text}`"),
        None => default.to_string(),
    })
}

fn scalar_text(node: &Node) -> Option<String> {
    match &node.value {
        Written::Text(text) => Some(format!("`{}`", shown(text))),
        Written::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Beyond what 64 bits count one by one.
const fn is_large(number: f64) -> bool {
    number.abs() >= 9e15
}

const fn written_name(value: &Written) -> &'static str {
    match value {
        Written::Null => "nothing",
        Written::Bool(_) => "a boolean",
        Written::Int(_) => "a number",
        Written::Float(float) if is_large(*float) => "a number that is too large",
        Written::Float(_) => "a number with a fraction",
        Written::Text(_) => "text",
        Written::List(_) => "a list",
        Written::Map(_) => "a map",
    }
}

const fn type_name(schema: &Schema) -> &'static str {
    match schema.ty {
        _ if schema.int_or_string => "a whole number or text",
        None => "something else",
        Some(Type::Object) => "a map",
        Some(Type::Array) => "a list",
        Some(Type::String) => "text",
        Some(Type::Integer) => "a whole number",
        Some(Type::Number) => "a number",
        Some(Type::Boolean) => "`true` or `false`",
    }
}

const fn format_name(format: Format) -> &'static str {
    match format {
        Format::Ipv4 => "an IPv4 address",
        Format::Ipv6 => "an IPv6 address",
        Format::DateTime => "a time like `2026-01-31T12:00:00Z`",
        Format::Int32 | Format::Int64 => "a whole number",
    }
}

const fn format_help(format: Format) -> &'static str {
    match format {
        Format::Ipv4 => "write it as in `192.0.2.1`",
        Format::Ipv6 => "write it as in `2001:db8::1`",
        Format::DateTime => "write date, `T`, time, and `Z` or an offset such as `+02:00`",
        Format::Int32 | Format::Int64 => "write a whole number",
    }
}

/// A map with the text that defaults would give it.
fn with_defaults(node: &Node, schema: &Schema) -> Node {
    let mut full = node.clone();
    let absent = schema
        .properties
        .iter()
        .filter(|(name, _)| node.field(name).is_none());
    let defaults = absent.filter_map(|(name, schema)| {
        let default = schema.default.as_ref()?.as_str()?;
        Some(Field {
            key: name.clone(),
            key_span: node.span,
            node: Node {
                span: node.span,
                value: Written::Text(default.into()),
            },
        })
    });
    if let Written::Map(fields) = &mut full.value {
        let own = std::mem::take(fields);
        *fields = own.into_iter().chain(defaults).collect();
    }
    full
}

fn written_text(node: &Node) -> String {
    match &node.value {
        Written::Text(text) => shown(text),
        other => written_name(other).to_owned(),
    }
}
