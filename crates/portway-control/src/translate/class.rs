//! GatewayClasses: which are ours, and whose a Gateway is.
//!
//! In: the [`Index`]. Out: a [`Class`] for every class, statuses of ours. Never: a word about the
//! classes of other controllers. Spec: `gatewayclass_types.go`, spec of `parametersRef` (v1.7.0).

use std::collections::BTreeMap;

use super::index::Index;
use super::parameters;
use super::plan::Refusal;
use super::report::{Report, error, note, warning};
use crate::api::{Gateway, GatewayClass};
use crate::origin::Sourced;
use crate::snapshot::{Bundle, ClusterFacts, Coverage, Snapshot, Target};
use crate::status::SupportedFeature;
use crate::status::reason::{self, kind};
use crate::status::{Condition, ConditionStatus, GatewayClassStatus, Status, Statuses};

/// The Gateway API we are written for.
pub(super) const BUNDLE_VERSION: &str = "v1.7.0";

/// What every target supports, sorted; each has golden cases.
const FEATURES: [&str; 3] = ["Gateway", "ReferenceGrant", "TCPRoute"];

/// What this host supports besides: `spec.addresses` are bound as they are given.
const HOST_FEATURES: [&str; 2] = ["GatewayAddressEmpty", "GatewayStaticAddresses"];

/// What a cluster supports besides: `spec.addresses` go into the Service of a Gateway, labels and
/// annotations of `spec.infrastructure` onto all that is provisioned.
const CLUSTER_FEATURES: [&str; 3] = [
    "GatewayAddressEmpty",
    "GatewayInfrastructure",
    "GatewayStaticAddresses",
];

/// Whose a class is.
#[derive(Debug)]
pub(super) enum Class<'a> {
    /// Ours; refused if we cannot do what it asks for.
    Ours(Option<Refusal>),
    /// The controller it belongs to.
    Foreign(&'a str),
}

/// Judges every class, and says what is wrong with ours.
pub(super) fn judge<'a>(index: &Index<'a>, report: &mut Report) -> BTreeMap<&'a str, Class<'a>> {
    let ours = &*index.snapshot.controller_name;
    let judged = index.classes.iter().map(|((_, name), source)| {
        let controller = source.object.spec.controller_name.as_str();
        if controller == ours {
            (*name, Class::Ours(refusal(index, source, report)))
        } else {
            (*name, Class::Foreign(controller))
        }
    });
    judged.collect()
}

fn refusal(
    index: &Index<'_>,
    source: &Sourced<GatewayClass>,
    report: &mut Report,
) -> Option<Refusal> {
    let reference = source.object.spec.parameters_ref.as_ref()?;
    let refusal = parameters::resolve(index, reference, None).err()?;
    report.add(
        error(
            303,
            source.origin.place("spec.parametersRef"),
            format!("{} refers to parameters that cannot be used", source.key),
        )
        .label(refusal.message.clone())
        .effect("no Gateway of this class is served")
        .help("name a GatewayConfig of group `portway.dev`, or remove `parametersRef`"),
    );
    Some(refusal)
}

/// Whether a Gateway is ours; if so, why its class is refused, if it is.
pub(super) fn of_gateway(
    index: &Index<'_>,
    classes: &BTreeMap<&str, Class<'_>>,
    gateway: &Sourced<Gateway>,
    report: &mut Report,
) -> Option<Option<Refusal>> {
    let name = gateway.object.spec.gateway_class_name.as_str();
    let place = || gateway.origin.place("spec.gatewayClassName");
    match classes.get(name) {
        Some(Class::Ours(None)) => Some(None),
        Some(Class::Ours(Some(refusal))) => {
            report_refused(index, name, gateway, report);
            Some(Some(Refusal {
                reason: refusal.reason,
                message: format!("GatewayClass `{name}` is not accepted: {}", refusal.message),
            }))
        }
        Some(Class::Foreign(controller)) => {
            let what = format!("{} belongs to another controller", gateway.key);
            let mut found = note(302, place(), what)
                .label(format!("controlled by `{controller}`"))
                .effect("Portway leaves it and its routes alone");
            let ours = &index.snapshot.controller_name;
            let otherwise = || format!("fine, unless it is meant to be Portway's: `{ours}`");
            let guess = report.guess(controller, [&**ours]);
            found.help = guess.or_else(|| Some(otherwise()));
            report.add(found);
            None
        }
        None if index.snapshot.target == Target::Standalone => Some(None),
        // All classes of the cluster are known: this one may come yet, and be anybody's.
        None if index.snapshot.facts.cluster.is_some() => None,
        None if index.snapshot.facts.coverage == Coverage::Whole => {
            let guess = report.guess(name, classes.keys().copied());
            let what = format!("there is no GatewayClass `{name}`");
            report.add(
                error(301, place(), what)
                    .label(index.absent())
                    .effect(format!("no controller takes {}", gateway.key))
                    .help(guess.unwrap_or_else(|| "name a class that is there".to_owned())),
            );
            None
        }
        None => {
            let guess = report.guess(name, classes.keys().copied());
            let ours = &index.snapshot.controller_name;
            let otherwise = format!("a class with `controllerName: {ours}` makes it Portway's");
            report.add(
                warning(301, place(), format!("there is no GatewayClass `{name}`"))
                    .label("not in the input")
                    .effect("taken for Portway's here; in a cluster its class decides")
                    .help(guess.unwrap_or(otherwise)),
            );
            Some(None)
        }
    }
}

fn report_refused(index: &Index<'_>, class: &str, gateway: &Sourced<Gateway>, report: &mut Report) {
    let place = gateway.origin.place("spec.gatewayClassName");
    let what = format!("GatewayClass `{class}` is not accepted");
    let mut found = error(303, place, what)
        .label("refers to parameters that cannot be used")
        .effect(format!("no listener of {} is served", gateway.key))
        .help("what is said of the class tells why; mend it, or name another class");
    if let Some(class) = index.classes.get(&("", class)) {
        found = found.related(class.origin.place("spec.parametersRef"), "its parameters");
    }
    report.add(found);
}

/// Statuses of the classes that are ours.
pub(super) fn statuses(index: &Index<'_>, classes: &BTreeMap<&str, Class<'_>>) -> Statuses {
    let mut statuses = Statuses::new();
    for ((_, name), source) in &index.classes {
        if let Some(Class::Ours(refusal)) = classes.get(name) {
            let status = status(source, refusal.as_ref(), index.snapshot);
            statuses.insert(source.key.clone(), Status::GatewayClass(status));
        }
    }
    statuses
}

fn status(
    source: &Sourced<GatewayClass>,
    refusal: Option<&Refusal>,
    snapshot: &Snapshot,
) -> GatewayClassStatus {
    let generation = source.object.metadata.generation();
    let accepted = match refusal {
        None => (ConditionStatus::True, reason::ACCEPTED, "served by Portway"),
        Some(refusal) => (
            ConditionStatus::False,
            refusal.reason,
            refusal.message.as_str(),
        ),
    };
    let version = version(snapshot.facts.cluster.as_ref());
    let more: &[&str] = match snapshot.target {
        Target::Standalone => &HOST_FEATURES,
        Target::Cluster => &CLUSTER_FEATURES,
    };
    let mut features: Vec<SupportedFeature> = FEATURES
        .iter()
        .chain(more)
        .map(|name| SupportedFeature {
            name: (*name).to_owned(),
        })
        .collect();
    features.sort();
    GatewayClassStatus {
        conditions: vec![
            Condition::new(
                kind::ACCEPTED,
                accepted.0,
                accepted.1,
                accepted.2.to_owned(),
                generation,
            ),
            Condition::new(
                kind::SUPPORTED_VERSION,
                version.0,
                version.1,
                version.2,
                generation,
            ),
        ],
        supported_features: features,
    }
}

/// Whether the installed CRDs are those we know. Others are read as well as they can be.
fn version(cluster: Option<&ClusterFacts>) -> (ConditionStatus, &'static str, String) {
    let read_as = format!("read as Gateway API {BUNDLE_VERSION}");
    let Some(facts) = cluster else {
        return (ConditionStatus::True, reason::SUPPORTED_VERSION, read_as);
    };
    let minor = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
    let Bundle { version, channel } = &facts.bundle;
    // The experimental ones hold kinds and fields that the standard ones do not.
    let channel = channel.as_ref().map(|it| format!(" ({it} channel)"));
    let channel = channel.unwrap_or_default();
    match version {
        Some(installed) if minor(installed) == minor(BUNDLE_VERSION) => {
            let message = format!("the CRDs are Gateway API {installed}{channel}");
            (ConditionStatus::True, reason::SUPPORTED_VERSION, message)
        }
        installed => {
            let installed = installed
                .as_deref()
                .unwrap_or("of a version that is not said");
            let message = format!("the CRDs are Gateway API {installed}{channel}, {read_as}");
            (ConditionStatus::False, reason::UNSUPPORTED_VERSION, message)
        }
    }
}
