//! The words of conditions: their types and reasons, as the API spells them.
//!
//! Source: `gatewayclass_types.go`, `gateway_types.go`, `shared_types.go` (v1.7.0); those under
//! `portway.dev/` are ours.

#![expect(missing_docs, reason = "the API's own words")]

/// Types of conditions.
pub mod kind {
    pub const ACCEPTED: &str = "Accepted";
    pub const ACTIVE: &str = "portway.dev/Active";
    pub const CONFLICTED: &str = "Conflicted";
    pub const OVERLAPPING_TLS_CONFIG: &str = "OverlappingTLSConfig";
    pub const PARTIALLY_INVALID: &str = "PartiallyInvalid";
    pub const PROGRAMMED: &str = "Programmed";
    pub const RESOLVED_REFS: &str = "ResolvedRefs";
    pub const SUPPORTED_VERSION: &str = "SupportedVersion";
}

pub const ACCEPTED: &str = "Accepted";
pub const ADDRESS_NOT_ASSIGNED: &str = "AddressNotAssigned";
pub const ADDRESS_NOT_USABLE: &str = "AddressNotUsable";
pub const BACKEND_NOT_FOUND: &str = "BackendNotFound";
pub const HOSTNAME_CONFLICT: &str = "HostnameConflict";
pub const INVALID: &str = "Invalid";
pub const INVALID_KIND: &str = "InvalidKind";
pub const INVALID_PARAMETERS: &str = "InvalidParameters";
pub const INVALID_ROUTE_KINDS: &str = "InvalidRouteKinds";
pub const LISTENERS_NOT_VALID: &str = "ListenersNotValid";
pub const NO_MATCHING_PARENT: &str = "NoMatchingParent";
pub const NOT_ALLOWED_BY_LISTENERS: &str = "NotAllowedByListeners";
pub const NOT_SERVING: &str = "NotServing";
pub const PENDING: &str = "Pending";
pub const PORT_UNAVAILABLE: &str = "PortUnavailable";
pub const PROGRAMMED: &str = "Programmed";
pub const PROTOCOL_CONFLICT: &str = "ProtocolConflict";
pub const REF_NOT_PERMITTED: &str = "RefNotPermitted";
pub const RESOLVED_REFS: &str = "ResolvedRefs";
pub const SERVING: &str = "Serving";
pub const SUPERSEDED: &str = "Superseded";
pub const SUPPORTED_VERSION: &str = "SupportedVersion";
pub const UNSUPPORTED_ADDRESS: &str = "UnsupportedAddress";
pub const UNSUPPORTED_PROTOCOL: &str = "UnsupportedProtocol";
pub const UNSUPPORTED_VALUE: &str = "UnsupportedValue";
pub const UNSUPPORTED_VERSION: &str = "UnsupportedVersion";
