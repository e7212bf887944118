//! YAML text → trees that know where each value is written.
//!
//! In: a [`Source`] and a [`Budget`]. Out: [`Document`]s, and what is wrong with the text. A broken
//! document does not hide the next one. Never: recursion; more than the budget, whatever aliases
//! multiply. JSON is read as the YAML that it is.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{
    ErrorKind, Event, Marker, Options, Parser, ScalarStyle, ScanError, StrInput, Tag,
};

use super::scalar;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::found::{Found, at, error, shown};
use crate::limits::{
    DEPTH_MAX, DIAGNOSTICS_MAX, DOCUMENTS_MAX, INPUT_BYTES_MAX, NODES_MAX, REREAD_NODES_MAX,
};
use crate::origin::{Field, Node, Passage, Source, Span, Written};

/// Fields of one map from which on a set finds the names that are there twice.
const FIELDS_SCANNED_MAX: usize = 16;

/// Where every source begins.
const START: Span = Span {
    start: 0,
    end: 0,
    line: 1,
    column: 1,
};

/// Where that is for [`Begin`].
const SOURCE: Begin = Begin { start: 0, line: 1 };

/// What may still be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Text.
    pub(super) n_bytes: usize,
    /// Documents.
    pub(super) n_documents: usize,
    /// Values, those that aliases repeat counted each time.
    pub(super) n_nodes: usize,
    /// Findings that are kept.
    pub(super) n_findings: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            n_bytes: INPUT_BYTES_MAX,
            n_documents: DOCUMENTS_MAX,
            n_nodes: NODES_MAX,
            n_findings: DIAGNOSTICS_MAX,
        }
    }
}

/// One document that could be read.
#[derive(Debug)]
pub(super) struct Document {
    /// All of it.
    pub(super) root: Node,
    /// Where it has a flaw that is told already: the object around it must be left out.
    pub(super) flaws: Vec<u32>,
    /// Where it begins, if it is small and can be read again from there.
    pub(super) again: Option<Begin>,
}

/// The first byte of a document and its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begin {
    pub(super) start: u32,
    pub(super) line: u32,
}

/// Reads all documents of a source.
pub(super) fn documents(source: &Source, budget: &mut Budget, found: &mut Found) -> Vec<Document> {
    let Some(n_bytes) = budget.n_bytes.checked_sub(source.text.len()) else {
        found.add(too_much(START, INPUT_BYTES_MAX, "bytes"));
        return Vec::new();
    };
    budget.n_bytes = n_bytes;
    let mut reader = Reader::new(&source.text, SOURCE, budget, found);
    // Directives count for what follows them, which would be read without.
    reader.has_directives = source.text.starts_with('%') || source.text.contains("\n%");
    reader.read();
    reader.documents
}

/// Reads the one document of a passage again. It was read before, so there is nothing to find.
pub(super) fn again(passage: &Passage) -> Option<Node> {
    let text = passage.text.get(passage.start as usize..)?;
    let begin = Begin {
        start: passage.start,
        line: passage.line,
    };
    let mut found = Found::new("".into(), 0);
    let mut budget = Budget::default();
    let mut reader = Reader::new(text, begin, &mut budget, &mut found);
    reader.is_one = true;
    reader.read();
    let first = reader.documents.into_iter().next()?;
    Some(first.root)
}

/// Why a document is given up.
enum Stop {
    /// Its text; the next one may be fine.
    Document(Box<Diagnostic>),
    /// A bound that holds for all of the input.
    Input(Box<Diagnostic>),
}

/// A list or map that has not ended yet.
struct Open {
    anchor: usize,
    span: Span,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map {
        fields: Vec<Field>,
        key: Option<(Box<str>, Span)>,
        /// Names and where they are, once there are many.
        names: BTreeMap<Box<str>, Span>,
    },
}

struct Reader<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    budget: &'a mut Budget,
    found: &'a mut Found,
    documents: Vec<Document>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    flaws: Vec<u32>,
    /// Where the text begins in its source.
    begin: Begin,
    is_one: bool,
    has_directives: bool,
    /// Where the document that is read begins, and how many nodes might be read then.
    document: Option<(Begin, usize)>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, begin: Begin, budget: &'a mut Budget, found: &'a mut Found) -> Self {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.flow_nesting_limit = DEPTH_MAX;
        options.block_nesting_limit = DEPTH_MAX;
        Self {
            text,
            parser: Parser::new_from_str_with_options(text, options),
            budget,
            found,
            documents: Vec::new(),
            open: Vec::new(),
            anchors: BTreeMap::new(),
            root: None,
            flaws: Vec::new(),
            begin,
            is_one: false,
            has_directives: false,
            document: None,
        }
    }

    fn read(&mut self) {
        while !self.is_one || self.documents.is_empty() {
            let stop = match self.parser.next_event() {
                None => return,
                Some(Ok((event, span))) => self.take(event, shifted(span_of(&span), self.begin)),
                Some(Err(error)) => Err(Stop::Document(Box::new(not_yaml(&error, self.text)))),
            };
            match stop {
                Ok(()) => {}
                Err(Stop::Input(finding)) => {
                    self.found.add(*finding);
                    return;
                }
                Err(Stop::Document(finding)) => {
                    self.found.add(*finding);
                    self.forget();
                    if !matches!(self.parser.proceed_next_document(), Ok(true)) {
                        return;
                    }
                }
            }
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(is_explicit, ..) => {
                self.budget.n_documents = less(self.budget.n_documents, span, "documents")?;
                self.forget();
                let is_first = self.documents.is_empty() && self.begin == SOURCE;
                let begin = match is_explicit {
                    true if span.column == 1 => Some(Begin {
                        start: span.start,
                        line: span.line,
                    }),
                    false if is_first => Some(SOURCE),
                    _ => None,
                };
                let begin = begin.filter(|_| !self.has_directives);
                self.document = begin.map(|begin| (begin, self.budget.n_nodes));
            }
            Event::DocumentEnd => self.end_document(),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(span)?;
                let value = match (tag, style) {
                    (Some(tag), _) => tagged(&text, &tag, span)?,
                    (None, ScalarStyle::Plain) => scalar::plain(&text),
                    (None, _) => Written::Text(text.into()),
                };
                if self.wants_key() {
                    return self.key(&value, span);
                }
                self.put(anchor, Node { span, value })?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.start(anchor, span, Inside::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, _) => {
                let inside = Inside::Map {
                    fields: Vec::new(),
                    key: None,
                    names: BTreeMap::new(),
                };
                self.start(anchor, span, inside)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            Event::Alias(id) => self.alias(id, span)?,
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, anchor: usize, span: Span, inside: Inside) -> Result<(), Stop> {
        self.count(span)?;
        if self.wants_key() {
            return Err(Stop::Document(Box::new(odd_key(span))));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Stop::Document(Box::new(too_deep(span))));
        }
        self.open.push(Open {
            anchor,
            span,
            inside,
        });
        Ok(())
    }

    fn end(&mut self, end: Span) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let (value, last) = match open.inside {
            Inside::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (Written::List(items.into()), last)
            }
            Inside::Map { fields, .. } => {
                let fields = merged(fields);
                let last = fields.last().map(|field| field.node.span.end);
                (Written::Map(fields.into()), last)
            }
        };
        // In block style the end is where the next thing starts; what counts is the last value.
        let is_flow = end.end > end.start;
        let span = Span {
            end: if is_flow {
                end.end
            } else {
                last.unwrap_or(open.span.end)
            },
            ..open.span
        };
        self.put(open.anchor, Node { span, value })
    }

    /// Puts a whole value where it belongs.
    fn put(&mut self, anchor: usize, node: Node) -> Result<(), Stop> {
        if anchor != 0 {
            self.copied(&node, 0, node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map { fields, key, .. }) => {
                if let Some((key, key_span)) = key.take() {
                    fields.push(Field {
                        key,
                        key_span,
                        node,
                    });
                }
            }
        }
        Ok(())
    }

    fn wants_key(&self) -> bool {
        let inside = self.open.last().map(|open| &open.inside);
        matches!(inside, Some(Inside::Map { key: None, .. }))
    }

    fn key(&mut self, value: &Written, span: Span) -> Result<(), Stop> {
        let name: Box<str> = match value {
            Written::Text(text) => text.clone(),
            Written::Bool(value) => value.to_string().into(),
            Written::Int(value) => value.to_string().into(),
            _ => return Err(Stop::Document(Box::new(odd_key(span)))),
        };
        let Some(Open {
            inside: Inside::Map { fields, key, names },
            ..
        }) = self.open.last_mut()
        else {
            return Ok(());
        };
        let twin = match fields.len() {
            0..FIELDS_SCANNED_MAX => {
                let twin = fields.iter().find(|field| field.key == name);
                twin.map(|field| field.key_span)
            }
            _ => {
                if names.is_empty() {
                    let spans = fields
                        .iter()
                        .map(|field| (field.key.clone(), field.key_span));
                    names.extend(spans);
                }
                names.insert(name.clone(), span)
            }
        };
        if let Some(first) = twin {
            self.flaws.push(span.start);
            self.found.add(twice(&name, span, first));
        }
        *key = Some((name, span));
        Ok(())
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        let Some(node) = self.anchors.get(&id) else {
            let finding = error(1, span, "this is not YAML")
                .label("an alias inside of what it stands for")
                .help("write out what is meant");
            return Err(Stop::Document(Box::new(finding)));
        };
        let node = Node {
            span,
            value: node.value.clone(),
        };
        self.copied(&node, self.open.len(), span)?;
        if self.wants_key() {
            return self.key(&node.value, span);
        }
        self.put(0, node)
    }

    /// Counts a value that an alias or anchor copies, with all in it.
    fn copied(&mut self, node: &Node, depth: usize, span: Span) -> Result<(), Stop> {
        let mut left = vec![(node, depth)];
        while let Some((node, depth)) = left.pop() {
            self.count(span)?;
            if depth > DEPTH_MAX {
                return Err(Stop::Document(Box::new(too_deep(span))));
            }
            let n_bytes = match &node.value {
                Written::Text(text) => text.len(),
                Written::List(items) => {
                    left.extend(items.iter().map(|item| (item, depth + 1)));
                    0
                }
                Written::Map(fields) => {
                    left.extend(fields.iter().map(|field| (&field.node, depth + 1)));
                    fields.iter().map(|field| field.key.len()).sum()
                }
                _ => 0,
            };
            let bytes_left = self.budget.n_bytes.checked_sub(n_bytes);
            self.budget.n_bytes = bytes_left
                .ok_or_else(|| Stop::Input(Box::new(too_much(span, INPUT_BYTES_MAX, "bytes"))))?;
        }
        Ok(())
    }

    fn count(&mut self, span: Span) -> Result<(), Stop> {
        self.budget.n_nodes = less(self.budget.n_nodes, span, "values")?;
        Ok(())
    }

    fn end_document(&mut self) {
        if let Some(root) = self.root.take() {
            let flaws = std::mem::take(&mut self.flaws);
            let is_small = |(_, n): &(Begin, usize)| n - self.budget.n_nodes <= REREAD_NODES_MAX;
            let again = self.document.filter(is_small).map(|(begin, _)| begin);
            self.documents.push(Document { root, flaws, again });
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.open.clear();
        self.anchors.clear();
        self.flaws.clear();
        self.root = None;
    }
}

/// A map with what its `<<` fields bring; a name that is there itself counts more.
fn merged(fields: Vec<Field>) -> Vec<Field> {
    if fields.iter().all(|field| &*field.key != "<<") {
        return fields;
    }
    let (merges, mut own): (Vec<Field>, Vec<Field>) =
        fields.into_iter().partition(|field| &*field.key == "<<");
    let mut names: BTreeSet<Box<str>> = own.iter().map(|field| field.key.clone()).collect();
    for merge in merges {
        let maps = match merge.node.value {
            Written::List(items) => items,
            _ => Box::new([merge.node]),
        };
        for map in maps {
            let Written::Map(fields) = map.value else {
                continue;
            };
            let new = fields
                .into_iter()
                .filter(|field| names.insert(field.key.clone()));
            own.extend(new);
        }
    }
    own
}

/// The value of a scalar with a tag of YAML itself, as `!!str`.
fn tagged(text: &str, tag: &Tag, span: Span) -> Result<Written, Stop> {
    match tag.core_suffix() {
        Some("str" | "binary" | "timestamp") => Ok(Written::Text(text.into())),
        Some("null" | "bool" | "int" | "float") => Ok(scalar::plain(text)),
        _ if tag.original() == "!" => Ok(Written::Text(text.into())),
        _ => {
            let finding = error(
                4,
                span,
                format!("the tag `{}` is not known", shown(&tag.original())),
            )
            .effect("nothing of this document is used")
            .help("remove the tag: the kind of an object says what type each field has");
            Err(Stop::Document(Box::new(finding)))
        }
    }
}

/// Its place is one character, or none at the end of the text: callers cut the text there.
fn not_yaml(cause: &ScanError, text: &str) -> Diagnostic {
    let at = position(cause.marker());
    let rest = text.get(at.start as usize..).unwrap_or_default();
    let n_bytes = rest.chars().next().map_or(0, char::len_utf8);
    let span = Span {
        end: at
            .start
            .saturating_add(u32::try_from(n_bytes).unwrap_or_default()),
        ..at
    };
    if matches!(cause.kind(), ErrorKind::RecursionLimitExceeded) {
        return too_deep(span);
    }
    let finding = error(1, span, "this is not YAML")
        .label(cause.info())
        .effect("nothing of this document is used");
    match cause.info().contains("tab") {
        true => finding.help("indent with spaces"),
        false => finding.help("look for what is open before it: a bracket, a quote, an indent"),
    }
}

fn odd_key(span: Span) -> Diagnostic {
    error(3, span, "the name of a field is no text")
        .effect("nothing of this document is used")
        .help("a `{` or `[` that starts a value is quoted if text is meant")
}

fn twice(name: &str, span: Span, first: Span) -> Diagnostic {
    error(2, span, format!("field `{}` is there twice", shown(name)))
        .related(at(first), "the first")
        .effect("the object is left out, because either could be meant")
        .help("remove one of the two")
}

fn too_deep(span: Span) -> Diagnostic {
    let what = format!("values are nested deeper than {DEPTH_MAX}");
    error(10, span, what)
        .effect("nothing of this document is used")
        .help("no known kind needs more than about 20 levels")
}

/// One less of what may still be read.
fn less(left: usize, span: Span, noun: &str) -> Result<usize, Stop> {
    left.checked_sub(1).ok_or_else(|| {
        let max = match noun {
            "documents" => DOCUMENTS_MAX,
            _ => NODES_MAX,
        };
        Stop::Input(Box::new(too_much(span, max, noun)))
    })
}

fn too_much(span: Span, max: usize, noun: &str) -> Diagnostic {
    error(11, span, format!("the input holds more than {max} {noun}"))
        .effect("nothing from here on is used")
        .help("aliases count as often as they are used; split the input if it is meant so")
}

fn span_of(span: &granit_parser::Span) -> Span {
    Span {
        end: offset(&span.end),
        ..position(&span.start)
    }
}

/// A span as it is in the source, of which the text is the part from `begin`, the start of a line.
fn shifted(span: Span, begin: Begin) -> Span {
    Span {
        start: span.start.saturating_add(begin.start),
        end: span.end.saturating_add(begin.start),
        line: span.line.saturating_add(begin.line - SOURCE.line),
        ..span
    }
}

fn position(marker: &Marker) -> Span {
    let start = offset(marker);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span {
        start,
        end: start,
        line: count(marker.line()),
        column: count(marker.col()).saturating_add(1),
    }
}

fn offset(marker: &Marker) -> u32 {
    let bytes = marker.byte_offset().unwrap_or_default();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
