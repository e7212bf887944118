//! Which namespaces a listener takes routes from.
//!
//! In: `allowedRoutes.namespaces` and the Namespaces. Out: yes, or why not. Never: kinds or ports.
//! Spec: `RouteNamespaces` (`gateway_types.go`, v1.7.0); `metav1.LabelSelector`: every requirement
//! must hold; `NotIn` and `DoesNotExist` hold for a label that is not there.

use std::collections::BTreeMap;

use super::index::Index;
use super::plan::GatewayPlan;
use super::report::{Report, error, warning};
use crate::api::{From, LabelSelector, LabelSelectorRequirement, RouteNamespaces};
use crate::limits::SELECTOR_REQUIREMENTS_MAX;

/// The label that every Namespace has, listed or not.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Whether routes from a namespace may attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    /// `from: Same`, and it is another.
    OtherNamespace,
    /// The labels do not match.
    LabelsDiffer,
    /// The labels do not match, but the Namespace is not in the input, so they may in a cluster.
    LabelsUnknown,
}

/// Judges routes of `namespace` at a listener of a Gateway in `gateway_namespace`.
pub(super) fn admit(
    index: &Index<'_>,
    allowed: &RouteNamespaces,
    gateway_namespace: &str,
    namespace: &str,
) -> Admission {
    match allowed.from {
        From::All => Admission::Admitted,
        From::Same if namespace == gateway_namespace => Admission::Admitted,
        From::Same => Admission::OtherNamespace,
        From::Selector => {
            let source = index.namespaces.get(&("", namespace));
            let labels = source.map(|source| &source.object.metadata.labels);
            match (&allowed.selector, labels) {
                (Some(selector), _) if matches(selector, namespace, labels) => Admission::Admitted,
                (Some(_), None) => Admission::LabelsUnknown,
                _ => Admission::LabelsDiffer,
            }
        }
    }
}

fn matches(
    selector: &LabelSelector,
    namespace: &str,
    labels: Option<&BTreeMap<String, String>>,
) -> bool {
    let label = |key: &str| match key {
        NAME_LABEL => Some(namespace),
        _ => labels
            .and_then(|labels| labels.get(key))
            .map(String::as_str),
    };
    let mut wanted = selector.match_labels.iter();
    !is_too_long(selector)
        && wanted.all(|(key, value)| label(key) == Some(value))
        && selector.match_expressions.iter().all(|requirement| {
            problem(requirement).is_none() && holds(requirement, label(&requirement.key))
        })
}

/// Every requirement is looked at for every route, so their number must be bounded.
fn is_too_long(selector: &LabelSelector) -> bool {
    let n_requirements = selector.match_labels.len() + selector.match_expressions.len();
    n_requirements > SELECTOR_REQUIREMENTS_MAX
}

fn holds(requirement: &LabelSelectorRequirement, value: Option<&str>) -> bool {
    let listed = value.is_some_and(|value| requirement.values.iter().any(|one| one == value));
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        _ => value.is_none(),
    }
}

/// What makes a requirement meaningless; the CRD does not check it, so a cluster takes it too.
fn problem(requirement: &LabelSelectorRequirement) -> Option<&'static str> {
    match (requirement.operator.as_str(), requirement.values.is_empty()) {
        ("In" | "NotIn", true) => Some("`In` and `NotIn` need values"),
        ("Exists" | "DoesNotExist", false) => Some("`Exists` and `DoesNotExist` take no values"),
        ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => None,
        _ => Some("operators are `In`, `NotIn`, `Exists` and `DoesNotExist`"),
    }
}

/// Says which selectors can select nothing.
pub(super) fn check(gateways: &[GatewayPlan<'_>], report: &mut Report) {
    for gateway in gateways {
        for listener in &gateway.listeners {
            let allowed = &listener.spec.allowed_routes.namespaces;
            if allowed.from == From::Selector {
                check_selector(gateway, listener.index, allowed, report);
            }
        }
    }
}

fn check_selector(
    gateway: &GatewayPlan<'_>,
    index: usize,
    allowed: &RouteNamespaces,
    report: &mut Report,
) {
    const FIELD: &str = ".allowedRoutes.namespaces";
    let effect = "no route can attach to this listener";
    let Some(selector) = &allowed.selector else {
        let what = "`from: Selector` has no `selector`";
        report.add(
            warning(309, gateway.listener_place(index, FIELD), what)
                .label("selects no namespace")
                .effect(effect)
                .help("add a `selector`; `selector: {}` selects every namespace"),
        );
        return;
    };
    if is_too_long(selector) {
        let what = format!("a selector may have {SELECTOR_REQUIREMENTS_MAX} requirements");
        report.add(
            error(309, gateway.listener_place(index, FIELD), what)
                .label("selects no namespace")
                .effect(effect),
        );
        return;
    }
    for (at, requirement) in selector.match_expressions.iter().enumerate() {
        let Some(problem) = problem(requirement) else {
            continue;
        };
        let field = format!("{FIELD}.selector.matchExpressions[{at}]");
        let what = format!(
            "the requirement on label `{}` means nothing",
            requirement.key
        );
        report.add(
            error(309, gateway.listener_place(index, &field), what)
                .label("selects no namespace")
                .effect(effect)
                .help(problem),
        );
    }
}
