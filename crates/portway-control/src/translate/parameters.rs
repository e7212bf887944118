//! Parameters: what `parametersRef` of a GatewayClass or Gateway names.
//!
//! In: a reference and where it is. Out: the [`GatewayConfig`], or why it cannot be used. Never: a
//! look at what is in it; that is [`crate::provision`]'s.
//! Spec: `ParametersReference`, `LocalParametersReference`, `InvalidParameters` (v1.7.0).

use super::index::Index;
use super::plan::Refusal;
use crate::api::{GatewayConfig, GatewayConfigSpec, Kind, PORTWAY_GROUP, ParametersReference};
use crate::origin::Sourced;
use crate::status::reason;

/// What the reference names. A class lies in no namespace, so its reference must name one; a
/// Gateway's is always to its own.
pub(super) fn resolve<'a>(
    index: &Index<'a>,
    reference: &ParametersReference,
    namespace: Option<&str>,
) -> Result<&'a Sourced<GatewayConfig>, Refusal> {
    let kind = Kind::GatewayConfig.name();
    if reference.group != PORTWAY_GROUP || reference.kind != kind {
        let (named, group) = (&reference.kind, &reference.group);
        return Err(refusal(format!(
            "parametersRef names {named} `{}` of group `{group}`, only {kind} of group \
             `{PORTWAY_GROUP}` is supported",
            reference.name
        )));
    }
    let Some(namespace) = namespace.or(reference.namespace.as_deref()) else {
        let name = &reference.name;
        return Err(refusal(format!(
            "parametersRef must say in which namespace {kind} `{name}` is"
        )));
    };
    let name = reference.name.as_str();
    let found = index.gateway_configs.get(&(namespace, name));
    found
        .copied()
        .ok_or_else(|| refusal(format!("there is no {kind} `{namespace}/{name}`")))
}

/// The parameters of a Gateway over those of its class; references that resolve to nothing have
/// been refused before.
pub(super) fn of_gateway(
    index: &Index<'_>,
    gateway: &Sourced<crate::api::Gateway>,
) -> GatewayConfigSpec {
    let spec = &gateway.object.spec;
    let own = spec.infrastructure.as_ref();
    let own = own.and_then(|own| own.parameters_ref.as_ref());
    let own = own.and_then(|own| resolve(index, own, Some(&gateway.key.namespace)).ok());
    let class = index.classes.get(&("", spec.gateway_class_name.as_str()));
    let base = class.and_then(|class| class.object.spec.parameters_ref.as_ref());
    let base = base.and_then(|base| resolve(index, base, None).ok());
    let spec = |found: Option<&Sourced<GatewayConfig>>| {
        found
            .map(|found| found.object.spec.clone())
            .unwrap_or_default()
    };
    spec(own).over(spec(base))
}

fn refusal(message: String) -> Refusal {
    Refusal {
        reason: reason::INVALID_PARAMETERS,
        message,
    }
}
