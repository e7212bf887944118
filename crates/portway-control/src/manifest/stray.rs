//! Kinds that are not read but look as if they were meant to be.
//!
//! In: an object of no kind that is read. Out: what was probably meant; nothing for kinds that files
//! for Kubernetes hold anyway. Never: a guess within the core group, which is large, by more than
//! the case of letters.

use crate::api::GATEWAY_GROUP;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::found::{shown, warning};
use crate::diagnostic::guess::Guesses;
use crate::origin::Node;
use crate::schema::{KINDS, KindFacts};

/// Kinds of Gateway API's group that are no slip of the hand.
const NOT_OURS: [&str; 2] = ["HTTPRoute", "GRPCRoute"];

const EFFECT: &str = "the object is skipped, as of a kind that is not for Portway";

/// A kind that another one has taken the place of.
struct Replaced {
    group: &'static str,
    kind: &'static str,
    label: &'static str,
    effect: &'static str,
    help: &'static str,
}

const REPLACED: [Replaced; 2] = [
    Replaced {
        group: "",
        kind: "Endpoints",
        label: "EndpointSlices are read instead",
        effect: "the object is skipped: its addresses get no connections; a cluster makes \
                 EndpointSlices of it",
        help: "write an EndpointSlice of `discovery.k8s.io/v1` with the label \
               `kubernetes.io/service-name`",
    },
    Replaced {
        group: "gateway.networking.x-k8s.io",
        kind: "XListenerSet",
        label: "it became ListenerSet of `gateway.networking.k8s.io/v1`",
        effect: "the object is skipped; so are ListenerSets, which are not supported yet",
        help: "declare its listeners in the Gateway",
    },
];

/// What to say of an object that is skipped.
pub(super) fn hint(
    node: &Node,
    api_version: &str,
    kind: &str,
    guesses: &mut Guesses,
) -> Option<Diagnostic> {
    let (group, _) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    // `core` is what documentation calls the group without a name.
    let core = if group == "core" { "" } else { group };
    let mut replaced = REPLACED.iter();
    if let Some(it) = replaced.find(|it| it.group == core && it.kind == kind) {
        let finding = warning(13, span(node, "kind"), format!("{kind} is not read"));
        let finding = finding.label(it.label).effect(it.effect).help(it.help);
        return Some(finding);
    }
    if let Some(facts) = KINDS.iter().find(|facts| *facts.name == *kind) {
        return wrong_group(node, api_version, facts, guesses);
    }
    let named = |facts: &&KindFacts| facts.name.eq_ignore_ascii_case(kind);
    let guess = match group {
        GATEWAY_GROUP if NOT_OURS.contains(&kind) => return None,
        GATEWAY_GROUP | "discovery.k8s.io" => {
            let in_group = KINDS.iter().filter(|facts| *facts.group == *group);
            guesses.nearest(kind, in_group.map(|facts| &*facts.name))?
        }
        "" => KINDS.iter().find(named).map(|facts| &*facts.name)?,
        _ => return None,
    };
    let what = format!(
        "there is no kind {} in `{}`",
        shown(kind),
        shown(api_version)
    );
    let finding = warning(9, span(node, "kind"), what).effect(EFFECT);
    let finding = finding.label(format!("did you mean `{guess}`?"));
    Some(finding.help(format!("write `kind: {guess}`")))
}

/// A kind that is known, of a group that is nearly its own.
fn wrong_group(
    node: &Node,
    api_version: &str,
    facts: &KindFacts,
    guesses: &mut Guesses,
) -> Option<Diagnostic> {
    let (group, _) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let version = facts.versions.keys().next()?;
    let right = match &*facts.group {
        "" => version.to_string(),
        group => format!("{group}/{version}"),
    };
    let is_near = group.is_empty()
        || (group == "core" && facts.group.is_empty())
        || is_part_of(group, &facts.group)
        || guesses.nearest(group, [&*facts.group]).is_some();
    let what = match api_version == &*facts.group {
        true => format!("`apiVersion: {}` has no version", shown(api_version)),
        false => format!(
            "there is no kind {} in `{}`",
            facts.name,
            shown(api_version)
        ),
    };
    is_near.then(|| {
        warning(9, span(node, "apiVersion"), what)
            .label(format!("did you mean `{right}`?"))
            .effect(EFFECT)
            .help(format!("write `apiVersion: {right}`"))
    })
}

/// `gateway.networking` of `gateway.networking.k8s.io`.
fn is_part_of(part: &str, group: &str) -> bool {
    let rest = group.strip_prefix(part);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

fn span(node: &Node, field: &str) -> crate::origin::Span {
    node.field(field).map_or(node.span, |field| field.node.span)
}
