//! PW02xx: references, grants, Services, endpoints.

use super::{Code, Entry};

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[
    Entry {
        code: Code(201),
        title: "a backendRef names a kind that a TCPRoute cannot send to",
        page: "A `backendRef` of a TCPRoute names a Service: `group` empty, `kind: Service`, \
               which are also the defaults. Any other kind is invalid: the route stays \
               Accepted, `ResolvedRefs` is False with reason `InvalidKind`, and the share of \
               this backend is accepted and reset at once, so that the shares of the others \
               stay true. Put a Service in front of what is meant, or remove the reference.",
    },
    Entry {
        code: Code(202),
        title: "a reference into another namespace is not granted",
        page: "Who owns a namespace decides who may send traffic into it. A `backendRef` to a \
               Service of another namespace needs a ReferenceGrant *in that namespace*, `from` \
               group `gateway.networking.k8s.io`, kind `TCPRoute` and the route's namespace, \
               `to` kind `Service`, with or without its name. Without one `ResolvedRefs` is \
               False with reason `RefNotPermitted`, whether the Service exists or not, and the \
               backend's share is accepted and reset. Removing a grant takes the access away \
               again.",
    },
    Entry {
        code: Code(203),
        title: "a Service has no such port, or none is named",
        page: "`backendRef.port` is a port number of the Service (`spec.ports[].port`), not the \
               `targetPort` of its Pods. The Service that is named has other ports. \
               `ResolvedRefs` is False with reason `BackendNotFound`, and the backend's share \
               is accepted and reset. The message lists the ports that there are.",
    },
    Entry {
        code: Code(204),
        title: "a Service is not in the input",
        page: "A `backendRef` names a Service that none of the files holds. In a cluster it may \
               exist, so this is a warning; `--strict` makes it fail. Statuses and traffic are \
               as if the Service did not exist: `ResolvedRefs` is False with reason \
               `BackendNotFound`, and the backend's share is accepted and reset. Check the \
               spelling and the namespace: without `namespace` the route's own is meant.",
    },
    Entry {
        code: Code(205),
        title: "an ExternalName Service is refused",
        page: "A Service of type ExternalName is a DNS name that its namespace chose. Following \
               it would lend the gateway's place in the network to whoever can write Services \
               (CVE-2021-25740), so it is refused: `ResolvedRefs` is False with reason \
               `UnsupportedValue`, and the backend's share is accepted and reset. Use a Service \
               without selector and an EndpointSlice with the addresses; on a host the slice \
               may have `addressType: FQDN`.",
    },
    Entry {
        code: Code(206),
        title: "a Service port is not TCP",
        page: "The port that the `backendRef` names exists, but its protocol is UDP or SCTP, \
               and a TCPRoute carries TCP streams. `ResolvedRefs` is False with reason \
               `UnsupportedProtocol`, and the backend's share is accepted and reset. Name a TCP \
               port, or set the Service port's `protocol` right.",
    },
    Entry {
        code: Code(208),
        title: "a Service has no endpoint that may be used",
        page: "The Service and its port exist, but no EndpointSlice gives an address for it: \
               there is no slice, no slice has a port of that *name*, or no endpoint is ready. \
               `ResolvedRefs` stays True, as the specification wants; the backend's share is \
               accepted and reset until an endpoint appears. Slices belong to a Service by \
               their label `kubernetes.io/service-name`, and their ports are matched by name \
               and protocol. Endpoints that are not ready but terminating and still serving are \
               used when no other is ready. A table holds a bounded number of endpoints; a \
               backend that finds no room is told so. In a cluster the slices of a Service with \
               a selector come from its Pods, so their absence from files is only a note there.",
    },
    Entry {
        code: Code(210),
        title: "an EndpointSlice belongs to no Service",
        page: "An EndpointSlice is found by its label `kubernetes.io/service-name`. Without \
               that label nothing leads to it and its endpoints get no connections.",
    },
    Entry {
        code: Code(211),
        title: "a cluster does not resolve the names of endpoints",
        page: "An EndpointSlice with `addressType: FQDN` holds names. `portway run` resolves \
               them on its host; in a cluster they are ignored, because what such a name means \
               there is not defined.",
    },
    Entry {
        code: Code(212),
        title: "the name of an endpoint has no address yet",
        page: "`portway run` resolves the names in slices with `addressType: FQDN`, and again \
               when their time to live is over; the last good answer is kept. This one has no \
               answer so far, so the endpoint gets no connections. `portway check` and the \
               start with `--strict` resolve nothing: there it is a note, and what the name will \
               give counts as an endpoint.",
    },
    Entry {
        code: Code(213),
        title: "a cluster refuses the address of an endpoint",
        page: "An API server takes no loopback, link-local or unspecified address in an \
               EndpointSlice: from another machine it would mean that other machine. On a host \
               such addresses are fine and common, so this is said for clusters only.",
    },
    Entry {
        code: Code(214),
        title: "an endpoint's address is not of its slice's type",
        page: "All addresses of an EndpointSlice are of its `addressType`. One that is not an \
               address of that family, or no name for `FQDN`, is skipped; the others of the slice \
               are used. Only the first address of an endpoint counts. An API server refuses the \
               slice, for any of its addresses.",
    },
    Entry {
        code: Code(215),
        title: "all weights of a route are 0",
        page: "A backend with weight 0 gets no connections; when that is so for all of them, \
               every connection to the route is accepted and reset at once, as the \
               specification wants.",
    },
    Entry {
        code: Code(216),
        title: "an EndpointSlice names a Service that is not in the input",
        page: "The label `kubernetes.io/service-name` of the slice names a Service that none of \
               the files holds, or one that is left out for what is wrong with it. Routes refer to \
               Services, so nothing leads to these endpoints.",
    },
    Entry {
        code: Code(217),
        title: "a drain cannot be understood",
        page: "The annotation `portway.dev/drain` of a TCPRoute or a Service says what open \
               connections get whose endpoint, backend or route is taken away: `keep` (all the \
               time they want; also without the annotation), `now`, or `spread=` and a time, \
               over which their ends are spread. Times are written as in Gateway API: one to \
               four numbers with `h`, `m`, `s` or `ms`, such as `1m30s`, a day at most. Anything \
               else is taken for `keep`.",
    },
    Entry {
        code: Code(218),
        title: "a port of an EndpointSlice is 0",
        page: "An API server does not look at the numbers of ports in an EndpointSlice, so it \
               takes this, but nothing can be connected to at port 0. Such a port is skipped, as \
               one without a number; other ports and slices are used.",
    },
    Entry {
        code: Code(219),
        title: "an annotation of Portway's is not known here",
        page: "Portway reads one annotation: `portway.dev/drain` of TCPRoutes and Services \
               (PW0217). Another name, or that one on an object of another kind, does nothing.",
    },
];
