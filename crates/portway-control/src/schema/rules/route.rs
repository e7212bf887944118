//! Rules of TCPRoute (`tcproute_types.go`, `shared_types.go`, v1.7.0).
//!
//! In: views of their values. Out: flaws. Two parentRefs are of one parent if group, kind, name and
//! namespace are the same text; no namespace is not the route's own written out.

use std::collections::BTreeMap;

use super::{Flaw, Rule};
use crate::api::GATEWAY_GROUP;
use crate::schema::view::View;

pub(super) const ALL: &[Rule] = &[
    Rule {
        text: "self.all(p1, self.all(p2, p1.group == p2.group && p1.kind == p2.kind && p1.name == \
               p2.name && (((!has(p1.__namespace__) || p1.__namespace__ == '') && \
               (!has(p2.__namespace__) || p2.__namespace__ == '')) || (has(p1.__namespace__) && \
               has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__ )) ? \
               ((!has(p1.sectionName) || p1.sectionName == '') == (!has(p2.sectionName) || \
               p2.sectionName == '') && (!has(p1.port) || p1.port == 0) == (!has(p2.port) || \
               p2.port == 0)): true))",
        code: 135,
        flaws: |parents| alike(parents, &["sectionName", "port"]),
    },
    Rule {
        text: "self.all(p1, self.exists_one(p2, p1.group == p2.group && p1.kind == p2.kind && \
               p1.name == p2.name && (((!has(p1.__namespace__) || p1.__namespace__ == '') && \
               (!has(p2.__namespace__) || p2.__namespace__ == '')) || (has(p1.__namespace__) && \
               has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__ )) && \
               (((!has(p1.sectionName) || p1.sectionName == '') && (!has(p2.sectionName) || \
               p2.sectionName == '')) || ( has(p1.sectionName) && has(p2.sectionName) && \
               p1.sectionName == p2.sectionName)) && (((!has(p1.port) || p1.port == 0) && \
               (!has(p2.port) || p2.port == 0)) || (has(p1.port) && has(p2.port) && p1.port == \
               p2.port))))",
        code: 135,
        flaws: |parents| distinct(parents, &["sectionName", "port"]),
    },
    Rule {
        text: "self.all(p1, self.all(p2, p1.group == p2.group && p1.kind == p2.kind && p1.name == \
               p2.name && (((!has(p1.__namespace__) || p1.__namespace__ == '') && \
               (!has(p2.__namespace__) || p2.__namespace__ == '')) || (has(p1.__namespace__) && \
               has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__ )) ? \
               ((!has(p1.sectionName) || p1.sectionName == '') == (!has(p2.sectionName) || \
               p2.sectionName == '')) : true))",
        code: 135,
        flaws: |parents| alike(parents, &["sectionName"]),
    },
    Rule {
        text: "self.all(p1, self.exists_one(p2, p1.group == p2.group && p1.kind == p2.kind && \
               p1.name == p2.name && (((!has(p1.__namespace__) || p1.__namespace__ == '') && \
               (!has(p2.__namespace__) || p2.__namespace__ == '')) || (has(p1.__namespace__) && \
               has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__ )) && \
               (((!has(p1.sectionName) || p1.sectionName == '') && (!has(p2.sectionName) || \
               p2.sectionName == '')) || (has(p1.sectionName) && has(p2.sectionName) && \
               p1.sectionName == p2.sectionName))))",
        code: 135,
        flaws: |parents| distinct(parents, &["sectionName"]),
    },
    Rule {
        text: "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
        code: 136,
        flaws: service_has_port,
    },
    Rule {
        text: "(self.group == 'gateway.networking.x-k8s.io' && self.kind == 'XBackend') ? \
               !has(self.port) : true",
        code: 137,
        flaws: backend_has_no_port,
    },
    Rule {
        text: "self.all(l1, !has(l1.name) || self.exists_one(l2, has(l2.name) && l1.name == \
               l2.name))",
        code: 138,
        flaws: distinct_rules,
    },
];

type Parent<'a> = [Option<&'a str>; 4];

fn parent(reference: View<'_>) -> Parent<'_> {
    ["group", "kind", "name", "namespace"]
        .map(|name| reference.text(name).filter(|text| !text.is_empty()))
}

fn shown(parent: &Parent<'_>) -> String {
    let [group, kind, name, namespace] = parent.map(Option::unwrap_or_default);
    let space = if namespace.is_empty() { "" } else { "/" };
    let of = match group {
        GATEWAY_GROUP => String::new(),
        group => format!(" of group `{group}`"),
    };
    format!("{kind} `{namespace}{space}{name}`{of}")
}

/// What is written in a field that tells parentRefs apart; nothing if it is empty.
fn part(reference: View<'_>, name: &str) -> Option<String> {
    let number = reference.number(name).filter(|number| *number != 0);
    let number = number.map(|number| number.to_string());
    number.or_else(|| {
        let text = reference.text(name).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    })
}

/// Of references to one parent all set a field, or none does.
fn alike(parents: View<'_>, fields: &[&str]) -> Vec<Flaw> {
    let mut first: BTreeMap<Parent<'_>, View<'_>> = BTreeMap::new();
    let mut flaws = Vec::new();
    for (index, reference) in parents.items().into_iter().enumerate() {
        let key = parent(reference);
        let first = *first.entry(key).or_insert(reference);
        for field in fields {
            let (one, other) = (part(first, field), part(reference, field));
            if one.is_some() == other.is_some() {
                continue;
            }
            let what = format!("parentRefs name {} with and without `{field}`", shown(&key));
            let span = reference.span().unwrap_or_default();
            let label = match other {
                Some(_) => format!("with `{field}`"),
                None => format!("without `{field}`"),
            };
            let flaw = Flaw::new(span, format!("[{index}]"), what)
                .label(label)
                .related(first.span(), "the other")
                .help("give it to all of them, or keep one without: it means every listener");
            flaws.push(flaw);
        }
    }
    flaws
}

/// References to one parent differ in one of the fields.
fn distinct(parents: View<'_>, fields: &[&str]) -> Vec<Flaw> {
    let mut first: BTreeMap<(Parent<'_>, Vec<Option<String>>), View<'_>> = BTreeMap::new();
    let mut flaws = Vec::new();
    for (index, reference) in parents.items().into_iter().enumerate() {
        let parent = parent(reference);
        let parts = fields.iter().map(|field| part(reference, field)).collect();
        let key = (parent, parts);
        let Some(first) = first.get(&key) else {
            first.insert(key, reference);
            continue;
        };
        let names: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        let what = format!("two parentRefs name {}", shown(&parent));
        let flaw = Flaw::new(
            reference.span().unwrap_or_default(),
            format!("[{index}]"),
            what,
        )
        .label(format!("differs in no {}", names.join(" or ")))
        .related(first.span(), "the first")
        .help("remove one of the two");
        flaws.push(flaw);
    }
    flaws
}

fn service_has_port(reference: View<'_>) -> Vec<Flaw> {
    let is_service =
        reference.text("group") == Some("") && reference.text("kind") == Some("Service");
    if !is_service || reference.has("port") {
        return Vec::new();
    }
    let name = reference.text("name").unwrap_or_default();
    let what = format!("backendRef `{name}` has no `port`");
    let flaw = Flaw::new(reference.span_of("name"), "", what)
        .label("which port of the Service?")
        .help("add `port`: a number of `spec.ports[].port` of the Service");
    vec![flaw]
}

fn backend_has_no_port(reference: View<'_>) -> Vec<Flaw> {
    let is_backend = reference.text("group") == Some("gateway.networking.x-k8s.io")
        && reference.text("kind") == Some("XBackend");
    if !is_backend || !reference.has("port") {
        return Vec::new();
    }
    let flaw = Flaw::new(
        reference.span_of("port"),
        ".port",
        "an XBackend is named with a port",
    )
    .help("remove `port`: an XBackend says its own");
    vec![flaw]
}

fn distinct_rules(rules: View<'_>) -> Vec<Flaw> {
    let mut first = BTreeMap::new();
    let mut flaws = Vec::new();
    for (index, rule) in rules.items().into_iter().enumerate() {
        let Some(name) = rule.text("name") else {
            continue;
        };
        let span = rule.span_of("name");
        if let Some(first) = first.get(name) {
            let what = format!("two rules have the name `{name}`");
            let flaw = Flaw::new(span, format!("[{index}].name"), what);
            flaws.push(
                flaw.related(Some(*first), "the first")
                    .help("rename one of them"),
            );
        } else {
            first.insert(name, span);
        }
    }
    flaws
}
