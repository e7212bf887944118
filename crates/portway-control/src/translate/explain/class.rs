//! Whose a Gateway is: what its class says.

use super::{Story, Verdict};
use crate::api::Gateway;
use crate::origin::Sourced;
use crate::snapshot::{Coverage, Target};
use crate::translate::Decided;
use crate::translate::class::Class;

/// Whose a Gateway is.
pub(super) fn tell_class(
    story: &mut Story,
    depth: u8,
    decided: &Decided<'_>,
    source: &Sourced<Gateway>,
) {
    let name = source.object.spec.gateway_class_name.as_str();
    let (verdict, what) = match decided.classes.get(name) {
        Some(Class::Ours(None)) => (Verdict::Yes, format!("its class `{name}` is Portway's")),
        Some(Class::Ours(Some(refusal))) => {
            let why = &refusal.message;
            let what = format!("its class `{name}` is Portway's, but not accepted: {why}");
            (Verdict::No, what)
        }
        Some(Class::Foreign(controller)) => {
            let what = format!("its class `{name}` belongs to controller `{controller}`");
            (Verdict::No, what)
        }
        None if decided.index.snapshot.facts.coverage == Coverage::Whole
            && decided.index.snapshot.target == Target::Cluster =>
        {
            let what = format!("there is no GatewayClass `{name}`: no controller takes it");
            (Verdict::No, what)
        }
        None => {
            let taken = match decided.index.snapshot.target {
                Target::Standalone => "on a host that counts as Portway's",
                Target::Cluster => "taken for Portway's here; in a cluster its class decides",
            };
            let what = format!("its class `{name}` is not in the input: {taken}");
            (Verdict::Fact, what)
        }
    };
    let place = source.origin.place("spec.gatewayClassName");
    story.tell(depth, verdict, what, place);
}
