//! Where an object and each of its fields was written.
//!
//! In: positions taken by the reader. Out: [`Place`]s for diagnostics and `explain`. Never: I/O.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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

/// Where an object came from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The source's name; `None` for objects that came from a cluster.
    pub source: Option<Arc<str>>,
    /// Place in the order of input: argument, path, position. Decides the age of objects without
    /// a creationTimestamp.
    pub order: u64,
    /// Span of the value of every field, by its path; the document itself under "". One map is
    /// shared by all who hold the object.
    pub spans: Arc<BTreeMap<String, Span>>,
}

impl Origin {
    /// The place of `field`, or of its nearest written ancestor.
    pub fn place(&self, field: &str) -> Place {
        let mut path = field;
        let span = loop {
            if let Some(span) = self.spans.get(path) {
                break *span;
            }
            let Some(cut) = path.rfind(['.', '[']) else {
                break self.spans.get("").copied().unwrap_or_default();
            };
            path = &path[..cut];
        };
        Place {
            source: self.source.clone(),
            span,
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
    pub given: Arc<serde_json::Value>,
}
