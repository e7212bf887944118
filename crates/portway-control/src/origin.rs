//! Where an object and each of its fields was written.
//!
//! In: positions taken by the reader. Out: [`Place`]s for diagnostics and `explain`. Never: I/O.

use std::fmt;
use std::sync::Arc;

use serde_json::{Number, Value};

use crate::api::Kind;

/// Names one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => write!(f, "{} `{}`", self.kind.name(), self.name),
            namespace => write!(f, "{} `{namespace}/{}`", self.kind.name(), self.name),
        }
    }
}

/// A text that was read: a file, standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As the user named it.
    pub name: Arc<str>,
    /// All of it.
    pub text: Arc<str>,
}

/// A stretch of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first byte in characters, from 1.
    pub column: u32,
}

/// A place a diagnostic points at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The source's name; `None` for objects that came from a cluster.
    pub source: Option<Arc<str>>,
    /// Where in it.
    pub span: Span,
    /// The field, as `spec.rules[0].backendRefs[1].port`; empty = the whole object or document.
    pub field: String,
}

/// A value as it was written, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where.
    pub span: Span,
    /// What.
    pub value: Written,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the type it is named after")]
pub enum Written {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    List(Box<[Node]>),
    Map(Box<[Field]>),
}

/// One field of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub key: Box<str>,
    /// Where the name is written.
    pub key_span: Span,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// The fields of a map; nothing for anything else.
    pub fn fields(&self) -> &[Field] {
        match &self.value {
            Written::Map(fields) => fields,
            _ => &[],
        }
    }

    /// The field of a map that is there and not null.
    pub fn field(&self, key: &str) -> Option<&Field> {
        let mut fields = self.fields().iter();
        fields.find(|field| &*field.key == key && !matches!(field.node.value, Written::Null))
    }

    /// Where it starts; of a map no more than its first name, so that a finding marks a word and
    /// not half a file.
    pub fn start(&self) -> Span {
        match &self.value {
            Written::Map(fields) => fields.first().map_or(self.span, |field| field.key_span),
            _ => self.span,
        }
    }

    /// The text of a field.
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.field(key)?.node.value {
            Written::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The tree as JSON.
    pub fn json(&self) -> Value {
        match &self.value {
            Written::Null => Value::Null,
            Written::Bool(value) => Value::Bool(*value),
            Written::Int(value) => Value::Number((*value).into()),
            Written::Float(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
            Written::Text(text) => Value::String(text.as_ref().into()),
            Written::List(items) => Value::Array(items.iter().map(Self::json).collect()),
            Written::Map(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|field| (field.key.as_ref().into(), field.node.json()));
                Value::Object(fields.collect())
            }
        }
    }

    /// The value that is nearest to where `path` points.
    fn nearest(&self, path: &str) -> &Self {
        let mut node = self;
        let mut rest = path;
        while let Some((next, after)) = node.step(rest) {
            node = next;
            rest = after;
        }
        node
    }

    /// The value one step along `path`, and what remains of the path.
    fn step<'a, 'p>(&'a self, path: &'p str) -> Option<(&'a Self, &'p str)> {
        match &self.value {
            Written::Map(fields) => {
                let path = path.strip_prefix('.').unwrap_or(path);
                // Names of labels hold dots, so the longest name that fits is meant.
                let fits = fields.iter().filter_map(|field| {
                    let rest = path.strip_prefix(&*field.key)?;
                    (rest.is_empty() || rest.starts_with(['.', '['])).then_some((field, rest))
                });
                let (field, rest) = fits.max_by_key(|(field, _)| field.key.len())?;
                Some((&field.node, rest))
            }
            Written::List(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                Some((items.get(index.parse::<usize>().ok()?)?, rest))
            }
            _ => None,
        }
    }
}

/// The tree of an object that stands in a source.
#[derive(Debug, Clone)]
pub enum Tree {
    /// Kept.
    Kept(Arc<Node>),
    /// Read again when somebody asks: a tree takes ten times the room of its text.
    Again(Arc<Passage>),
}

/// Where the one document stands that an object is.
#[derive(Debug)]
pub struct Passage {
    /// The text of its source.
    pub text: Arc<str>,
    /// The first byte of the document.
    pub start: u32,
    /// The line of that byte, from 1; its column is 1.
    pub line: u32,
    /// How it is read.
    pub read: fn(&Self) -> Option<Node>,
}

impl Tree {
    /// Looks at the tree; `None` if it cannot be read again, which would be a defect.
    pub fn look<T>(&self, look: impl FnOnce(&Node) -> T) -> Option<T> {
        match self {
            Self::Kept(node) => Some(look(node)),
            Self::Again(passage) => (passage.read)(passage).map(|node| look(&node)),
        }
    }
}

/// An object as it was given.
#[derive(Debug, Clone)]
pub enum Given {
    /// In a source: its tree, which is made JSON when somebody asks.
    Written(Tree),
    /// By a cluster.
    Json(Arc<Value>),
}

impl Given {
    /// As JSON.
    pub fn json(&self) -> Value {
        match self {
            Self::Written(tree) => tree.look(Node::json).unwrap_or_default(),
            Self::Json(value) => Value::clone(value),
        }
    }
}

/// Where each field of an object is written. One tree is shared by all who hold the object.
#[derive(Debug, Clone, Default)]
pub struct Spans(Option<Tree>);

impl Spans {
    /// The places of all fields of an object.
    pub const fn of(tree: Tree) -> Self {
        Self(Some(tree))
    }

    /// The span of the value of `field`, or of its nearest written ancestor.
    pub fn find(&self, field: &str) -> Span {
        let tree = self.0.as_ref();
        tree.and_then(|tree| tree.look(|node| node.nearest(field).span))
            .unwrap_or_default()
    }
}

/// Where an object came from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The source's name; `None` for objects that came from a cluster.
    pub source: Option<Arc<str>>,
    /// Place in the order of input: argument, path, position. Decides the age of objects without
    /// a creationTimestamp.
    pub order: u64,
    /// Where each field is written.
    pub spans: Spans,
}

impl Origin {
    /// The place of `field`, or of its nearest written ancestor.
    pub fn place(&self, field: &str) -> Place {
        Place {
            source: self.source.clone(),
            span: self.spans.find(field),
            field: field.to_owned(),
        }
    }
}

/// An object and where it was written.
#[derive(Debug, Clone)]
pub struct Sourced<T> {
    /// The object, defaults applied.
    pub object: T,
    /// Its name.
    pub key: ObjectKey,
    /// Where it was written.
    pub origin: Origin,
    /// As given, for output.
    pub given: Given,
}
