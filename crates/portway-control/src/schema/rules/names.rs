//! Rules for names: keys of labels and annotations, names of Service ports.
//!
//! In: views of maps and lists. Out: flaws. Spec: `IsQualifiedName`, `IsDNS1123Subdomain` and
//! `ValidateServicePort` of Kubernetes; `Infrastructure` in `gateway_types.go`, v1.7.0.

use std::collections::BTreeMap;

use super::{Flaw, Rule};
use crate::diagnostic::found::shown;
use crate::schema::view::View;

/// Longest part of a key before its `/`, in characters, as Kubernetes has it.
const PREFIX_CHARS_MAX: usize = 253;

/// Longest part of a key after its `/`, in characters.
const NAME_CHARS_MAX: usize = 63;

pub(super) const ALL: &[Rule] = &[
    Rule {
        text: "self.all(key, key.matches(r\"\"\"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]\
               ([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$\"\"\"))",
        code: 124,
        flaws: |map| keys(map, is_key),
    },
    Rule {
        text: "self.all(key, key.split(\"/\")[0].size() < 253)",
        code: 124,
        flaws: |map| prefixes(map, PREFIX_CHARS_MAX - 1),
    },
    Rule {
        text: "self.all(key, key.split(\"/\")[0].size() <= 253)",
        code: 124,
        flaws: |map| prefixes(map, PREFIX_CHARS_MAX),
    },
    Rule {
        text: "self.all(key, key.lowerAscii().matches(r\"\"\"^([a-z0-9]([-a-z0-9]*[a-z0-9])?\
               (\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?\
               [A-Za-z0-9]$\"\"\"))",
        code: 124,
        flaws: |map| keys(map, |key| is_key(&key.to_ascii_lowercase())),
    },
    Rule {
        text: "size(self) <= 1 || self.all(p, has(p.name))",
        code: 139,
        flaws: ports_have_names,
    },
    Rule {
        text: "self.all(p1, !has(p1.name) || self.exists_one(p2, has(p2.name) && p1.name == \
               p2.name))",
        code: 139,
        flaws: distinct_ports,
    },
];

/// Whether text is labels of letters, digits and `-`, with `.` between them.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.split('.').all(|label| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        label.starts_with(inner)
            && label.ends_with(inner)
            && label.chars().all(|c| inner(c) || c == '-')
    })
}

/// Whether text is a name, or a subdomain, `/` and a name.
fn is_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let ends = |c: char| c.is_ascii_alphanumeric();
    let is_name = name.len() <= NAME_CHARS_MAX
        && name.starts_with(ends)
        && name.ends_with(ends)
        && name.chars().all(|c| ends(c) || "-_.".contains(c));
    is_name && prefix.is_none_or(is_subdomain)
}

fn keys(map: View<'_>, fits: impl Fn(&str) -> bool) -> Vec<Flaw> {
    let fields = map.fields().iter().filter(|field| !fits(&field.key));
    let flaws = fields.map(|field| {
        let what = format!(
            "`{}` cannot be the name of a label or annotation",
            field.key
        );
        Flaw::new(field.key_span, format!(".{}", shown(&field.key)), what)
            .label("a name of up to 63 letters, digits, `-`, `_` and `.` is wanted")
            .help("a domain and `/` may stand before it")
    });
    flaws.collect()
}

fn prefixes(map: View<'_>, chars_max: usize) -> Vec<Flaw> {
    let fields = map.fields().iter();
    let long = fields.filter(|field| {
        let prefix = field.key.split('/').next().unwrap_or_default();
        prefix.chars().count() > chars_max
    });
    let flaws = long.map(|field| {
        let what = "the domain in the name of a label or annotation is too long";
        Flaw::new(field.key_span, format!(".{}", shown(&field.key)), what)
            .label(format!(
                "at most {chars_max} characters may stand before the `/`"
            ))
            .help("use a shorter domain")
    });
    flaws.collect()
}

fn ports_have_names(ports: View<'_>) -> Vec<Flaw> {
    let ports = ports.items();
    if ports.len() <= 1 {
        return Vec::new();
    }
    let all = ports.into_iter().enumerate();
    let nameless = all.filter(|(_, port)| port.text("name").is_none_or(str::is_empty));
    let flaws = nameless.map(|(index, port)| {
        let what = "of several ports of a Service one has no name";
        Flaw::new(port.span_of("port"), format!("[{index}]"), what)
            .label("`name` is required when there are several")
            .help("add `name`: EndpointSlices are matched by it")
    });
    flaws.collect()
}

fn distinct_ports(ports: View<'_>) -> Vec<Flaw> {
    let mut first = BTreeMap::new();
    let mut flaws = Vec::new();
    for (index, port) in ports.items().into_iter().enumerate() {
        let Some(name) = port.text("name").filter(|name| !name.is_empty()) else {
            continue;
        };
        let span = port.span_of("name");
        if let Some(first) = first.get(name) {
            let what = format!("two ports of a Service have the name `{name}`");
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
