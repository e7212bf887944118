//! A value as rules see it: what was written, and where nothing was, the default.
//!
//! In: a [`Node`] and its [`Schema`]. Out: fields and items. The API server sets defaults before it
//! asks its rules, so a rule that asks for `tls.mode` finds `Terminate` where nothing is written.

use serde_json::Value;

use super::facts::Schema;
use crate::origin::{Field, Node, Span, Written};

/// A value with its defaults.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    seen: Seen<'a>,
    schema: &'a Schema,
}

#[derive(Clone, Copy)]
enum Seen<'a> {
    Written(&'a Node),
    Default(&'a Value),
}

impl<'a> View<'a> {
    /// A value that was written.
    pub(super) const fn new(node: &'a Node, schema: &'a Schema) -> Self {
        Self {
            seen: Seen::Written(node),
            schema,
        }
    }

    /// A field: what was written, or its default.
    pub(super) fn get(self, name: &str) -> Option<Self> {
        let schema = self.schema.properties.get(name)?;
        let seen = match self.seen {
            Seen::Written(node) => node.field(name).map(|field| Seen::Written(&field.node)),
            Seen::Default(value) => value.get(name).map(Seen::Default),
        };
        let seen = seen.or_else(|| schema.default.as_ref().map(Seen::Default))?;
        Some(Self { seen, schema })
    }

    /// Whether a field is written or has a default.
    pub(super) fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The text of a field.
    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_text()
    }

    /// The number of a field.
    pub(super) fn number(self, name: &str) -> Option<i64> {
        match self.get(name)?.seen {
            Seen::Written(Node {
                value: Written::Int(number),
                ..
            }) => Some(*number),
            Seen::Default(value) => value.as_i64(),
            Seen::Written(_) => None,
        }
    }

    /// Itself as text.
    pub(super) fn as_text(self) -> Option<&'a str> {
        match self.seen {
            Seen::Written(Node {
                value: Written::Text(text),
                ..
            }) => Some(text),
            Seen::Default(value) => value.as_str(),
            Seen::Written(_) => None,
        }
    }

    /// How many items or fields a field has; 0 if it is not there.
    pub(super) fn size(self, name: &str) -> usize {
        match self.get(name).map(|view| view.seen) {
            Some(Seen::Written(node)) => match &node.value {
                Written::List(items) => items.len(),
                Written::Map(fields) => fields.len(),
                _ => 0,
            },
            _ => 0,
        }
    }

    /// The items of a list.
    pub(super) fn items(self) -> Vec<Self> {
        match (self.seen, &self.schema.items) {
            (
                Seen::Written(Node {
                    value: Written::List(items),
                    ..
                }),
                Some(schema),
            ) => items.iter().map(|item| Self::new(item, schema)).collect(),
            _ => Vec::new(),
        }
    }

    /// The fields of a map as they were written.
    pub(super) fn fields(self) -> &'a [Field] {
        match self.seen {
            Seen::Written(node) => node.fields(),
            Seen::Default(_) => &[],
        }
    }

    /// Where it is written; nothing for a default.
    pub(super) fn span(self) -> Option<Span> {
        match self.seen {
            Seen::Written(node) => Some(node.start()),
            Seen::Default(_) => None,
        }
    }

    /// Where the name of a field is written.
    pub(super) fn key_span(self, name: &str) -> Option<Span> {
        let fields = self.fields().iter();
        let mut fields = fields.filter(|field| &*field.key == name);
        fields.next().map(|field| field.key_span)
    }

    /// Where the value of a field is written, else where the whole is.
    pub(super) fn span_of(self, name: &str) -> Span {
        let field = self.get(name).and_then(Self::span);
        field.or_else(|| self.span()).unwrap_or_default()
    }
}
