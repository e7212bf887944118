//! PW05xx: this host and the rules of standalone.

use super::{Code, Entry};

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[
    Entry {
        code: Code(501),
        title: "a port already belongs to another Gateway",
        page: "On one host all Gateways share its ports. Of two Gateways that want the same \
               address and port the older one gets it; the younger one's listener gets \
               `Accepted` False with reason `PortUnavailable`, which names the other. A \
               wildcard address and any address of its family are the same in this. In a \
               cluster each Gateway has addresses of its own, so it cannot happen there.",
    },
    Entry {
        code: Code(502),
        title: "an address cannot be used",
        page: "`spec.addresses` names an address that no interface of this host has, or in a \
               cluster one that the Gateway's Service did not get: a Service asks its load \
               balancer for one address. The Gateway stays Accepted, gets `Programmed` False \
               with reason `AddressNotUsable`, and serves at the addresses that it has.",
    },
    Entry {
        code: Code(503),
        title: "a listener could not be bound",
        page: "The host refused a socket: another process has the port, or ports below 1024 are \
               not allowed to this user. Or Portway's own admin server has it, at \
               127.0.0.1:9180 unless `--admin` says otherwise: it is opened first. The listener gets `Accepted` False with reason \
               `PortUnavailable`; it is tried again every second, and its other sockets and the \
               other listeners serve.",
    },
    Entry {
        code: Code(504),
        title: "an endpoint is a listener of this instance",
        page: "A connection to this endpoint would come back to Portway and be sent on again, \
               until all descriptors are used up. So the endpoint is never dialled: other \
               endpoints of the Service get its connections, and if there is none the share is \
               accepted and reset. Name the address and port where the backend itself listens; \
               it cannot be one that Portway listens on.",
    },
    Entry {
        code: Code(506),
        title: "the order of input decides which Gateway is older",
        page: "Age decides which of two Gateways gets a port. Objects in files mostly carry no \
               `creationTimestamp`; then the order counts: of the `-f` arguments, of file \
               names, and in the file. Any object with a creationTimestamp is older than any \
               without.",
    },
];
