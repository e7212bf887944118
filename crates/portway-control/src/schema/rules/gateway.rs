//! Rules of GatewayClass and Gateway (`gatewayclass_types.go`, `gateway_types.go`, v1.7.0).
//!
//! In: views of their values. Out: flaws.

use std::collections::BTreeMap;

use super::names::is_subdomain;
use super::{Flaw, Rule, by_list_type, transition};
use crate::schema::view::View;

pub(super) const ALL: &[Rule] = &[
    Rule {
        text: "self == oldSelf",
        code: 120,
        flaws: transition,
    },
    Rule {
        text: "self.all(a1, a1.type == 'IPAddress' && has(a1.value) ? self.exists_one(a2, a2.type \
               == a1.type && has(a2.value) && a2.value == a1.value) : true )",
        code: 121,
        flaws: |addresses| distinct_addresses(addresses, "IPAddress"),
    },
    Rule {
        text: "self.all(a1, a1.type == 'Hostname'  && has(a1.value) ? self.exists_one(a2, a2.type \
               == a1.type && has(a2.value) && a2.value == a1.value) : true )",
        code: 121,
        flaws: |addresses| distinct_addresses(addresses, "Hostname"),
    },
    Rule {
        text: "self.type == 'Hostname' ? (!has(self.value) || \
               self.value.matches(r\"\"\"^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]\
               ([-a-z0-9]*[a-z0-9])?)*$\"\"\")): true",
        code: 122,
        flaws: hostname_address,
    },
    Rule {
        text: "size(self) == 0 || self == 'Cluster' || (self.matches('^.*/.+$') && \
               !format.dns1123Subdomain().validate(self.split('/')[0]).hasValue() && \
               self.split('/')[0] != 'k8s.io' && !self.split('/')[0].endsWith('.k8s.io'))",
        code: 123,
        flaws: routability,
    },
    Rule {
        text: "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)",
        code: 127,
        flaws: no_tls,
    },
    Rule {
        text: "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode \
               == 'Terminate') : true)",
        code: 125,
        flaws: https_terminates,
    },
    Rule {
        text: "self.all(l, (l.protocol == 'TLS' ? has(l.tls) && has(l.tls.mode) && l.tls.mode != \
               '' : true))",
        code: 126,
        flaws: tls_has_mode,
    },
    Rule {
        text: "self.all(l, l.protocol in ['TCP', 'UDP']  ? (!has(l.hostname) || l.hostname == '') : \
               true)",
        code: 128,
        flaws: no_hostname,
    },
    Rule {
        text: "self.all(l1, self.exists_one(l2, l1.name == l2.name))",
        code: 110,
        flaws: by_list_type,
    },
    Rule {
        text: "self.all(l1, self.exists_one(l2, l1.port == l2.port && l1.protocol == l2.protocol && \
               (has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : \
               !has(l1.hostname) && !has(l2.hostname))))",
        code: 129,
        flaws: distinct_listeners,
    },
    Rule {
        text: "!has(self.filters) || self.protocol in ['HTTP', 'HTTPS']",
        code: 130,
        flaws: filters_are_http,
    },
    Rule {
        text: "!(has(self.externalAuth) && self.type != 'ExternalAuth')",
        code: 131,
        flaws: |filter| superfluous(filter, "type", "ExternalAuth", "externalAuth"),
    },
    Rule {
        text: "!(!has(self.externalAuth) && self.type == 'ExternalAuth')",
        code: 131,
        flaws: |filter| missing(filter, "type", "ExternalAuth", "externalAuth"),
    },
    Rule {
        text: "!(has(self.extensionRef) && self.type != 'ExtensionRef')",
        code: 131,
        flaws: |filter| superfluous(filter, "type", "ExtensionRef", "extensionRef"),
    },
    Rule {
        text: "!(!has(self.extensionRef) && self.type == 'ExtensionRef')",
        code: 131,
        flaws: |filter| missing(filter, "type", "ExtensionRef", "extensionRef"),
    },
    Rule {
        text: "self.protocol == 'GRPC' ? has(self.grpc) : true",
        code: 131,
        flaws: |auth| missing(auth, "protocol", "GRPC", "grpc"),
    },
    Rule {
        text: "has(self.grpc) ? self.protocol == 'GRPC' : true",
        code: 131,
        flaws: |auth| superfluous(auth, "protocol", "GRPC", "grpc"),
    },
    Rule {
        text: "self.protocol == 'HTTP' ? has(self.http) : true",
        code: 131,
        flaws: |auth| missing(auth, "protocol", "HTTP", "http"),
    },
    Rule {
        text: "has(self.http) ? self.protocol == 'HTTP' : true",
        code: 131,
        flaws: |auth| superfluous(auth, "protocol", "HTTP", "http"),
    },
    Rule {
        text: "self.mode == 'Terminate' ? size(self.certificateRefs) > 0 || size(self.options) > 0 \
               : true",
        code: 132,
        flaws: certificates,
    },
    Rule {
        text: "self.all(r, !(r.group == 'certificates.k8s.io' && r.kind == 'ClusterTrustBundle' && \
               has(r.namespace)))",
        code: 133,
        flaws: trust_bundles_have_no_namespace,
    },
    Rule {
        text: "self.all(t1, self.exists_one(t2, t1.port == t2.port))",
        code: 110,
        flaws: by_list_type,
    },
];

fn distinct_addresses(addresses: View<'_>, kind: &str) -> Vec<Flaw> {
    let mut first = BTreeMap::new();
    let mut flaws = Vec::new();
    for (index, address) in addresses.items().into_iter().enumerate() {
        let (Some(of), Some(value)) = (address.text("type"), address.text("value")) else {
            continue;
        };
        if of != kind {
            continue;
        }
        if let Some(first) = first.get(value) {
            let what = format!("address `{value}` is there twice");
            let flaw = Flaw::new(address.span_of("value"), format!("[{index}].value"), what);
            flaws.push(
                flaw.related(Some(*first), "the first")
                    .help("remove one of the two"),
            );
        } else {
            first.insert(value, address.span_of("value"));
        }
    }
    flaws
}

fn hostname_address(address: View<'_>) -> Vec<Flaw> {
    let (Some("Hostname"), Some(value)) = (address.text("type"), address.text("value")) else {
        return Vec::new();
    };
    // An empty value is no hostname by this rule, unlike an absent one.
    if is_subdomain(value.strip_prefix("*.").unwrap_or(value)) {
        return Vec::new();
    }
    let what = format!("`{value}` is no hostname");
    let flaw = Flaw::new(address.span_of("value"), ".value", what)
        .label("lower case letters, digits, `-` and `.` are wanted")
        .help("for an IP address leave out `type`, or write `type: IPAddress`");
    vec![flaw]
}

fn routability(routability: View<'_>) -> Vec<Flaw> {
    let Some(text) = routability.as_text() else {
        return Vec::new();
    };
    let is_prefixed = text.split_once('/').is_some_and(|(domain, rest)| {
        let is_reserved = domain == "k8s.io" || domain.ends_with(".k8s.io");
        !rest.is_empty() && domain.len() <= 253 && is_subdomain(domain) && !is_reserved
    });
    if text.is_empty() || text == "Cluster" || is_prefixed {
        return Vec::new();
    }
    let what = format!("`{text}` is no routability");
    let flaw = Flaw::new(routability.span().unwrap_or_default(), "", what)
        .label("`Cluster` or `a.domain/name` is wanted, not of `k8s.io`")
        .help("write `Cluster`, or leave `routability` out");
    vec![flaw]
}

/// The listeners that a rule refuses, each with its number.
fn listeners<'a>(
    listeners: View<'a>,
    refused: impl Fn(View<'a>, &str) -> bool,
) -> impl Iterator<Item = (usize, View<'a>, String)> {
    let all = listeners.items().into_iter().enumerate();
    all.filter_map(move |(index, listener)| {
        let protocol = listener.text("protocol")?;
        let is_refused = refused(listener, protocol);
        is_refused.then(|| {
            let name = listener.text("name").unwrap_or_default();
            let who = format!("listener `{name}` of protocol `{protocol}`");
            (index, listener, who)
        })
    })
}

fn no_tls(all: View<'_>) -> Vec<Flaw> {
    let refused = listeners(all, |listener, protocol| {
        matches!(protocol, "HTTP" | "TCP" | "UDP") && listener.has("tls")
    });
    let flaws = refused.map(|(index, listener, who)| {
        let span = listener.key_span("tls").unwrap_or_default();
        Flaw::new(span, format!("[{index}].tls"), format!("{who} has `tls`"))
            .label("this protocol is without TLS")
            .help("remove `tls`, or write `protocol: TLS`")
    });
    flaws.collect()
}

fn https_terminates(all: View<'_>) -> Vec<Flaw> {
    let refused = listeners(all, |listener, protocol| {
        let mode = listener.get("tls").and_then(|tls| tls.text("mode"));
        protocol == "HTTPS" && mode.is_some_and(|mode| !matches!(mode, "" | "Terminate"))
    });
    let flaws = refused.filter_map(|(index, listener, who)| {
        let span = listener.get("tls")?.span_of("mode");
        let what = format!("{who} does not terminate TLS");
        let flaw = Flaw::new(span, format!("[{index}].tls.mode"), what);
        Some(
            flaw.label("`Terminate` is wanted")
                .help("for streams that stay encrypted write `protocol: TLS`"),
        )
    });
    flaws.collect()
}

fn tls_has_mode(all: View<'_>) -> Vec<Flaw> {
    let refused = listeners(all, |listener, protocol| {
        let mode = listener.get("tls").and_then(|tls| tls.text("mode"));
        protocol == "TLS" && mode.is_none_or(str::is_empty)
    });
    let flaws = refused.map(|(index, listener, who)| {
        let span = listener.span_of("protocol");
        Flaw::new(span, format!("[{index}]"), format!("{who} has no `tls`"))
            .label("what happens with TLS?")
            .help("add `tls: {mode: Passthrough}`, or `tls` with `certificateRefs`")
    });
    flaws.collect()
}

fn no_hostname(all: View<'_>) -> Vec<Flaw> {
    let refused = listeners(all, |listener, protocol| {
        let hostname = listener.text("hostname");
        matches!(protocol, "TCP" | "UDP") && hostname.is_some_and(|name| !name.is_empty())
    });
    let flaws = refused.map(|(index, listener, who)| {
        let span = listener.span_of("hostname");
        let what = format!("{who} has a `hostname`");
        Flaw::new(span, format!("[{index}].hostname"), what)
            .label("nothing in such a stream names a host")
            .help("remove `hostname`; `spec.addresses` says where to listen")
    });
    flaws.collect()
}

fn distinct_listeners(all: View<'_>) -> Vec<Flaw> {
    let mut first = BTreeMap::new();
    let mut flaws = Vec::new();
    for (index, listener) in all.items().into_iter().enumerate() {
        let hostname = listener.text("hostname");
        let key = (listener.number("port"), listener.text("protocol"), hostname);
        let (Some(port), Some(protocol), _) = key else {
            continue;
        };
        let Some(first) = first.get(&key) else {
            first.insert(key, listener.span_of("port"));
            continue;
        };
        let host = hostname.map_or_else(String::new, |name| format!(" and hostname `{name}`"));
        let what = format!("two listeners have port {port}, protocol `{protocol}`{host}");
        let flaw = Flaw::new(listener.span_of("port"), format!("[{index}].port"), what)
            .related(Some(*first), "the first")
            .help("give each a port of its own; several routes may attach to one listener");
        flaws.push(flaw);
    }
    flaws
}

fn filters_are_http(listener: View<'_>) -> Vec<Flaw> {
    let protocol = listener.text("protocol").unwrap_or_default();
    if !listener.has("filters") || matches!(protocol, "HTTP" | "HTTPS") {
        return Vec::new();
    }
    let span = listener.key_span("filters").unwrap_or_default();
    let what = format!("a listener of protocol `{protocol}` has `filters`");
    let flaw = Flaw::new(span, ".filters", what)
        .label("only `HTTP` and `HTTPS` have requests to filter")
        .help("remove `filters`");
    vec![flaw]
}

/// A field that belongs to another type.
fn superfluous(of: View<'_>, by: &str, value: &str, field: &str) -> Vec<Flaw> {
    if !of.has(field) || of.text(by) == Some(value) {
        return Vec::new();
    }
    let span = of.key_span(field).unwrap_or_default();
    let what = format!("`{field}` is only for `{by}: {value}`");
    let written = of.text(by).unwrap_or_default();
    let flaw = Flaw::new(span, format!(".{field}"), what).label(format!("`{by}` is `{written}`"));
    vec![flaw.help("remove the field, or change the other")]
}

/// A field that a type needs.
fn missing(of: View<'_>, by: &str, value: &str, field: &str) -> Vec<Flaw> {
    if of.has(field) || of.text(by) != Some(value) {
        return Vec::new();
    }
    let what = format!("`{by}: {value}` needs `{field}`");
    let flaw = Flaw::new(of.span_of(by), format!(".{by}"), what);
    let flaw = flaw.label(format!("there is no `{field}`"));
    vec![flaw.help("add that field, or change the type")]
}

fn certificates(tls: View<'_>) -> Vec<Flaw> {
    let has_any = tls.size("certificateRefs") > 0 || tls.size("options") > 0;
    if has_any || tls.text("mode") != Some("Terminate") {
        return Vec::new();
    }
    let what = "TLS is terminated without a certificate";
    let flaw = Flaw::new(tls.span_of("mode"), "", what)
        .label("`certificateRefs` or `options` are wanted")
        .help("add `certificateRefs`, or write `mode: Passthrough`; the default is `Terminate`");
    vec![flaw]
}

fn trust_bundles_have_no_namespace(references: View<'_>) -> Vec<Flaw> {
    let all = references.items().into_iter().enumerate();
    let flaws = all.filter_map(|(index, reference)| {
        let is_bundle = reference.text("group") == Some("certificates.k8s.io")
            && reference.text("kind") == Some("ClusterTrustBundle");
        if !is_bundle || !reference.has("namespace") {
            return None;
        }
        let span = reference.span_of("namespace");
        let what = "a ClusterTrustBundle lives in no namespace";
        let flaw = Flaw::new(span, format!("[{index}].namespace"), what);
        Some(flaw.help("remove `namespace`"))
    });
    flaws.collect()
}
