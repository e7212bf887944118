//! PW03xx listeners and Gateways, PW04xx attachment.

use super::{Code, Entry};

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[
    Entry {
        code: Code(301),
        title: "a GatewayClass is not in the input",
        page: "The class that a Gateway names decides which controller serves it. None of the \
               files holds it. `portway run` takes such a Gateway for its own; for a cluster \
               this is a warning, because there only a class with `controllerName: \
               portway.dev/gateway-controller` makes it Portway's. Where the cluster was read, too \
               (`--kube`), it is an error: no controller takes the Gateway.",
    },
    Entry {
        code: Code(302),
        title: "a Gateway belongs to another controller",
        page: "The GatewayClass of this Gateway names another controller. Portway writes \
               nothing to it or to the routes attached to it, and opens none of its ports.",
    },
    Entry {
        code: Code(303),
        title: "parameters of a GatewayClass cannot be used",
        page: "Parameters are objects of kind GatewayConfig (`portway.dev/v1alpha1`); they say how \
               proxies run in a cluster. The `parametersRef` of this class names something else, \
               or one that does not exist. The class gets `Accepted` False with reason \
               `InvalidParameters`, and no Gateway of it is served, because serving it without \
               its parameters could be something else than was asked for. Proxies that run \
               already keep what they have.",
    },
    Entry {
        code: Code(304),
        title: "parameters of a Gateway cannot be used",
        page: "`spec.infrastructure.parametersRef` names something else than a GatewayConfig \
               (`portway.dev/v1alpha1`), or one that is not in the Gateway's namespace. The \
               Gateway gets `Accepted` False with reason `InvalidParameters`, and none of its \
               listeners is served. Proxies that run already keep what they have.",
    },
    Entry {
        code: Code(305),
        title: "a listener's protocol is not served",
        page: "Portway serves `TCP` listeners. `TLS` and `UDP` come next; `HTTP` and `HTTPS` \
               are not accepted, because accepting them without serving them would be a lie. \
               The listener gets `Accepted` False with reason `UnsupportedProtocol` and its \
               port is not opened. The Gateway stays Accepted while one listener is good.",
    },
    Entry {
        code: Code(306),
        title: "listeners of one Gateway cannot be told apart",
        page: "A connection must belong to exactly one listener. A `TCP` listener needs its \
               port for itself; `TLS`, `HTTPS` and `HTTP` listeners may share one if their \
               hostnames differ. `TCP` and `UDP` on one port are fine. All listeners that \
               cannot be told apart get `Conflicted` True and none of them is served: the \
               specification forbids to choose a winner.",
    },
    Entry {
        code: Code(307),
        title: "a listener asks for a kind of routes that it cannot take",
        page: "`allowedRoutes.kinds` lists a kind that is unknown, not supported yet, or does \
               not fit the protocol. The listener gets `ResolvedRefs` False with reason \
               `InvalidRouteKinds`; the kinds in its list that are fine still attach. Without a \
               list it takes what its protocol carries: `TCPRoute`.",
    },
    Entry {
        code: Code(308),
        title: "a type of address is not supported",
        page: "`spec.addresses` may hold entries of type `IPAddress`. For any other type the \
               Gateway gets `Accepted` False with reason `UnsupportedAddress`, and none of its \
               listeners is served.",
    },
    Entry {
        code: Code(309),
        title: "a namespace selector selects nothing",
        page: "`allowedRoutes.namespaces.from: Selector` without a `selector`, or with a \
               requirement that means nothing: `In` and `NotIn` need values, `Exists` and \
               `DoesNotExist` take none. The CRD lets both pass, so a cluster does not refuse \
               them. No route can attach. `selector: {}` selects every namespace.",
    },
    Entry {
        code: Code(310),
        title: "a listener has no route",
        page: "The listener is served, but no TCPRoute is attached to it: every connection is \
               accepted and reset at once. Attach a route, or remove the listener.",
    },
    Entry {
        code: Code(401),
        title: "a Gateway is not in the input",
        page: "A parentRef names a Gateway that none of the files holds. In a cluster it may \
               exist, so this is a warning. Nothing is written to the route's status for it. \
               Without `namespace` the route's own namespace is meant.",
    },
    Entry {
        code: Code(402),
        title: "a parentRef names something else than a Gateway",
        page: "Portway attaches TCPRoutes to Gateways. ListenerSets are not supported yet; \
               Services as parents belong to service meshes. Nothing is written to the route's \
               status for such a parentRef.",
    },
    Entry {
        code: Code(403),
        title: "a parentRef selects no listener",
        page: "A parentRef may name a listener by `sectionName`, by `port`, or by both, which \
               must then both fit. The Gateway has no such listener. The route's entry gets \
               `Accepted` False with reason `NoMatchingParent`.",
    },
    Entry {
        code: Code(404),
        title: "no listener takes the route",
        page: "The parentRef selects listeners, but none lets this route attach: their protocol \
               or `allowedRoutes.kinds` take other kinds, or `allowedRoutes.namespaces` other \
               namespaces; by default only the Gateway's own. The route's entry gets `Accepted` \
               False with reason `NotAllowedByListeners`. Where labels decide and the Namespace \
               is not in the files it is a warning, because in a cluster it may have them.",
    },
    Entry {
        code: Code(405),
        title: "an older route gets the connections",
        page: "A TCP stream has nothing to choose a route by, so of several routes on one \
               listener one gets all connections: the oldest. All are Accepted and counted in \
               `attachedRoutes`, as the specification wants; the others carry \
               `portway.dev/Active` False with reason `Superseded`, which names the winner. \
               When the winner goes, the next oldest takes over.",
    },
    Entry {
        code: Code(406),
        title: "a TCPRoute has more than one rule",
        page: "`v1alpha2` allowed 16 rules, `v1` allows one: a stream has nothing to choose a \
               rule by. The first is used, the others are dropped, and the route carries \
               `PartiallyInvalid` True, which says so.",
    },
    Entry {
        code: Code(407),
        title: "the order of input decides which route is older",
        page: "Age decides which of several routes gets a listener's connections. Objects in \
               files mostly carry no `creationTimestamp`; then the order counts: of the `-f` \
               arguments, of file names, and in the file. Any object with a creationTimestamp \
               is older than any without. In a cluster the real ages may say otherwise.",
    },
    Entry {
        code: Code(408),
        title: "a TCPRoute has no parentRefs",
        page: "A route without `spec.parentRefs` is attached to nothing and gets no \
               connections.",
    },
    Entry {
        code: Code(409),
        title: "a route is attached to listeners that are not served",
        page: "The route is Accepted, because attachment does not depend on the health of a \
               listener, but no listener that it won has an open socket: its Gateway is \
               refused, it conflicts, its port is taken, or it could not be bound. The route \
               carries `portway.dev/Active` False with reason `NotServing`. The findings at the \
               Gateway say what is wrong.",
    },
];
