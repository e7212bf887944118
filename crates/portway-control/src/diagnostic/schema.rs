//! PW01xx: schema bounds and CEL rules.

use super::{Code, Entry};

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[
    Entry {
        code: Code(101),
        title: "a required field is missing",
        page: "The API requires this field; an API server refuses the object without it. Fields \
               with a default may be left out, and a field whose value is null counts as \
               absent.",
    },
    Entry {
        code: Code(102),
        title: "a field is not known",
        page: "The API has no field of this name here: it is misspelt, or indented too far or \
               too little, or from another version. `kubectl apply` refuses it too. Portway \
               leaves the object out rather than guess what was meant.",
    },
    Entry {
        code: Code(103),
        title: "a value has the wrong type",
        page: "Text, whole numbers, booleans, lists and maps are not taken for each other. As \
               kubectl reads YAML, `yes`, `no`, `on` and `off` without quotes are booleans and \
               `8080` is a number: where text is wanted they are quoted.",
    },
    Entry {
        code: Code(104),
        title: "a value is not one of those there are",
        page: "The field takes one of a few words, and their case counts.",
    },
    Entry {
        code: Code(105),
        title: "text does not look as it must",
        page: "Names, hostnames, addresses and times have a form. The finding says it in words \
               and gives an example.",
    },
    Entry {
        code: Code(106),
        title: "a number is out of bounds",
        page: "The API bounds this number: ports are 1 to 65535, weights 0 to 1000000.",
    },
    Entry {
        code: Code(107),
        title: "text is too long or too short",
        page: "The API bounds the characters of this text; most names have 1 to 253, sections \
               of hostnames and label values 63.",
    },
    Entry {
        code: Code(108),
        title: "a list or map has too many or too few items",
        page: "The API bounds how many there are: 1 to 64 listeners of a Gateway, 1 rule of a \
               TCPRoute (`v1alpha2`: 16) with 1 to 16 backendRefs, 32 parentRefs.",
    },
    Entry {
        code: Code(110),
        title: "an item is in a list twice",
        page: "The items of this list are told apart by some of their fields or by their value, \
               and two are the same: listeners by their name, for example.",
    },
    Entry {
        code: Code(112),
        title: "the standard channel refuses something",
        page: "Gateway API has two channels. Portway reads what the experimental channel of \
               v1.7.0 takes; a cluster whose CRDs are of the standard channel refuses this object. \
               It is said for `--target cluster` only.",
    },
    Entry {
        code: Code(113),
        title: "the standard channel does not serve a version",
        page: "A cluster whose CRDs are of the standard channel does not know this version of the \
               kind; those of the experimental channel still serve it, deprecated. Only the \
               `apiVersion` must be changed. It is said for `--target cluster` only.",
    },
    Entry {
        code: Code(121),
        title: "an address is twice in `spec.addresses`",
        page: "Of type `IPAddress`, and of type `Hostname`, each value may be there once.",
    },
    Entry {
        code: Code(122),
        title: "an address of type `Hostname` is no hostname",
        page: "A hostname is lower case letters, digits, `-` and `.`, and may start with `*.`. \
               For an IP address leave out `type`: `IPAddress` is the default.",
    },
    Entry {
        code: Code(123),
        title: "a routability is not one of those there are",
        page: "`routability` of an address is empty, `Cluster`, or `a.domain/name` of an \
               implementation; `k8s.io` and its subdomains are reserved.",
    },
    Entry {
        code: Code(124),
        title: "the name of a label or annotation is not allowed",
        page: "It is a name of up to 63 letters, digits, `-`, `_` and `.`, which begins and \
               ends with a letter or digit. A domain and `/` may stand before it.",
    },
    Entry {
        code: Code(125),
        title: "an HTTPS listener does not terminate TLS",
        page: "HTTPS means that the Gateway holds the certificate. For streams that stay \
               encrypted to the backend use `protocol: TLS` with `mode: Passthrough`.",
    },
    Entry {
        code: Code(126),
        title: "a TLS listener does not say what happens with TLS",
        page: "A listener with `protocol: TLS` needs `tls`: with `mode: Passthrough` streams \
               stay encrypted, with `mode: Terminate` (the default) the Gateway holds the \
               certificate.",
    },
    Entry {
        code: Code(127),
        title: "a listener without TLS has `tls`",
        page: "`protocol` is `HTTP`, `TCP` or `UDP`, which are without TLS. Use `protocol: TLS` \
               or `HTTPS`, or remove `tls`.",
    },
    Entry {
        code: Code(128),
        title: "a TCP or UDP listener has a hostname",
        page: "Nothing in such a stream names a host before data flows, so a hostname could not \
               be held to.",
    },
    Entry {
        code: Code(129),
        title: "two listeners have the same port, protocol and hostname",
        page: "No stream could be told to belong to one of them. Several routes may attach to \
               one listener.",
    },
    Entry {
        code: Code(130),
        title: "a listener that is not HTTP has filters",
        page: "`filters` look at requests; only `HTTP` and `HTTPS` listeners have those.",
    },
    Entry {
        code: Code(131),
        title: "a field does not go with the type beside it",
        page: "A `type` or `protocol` names which of several fields is used: that one must be \
               there, and no other may be.",
    },
    Entry {
        code: Code(132),
        title: "TLS is terminated without a certificate",
        page: "`mode: Terminate`, which is the default, needs `certificateRefs` (or `options` \
               of an implementation).",
    },
    Entry {
        code: Code(133),
        title: "a reference to a ClusterTrustBundle has a namespace",
        page: "ClusterTrustBundles are cluster-scoped.",
    },
    Entry {
        code: Code(135),
        title: "two parentRefs of one parent are not distinct",
        page: "Several parentRefs may name one Gateway if all of them, or none, have a \
               `sectionName`, all or none a `port`, and no two have both in common. No \
               `namespace` and the route's own written out are not the same here. The standard \
               channel looks at `sectionName` alone.",
    },
    Entry {
        code: Code(136),
        title: "a backendRef to a Service has no port",
        page: "`port` is a number of the Service's `spec.ports[].port`. There is no default, \
               even if the Service has only one.",
    },
    Entry {
        code: Code(137),
        title: "a backendRef to an XBackend has a port",
        page: "An XBackend says its own port.",
    },
    Entry {
        code: Code(138),
        title: "two rules of a route have the same name",
        page: "Names of rules are for people and policies to tell rules apart.",
    },
    Entry {
        code: Code(139),
        title: "ports of a Service are not told apart by their names",
        page: "With several ports each needs a name of its own; EndpointSlices are matched by \
               it.",
    },
    Entry {
        code: Code(140),
        title: "a cluster-scoped object has a namespace",
        page: "GatewayClasses and Namespaces belong to the whole cluster. An API server clears \
               their `metadata.namespace`, and so does Portway: two of one name are the same \
               object, whatever namespaces they name.",
    },
    Entry {
        code: Code(141),
        title: "two numbers of a GatewayConfig contradict each other",
        page: "`minReplicas` is at most `maxReplicas`, and of `minAvailable` and \
               `maxUnavailable` one is set: Kubernetes refuses an autoscaler or a disruption \
               budget that says otherwise.",
    },
];
