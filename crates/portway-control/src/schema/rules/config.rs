//! Rules of GatewayConfig (`deploy/helm/portway/crds/gatewayconfigs.yaml`).
//!
//! In: views of its parts. Out: flaws. An API server would refuse what is made of them only later: a
//! HorizontalPodAutoscaler, a PodDisruptionBudget.

use super::{Flaw, Rule};
use crate::schema::view::View;

pub(super) const ALL: &[Rule] = &[
    Rule {
        text: "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
        code: 141,
        flaws: fewest_is_no_more_than_most,
    },
    Rule {
        text: "!has(self.minAvailable) || !has(self.maxUnavailable)",
        code: 141,
        flaws: one_number,
    },
];

fn fewest_is_no_more_than_most(autoscaling: View<'_>) -> Vec<Flaw> {
    let (least, most) = ("minReplicas", "maxReplicas");
    let (Some(min), Some(max)) = (autoscaling.number(least), autoscaling.number(most)) else {
        return Vec::new();
    };
    if min <= max {
        return Vec::new();
    }
    let what = format!("`{least}` is {min}, and `{most}` {max}");
    let flaw = Flaw::new(autoscaling.span_of(least), format!(".{least}"), what)
        .related(Some(autoscaling.span_of(most)), "the most")
        .help("raise `maxReplicas`");
    vec![flaw]
}

fn one_number(budget: View<'_>) -> Vec<Flaw> {
    let (stay, go) = ("minAvailable", "maxUnavailable");
    if !budget.has(stay) || !budget.has(go) {
        return Vec::new();
    }
    let what = format!("`{stay}` and `{go}` exclude each other");
    let flaw = Flaw::new(budget.span_of(go), format!(".{go}"), what)
        .related(Some(budget.span_of(stay)), "the other")
        .help("remove one of the two");
    vec![flaw]
}
