//! What a test that failed leaves behind: the cluster goes soon after it, and with it all that tells
//! why.
//!
//! In: a place. Out: lines for whoever reads the run's log. Never: an error; what cannot be asked is
//! said to be so.

use super::place::Place;
use crate::install::NAMESPACE;

/// Lines that are kept of what is said at length.
const N_LINES: usize = 25;

/// What is asked, about the namespace of the test or about all.
const QUESTIONS: [&[&str]; 5] = [
    &[
        "get",
        "gateways,tcproutes,services,endpointslices,deployments",
        "--output=wide",
    ],
    &["get", "pods", "--all-namespaces", "--output=wide"],
    &[
        "get",
        "pods",
        "--output=custom-columns=NAME:.metadata.name,STARTED:.status.containerStatuses[0].state,\
         RESTARTS:.status.containerStatuses[0].restartCount,\
         READY:.status.conditions[?(@.type==\"Ready\")].lastTransitionTime",
    ],
    &["get", "events", "--sort-by=.lastTimestamp"],
    &[
        "logs",
        "--selector=gateway.networking.k8s.io/gateway-name",
        "--prefix",
        "--tail=15",
    ],
];

/// What is asked about the controllers; how the run before ended is in the last state.
const OF_CONTROLLERS: [&[&str]; 3] = [
    &[
        "get",
        "pods,leases",
        "--output=custom-columns=NAME:.metadata.name,DELETED:.metadata.deletionTimestamp,\
         HOLDER:.spec.holderIdentity,RENEWED:.spec.renewTime,\
         STATE:.status.containerStatuses[0].state,LAST:.status.containerStatuses[0].lastState",
    ],
    &[
        "logs",
        "--selector=app.kubernetes.io/component=controller",
        "--prefix",
        "--tail=15",
    ],
    &["get", "events", "--sort-by=.lastTimestamp"],
];

/// Tells it.
pub(crate) fn tell(place: &Place<'_>) {
    let its_own = QUESTIONS.iter().map(|it| (place.namespace.as_str(), it));
    let of_controllers = OF_CONTROLLERS.iter().map(|it| (NAMESPACE, it));
    for (namespace, question) in its_own.chain(of_controllers) {
        place.tell(&format!("kubectl -n {namespace} {}", question.join(" ")));
        let namespace = format!("--namespace={namespace}");
        // The API server may be what failed: one that hangs is not waited for.
        let bounds = [namespace.as_str(), "--request-timeout=10s"];
        let answer = place
            .kubectl
            .run(&[question, &bounds[..]].concat())
            .unwrap_or_else(|error| format!("{error:#}"));
        let n_older = answer.lines().count().saturating_sub(N_LINES);
        for line in answer.lines().skip(n_older) {
            place.tell(&format!("  {line}"));
        }
    }
}
