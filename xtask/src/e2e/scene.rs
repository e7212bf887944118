//! What a test that failed leaves behind: the cluster goes soon after it, and with it all that tells
//! why.
//!
//! In: a place. Out: lines for whoever reads the run's log. Never: an error; what cannot be asked is
//! said to be so.

use super::place::Place;

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

/// Tells it.
pub(crate) fn tell(place: &Place<'_>) {
    for question in QUESTIONS {
        place.tell(&format!("kubectl {}", question.join(" ")));
        // The API server may be what failed: one that hangs is not waited for.
        let answer = place
            .run(&[question, &["--request-timeout=10s"]].concat())
            .unwrap_or_else(|error| format!("{error:#}"));
        let n_older = answer.lines().count().saturating_sub(N_LINES);
        for line in answer.lines().skip(n_older) {
            place.tell(&format!("  {line}"));
        }
    }
}
