//! Documents → objects of known kinds.
//!
//! In: the trees of one source. Out: [`Object`]s that are whole, with what is wrong with the others
//! and what is skipped. Lists are opened, whatever their kind. Never: a look at another object.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::build;
use super::parse::{self, Begin, Document};
use super::stray;
use crate::api::{
    EndpointSlice, Gateway, GatewayClass, GatewayConfig, Kind, Namespace, ReferenceGrant, Service,
    TcpRoute,
};
use crate::diagnostic::found::{Found, error, shown, warning};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::origin::{
    Given, Node, ObjectKey, Origin, Passage, Place, Source, Sourced, Span, Spans, Tree, Written,
};
use crate::schema::{Check, KINDS, KindFacts};
use crate::snapshot::LeftOut;

/// Kinds without schema facts that are named in the plans: they are skipped like any other, with
/// the word that they will not always be.
const PLANNED: [(&str, &str); 2] = [("", "Secret"), ("", "ConfigMap")];

/// What it does to traffic that only the standard channel refuses something.
const STANDARD_EFFECT: &str = "none here; a cluster with the standard channel of the CRDs does \
                               not take the object";

/// An object of any kind.
#[derive(Debug, Clone)]
pub(super) enum Object {
    GatewayClass(Arc<Sourced<GatewayClass>>),
    Gateway(Arc<Sourced<Gateway>>),
    TcpRoute(Arc<Sourced<TcpRoute>>),
    ReferenceGrant(Arc<Sourced<ReferenceGrant>>),
    Namespace(Arc<Sourced<Namespace>>),
    Service(Arc<Sourced<Service>>),
    EndpointSlice(Arc<Sourced<EndpointSlice>>),
    GatewayConfig(Arc<Sourced<GatewayConfig>>),
}

/// What the documents of one source gave, beside findings.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// Those that are whole, in order.
    pub(super) whole: Vec<Object>,
    /// Kinds that are skipped, with how often.
    pub(super) skipped: BTreeMap<String, usize>,
    /// Those that are not, as far as their names can be read.
    pub(super) left_out: Vec<(ObjectKey, LeftOut)>,
    /// Findings that hold only in a cluster.
    pub(super) for_clusters: Vec<Diagnostic>,
}

/// Reads the objects of all documents.
pub(super) fn objects(documents: Vec<Document>, source: &Source, found: &mut Found) -> Objects {
    let mut reader = Reader {
        source,
        found,
        objects: Objects::default(),
        flaws: Vec::new(),
        again: None,
    };
    for document in documents {
        reader.flaws = document.flaws;
        reader.again = document.again;
        reader.document(document.root, None);
    }
    reader.objects
}

/// What the list around an item says of it.
#[derive(Clone, Copy)]
struct Listed<'a> {
    api_version: &'a str,
    kind: &'a str,
}

struct Reader<'a> {
    source: &'a Source,
    found: &'a mut Found,
    objects: Objects,
    flaws: Vec<u32>,
    /// Where the document can be read again, while it is one object and no list of them.
    again: Option<Begin>,
}

impl Reader<'_> {
    /// Reads an object, or the items of a list.
    fn document(&mut self, node: Node, listed: Option<Listed<'_>>) {
        match &node.value {
            Written::Null => return,
            Written::Map(_) => {}
            _ => {
                let finding = error(5, node.span, "a document is no object")
                    .label("a map with `apiVersion`, `kind` and `metadata` is wanted")
                    .effect("nothing of this document is used")
                    .help("write one object a document, with `---` between; several in a `List`");
                self.found.add(finding);
                return;
            }
        }
        let api_version = node.text("apiVersion").or(listed.map(|it| it.api_version));
        let kind = node.text("kind").or(listed.map(|it| it.kind));
        let (Some(api_version), Some(kind)) = (api_version, kind) else {
            let missing = if kind.is_none() { "kind" } else { "apiVersion" };
            self.found.add(nameless(&node, missing));
            return;
        };
        let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
        if let Some(kind) = kind.strip_suffix("List") {
            let listed = Listed {
                api_version: &api_version,
                kind,
            };
            // Only a typed list says what its items are.
            self.list(node, (!kind.is_empty()).then_some(listed));
            return;
        }
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
        let facts = KINDS
            .iter()
            .find(|it| *it.name == *kind && *it.group == *group);
        match facts.and_then(|facts| facts.kind.map(|kind| (facts, kind))) {
            Some((facts, kind)) => self.known(node, facts, version, kind),
            None => self.skip(&node, &api_version, &kind),
        }
    }

    fn list(&mut self, node: Node, listed: Option<Listed<'_>>) {
        self.again = None;
        let Written::Map(fields) = node.value else {
            return;
        };
        let Some(items) = fields.into_iter().find(|field| &*field.key == "items") else {
            return;
        };
        match items.node.value {
            Written::List(items) => {
                for item in items {
                    self.document(item, listed);
                }
            }
            Written::Null => {}
            _ => {
                let finding = error(103, items.node.span, "`items` is no list")
                    .effect("nothing of this document is used")
                    .help("put `- ` before each object in it");
                self.found.add(finding);
            }
        }
    }

    fn skip(&mut self, node: &Node, api_version: &str, kind: &str) {
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let is_planned = PLANNED.contains(&(group, kind))
            || KINDS
                .iter()
                .any(|it| *it.name == *kind && *it.group == *group);
        let mut name = format!("{} {}", shown(api_version), shown(kind));
        if is_planned {
            name += ", not supported yet";
        }
        *self.objects.skipped.entry(name).or_default() += 1;
        if !is_planned
            && let Some(finding) = stray::hint(node, api_version, kind, &mut self.found.guesses)
        {
            self.found.add(finding);
        }
    }

    fn known(&mut self, node: Node, facts: &KindFacts, version: &str, kind: Kind) {
        let Some(version_facts) = facts.versions.get(version) else {
            let span = node
                .field("apiVersion")
                .map_or(node.span, |field| field.node.span);
            self.found.add(no_such_version(facts, version, span, kind));
            self.leave_out(&node, kind);
            return;
        };
        // Flaws stand in the order of the text.
        let next = self.flaws.partition_point(|at| *at < node.span.start);
        let is_flawed = self.flaws.get(next).is_some_and(|at| *at < node.span.end);
        let n_before = self.found.count();
        Check::new(self.found, effect(kind)).value(&node, &version_facts.schema);
        if is_flawed || self.found.count() > n_before {
            self.leave_out(&node, kind);
            return;
        }
        self.standard_channel(&node, facts, version);
        self.cluster_scoped(&node, kind);
        let node = Arc::new(node);
        let whole = match kind {
            Kind::GatewayClass => self.whole(kind, &node).map(Object::GatewayClass),
            Kind::Gateway => self.whole(kind, &node).map(Object::Gateway),
            Kind::TcpRoute => self.whole(kind, &node).map(Object::TcpRoute),
            Kind::ReferenceGrant => self.whole(kind, &node).map(Object::ReferenceGrant),
            Kind::Namespace => self.whole(kind, &node).map(Object::Namespace),
            Kind::Service => self.whole(kind, &node).map(Object::Service),
            Kind::EndpointSlice => self.whole(kind, &node).map(Object::EndpointSlice),
            Kind::GatewayConfig => self.whole(kind, &node).map(Object::GatewayConfig),
        };
        self.objects.whole.extend(whole);
    }

    /// Remembers that an object is there, though it is not used.
    fn leave_out(&mut self, node: &Node, kind: Kind) {
        let place = Place {
            source: Some(self.source.name.clone()),
            span: node.start(),
            field: String::new(),
        };
        let why = self.found.first_within(node.span).cloned().map(Box::new);
        let named = key(node, kind).map(|key| (key, LeftOut { place, why }));
        self.objects.left_out.extend(named);
    }

    /// An API server clears the namespace of what is cluster-scoped.
    fn cluster_scoped(&mut self, node: &Node, kind: Kind) {
        let metadata = node.field("metadata").map(|field| &field.node);
        let namespace = metadata.and_then(|metadata| metadata.field("namespace"));
        if let Some(namespace) = namespace.filter(|_| !kind.is_namespaced()) {
            let what = format!("a {} has no namespace", kind.name());
            let finding = warning(140, namespace.key_span, what)
                .label("it is cluster-scoped: there is one of its name for all namespaces")
                .effect("none: the namespace is ignored")
                .help("remove `namespace`");
            self.found.add(finding);
        }
    }

    /// What a cluster with the standard channel of the CRDs would refuse.
    fn standard_channel(&mut self, node: &Node, facts: &KindFacts, version: &str) {
        let Some(version_facts) = facts.versions.get(version) else {
            return;
        };
        if !version_facts.in_standard {
            let span = node
                .field("apiVersion")
                .map_or(node.span, |field| field.node.span);
            let what = format!(
                "the standard channel does not serve {} `{version}`",
                facts.name
            );
            let served = facts
                .versions
                .iter()
                .find(|(_, version)| version.in_standard);
            let help = served.map_or_else(String::new, |(version, _)| {
                format!("write `{}`", api_version(&facts.group, version))
            });
            let finding = warning(113, span, what).effect(STANDARD_EFFECT).help(help);
            self.objects.for_clusters.push(self.found.placed(finding));
        } else if let Some(schema) = &version_facts.standard {
            let mut found = self.found.trial();
            Check::new(&mut found, STANDARD_EFFECT).value(node, schema);
            let (findings, _) = found.into_parts();
            self.objects
                .for_clusters
                .extend(findings.into_iter().map(only_standard));
        }
    }

    fn whole<T: DeserializeOwned>(
        &mut self,
        kind: Kind,
        node: &Arc<Node>,
    ) -> Option<Arc<Sourced<T>>> {
        let key = key(node, kind)?;
        let object = match build::object(node) {
            Ok(object) => object,
            Err(cause) => {
                let finding = error(103, node.span, format!("{key} cannot be read: {cause}"))
                    .effect(effect(kind))
                    .help("its schema takes it, so this is a defect of Portway: report it");
                self.found.add(finding);
                return None;
            }
        };
        let tree = self.tree(node);
        let origin = Origin {
            source: Some(self.source.name.clone()),
            order: 0,
            spans: Spans::of(tree.clone()),
        };
        Some(Arc::new(Sourced {
            object,
            key,
            origin,
            given: Given::Written(tree),
        }))
    }

    /// What is kept of a tree.
    fn tree(&self, node: &Arc<Node>) -> Tree {
        let Some(begin) = self.again else {
            return Tree::Kept(Arc::clone(node));
        };
        let passage = Passage {
            text: Arc::clone(&self.source.text),
            start: begin.start,
            line: begin.line,
            read: parse::again,
        };
        debug_assert_eq!(parse::again(&passage).as_ref(), Some(&**node));
        Tree::Again(Arc::new(passage))
    }
}

/// What an object is called.
fn key(node: &Node, kind: Kind) -> Option<ObjectKey> {
    let metadata = &node.field("metadata")?.node;
    let namespace = match kind.is_namespaced() {
        true => metadata.text("namespace").unwrap_or("default"),
        false => "",
    };
    Some(ObjectKey {
        kind,
        namespace: namespace.into(),
        name: metadata.text("name")?.into(),
    })
}

/// What only the standard channel refuses is a warning, whatever it is.
fn only_standard(finding: Diagnostic) -> Diagnostic {
    let what = format!("the standard channel refuses this: {}", finding.what);
    let help = "install the CRDs of the experimental channel, or write what both take";
    Diagnostic {
        code: Code(112),
        severity: Severity::Warning,
        what,
        ..finding.help(help)
    }
}

fn nameless(node: &Node, missing: &str) -> Diagnostic {
    let span = node
        .fields()
        .first()
        .map_or(node.span, |field| field.key_span);
    error(6, span, format!("an object has no `{missing}`"))
        .label("what kind of object is this?")
        .effect("the object is left out")
        .help(format!("add `{missing}`, as text"))
}

fn no_such_version(facts: &KindFacts, version: &str, span: Span, kind: Kind) -> Diagnostic {
    let what = format!("{} has no version `{}`", facts.name, shown(version));
    let versions = facts.versions.keys();
    let versions: Vec<String> = versions
        .map(|version| format!("`{}`", api_version(&facts.group, version)))
        .collect();
    let newest = facts.versions.keys().next();
    let newest = newest.map(|version| api_version(&facts.group, version));
    error(8, span, what)
        .label(format!("it has {}", versions.join(" and ")))
        .effect(effect(kind))
        .help(format!(
            "write `apiVersion: {}`",
            newest.unwrap_or_default()
        ))
}

fn api_version(group: &str, version: &str) -> String {
    match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    }
}

/// What it does to traffic that an object is left out.
const fn effect(kind: Kind) -> &'static str {
    match kind {
        Kind::GatewayClass => "the GatewayClass is left out, as if it did not exist",
        Kind::Gateway => "the Gateway is left out: none of its listeners is served",
        Kind::TcpRoute => "the TCPRoute is left out: it gets no connections",
        Kind::ReferenceGrant => "the ReferenceGrant is left out: it grants nothing",
        Kind::Namespace => "the Namespace is left out: its labels are not known",
        Kind::Service => "the Service is left out: connections to it are closed right after accept",
        Kind::EndpointSlice => "the EndpointSlice is left out: its endpoints get no connections",
        Kind::GatewayConfig => "the GatewayConfig is left out, as if it did not exist",
    }
}
