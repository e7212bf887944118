//! The API objects we read, one file a kind, with only the fields we use and the defaults of the
//! v1.7.0 CRDs. `v1`, `v1beta1` and `v1alpha2` of a kind parse to one struct.
//!
//! Source: `apis/v1/*_types.go` of sigs.k8s.io/gateway-api v1.7.0; Kubernetes core/v1 and
//! discovery/v1 for Namespace, Service and EndpointSlice.

mod endpoint_slice;
mod gateway;
mod gateway_class;
mod gateway_config;
mod meta;
mod namespace;
mod reference_grant;
mod service;
mod tcp_route;

pub(crate) use endpoint_slice::is_domain_name;
pub use endpoint_slice::{
    AddressType, Endpoint, EndpointConditions, EndpointPort, EndpointSlice, SERVICE_NAME_LABEL,
};
pub use gateway::{
    AllowedRoutes, From, Gateway, GatewayAddress, GatewaySpec, GatewayTlsConfig, Infrastructure,
    Listener, RouteGroupKind, RouteNamespaces,
};
pub use gateway_class::{GatewayClass, GatewayClassSpec, ParametersReference};
pub use gateway_config::{
    Autoscaling, DisruptionBudget, GatewayConfig, GatewayConfigSpec, PORTWAY_GROUP, ServiceConfig,
};
pub use meta::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
pub use namespace::Namespace;
pub use reference_grant::{
    ReferenceGrant, ReferenceGrantFrom, ReferenceGrantSpec, ReferenceGrantTo,
};
pub use service::{Service, ServicePort, ServiceSpec};
pub use tcp_route::{BackendRef, ParentReference, TcpRoute, TcpRouteRule, TcpRouteSpec};

/// The API group of Gateway API.
pub const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

/// The kinds whose objects are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `gateway.networking.k8s.io` GatewayClass, cluster-scoped.
    GatewayClass,
    /// `gateway.networking.k8s.io` Gateway.
    Gateway,
    /// `gateway.networking.k8s.io` TCPRoute.
    TcpRoute,
    /// `gateway.networking.k8s.io` ReferenceGrant.
    ReferenceGrant,
    /// Core Namespace, cluster-scoped.
    Namespace,
    /// Core Service.
    Service,
    /// `discovery.k8s.io` EndpointSlice.
    EndpointSlice,
    /// `portway.dev` GatewayConfig.
    GatewayConfig,
}

impl Kind {
    /// The name as manifests write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GatewayClass => "GatewayClass",
            Self::Gateway => "Gateway",
            Self::TcpRoute => "TCPRoute",
            Self::ReferenceGrant => "ReferenceGrant",
            Self::Namespace => "Namespace",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::GatewayConfig => "GatewayConfig",
        }
    }

    /// Whether its objects live in a namespace.
    pub const fn is_namespaced(self) -> bool {
        !matches!(self, Self::GatewayClass | Self::Namespace)
    }
}
