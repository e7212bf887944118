//! Everything translate needs, as one value.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::api::{
    EndpointSlice, Gateway, GatewayAddress, GatewayClass, GatewayConfig, Kind, Namespace,
    ReferenceGrant, Service, TcpRoute,
};
use crate::diagnostic::Diagnostic;
use crate::origin::{Given, ObjectKey, Origin, Place, Sourced};

/// The name our GatewayClasses carry in `spec.controllerName`.
pub const CONTROLLER_NAME: &str = "portway.dev/gateway-controller";

/// For whom the translation is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// This host: all Gateways share its ports; a missing GatewayClass counts as ours.
    Standalone,
    /// A cluster: each Gateway has addresses of its own.
    Cluster,
}

/// What the objects of a snapshot are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Coverage {
    /// Some files: a cluster may have what these lack.
    #[default]
    Part,
    /// All that a cluster has, too: what is not among them is not there.
    Whole,
}

/// All objects, and the facts that came back from the world.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// For whom.
    pub target: Target,
    /// Our controller's name.
    pub controller_name: Arc<str>,
    /// The objects.
    pub objects: Objects,
    /// What the data plane and the resolver reported.
    pub facts: Facts,
}

/// The objects by kind and key.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each field is the kind it is named after")]
pub struct Objects {
    pub gateway_classes: BTreeMap<ObjectKey, Arc<Sourced<GatewayClass>>>,
    pub gateways: BTreeMap<ObjectKey, Arc<Sourced<Gateway>>>,
    pub tcp_routes: BTreeMap<ObjectKey, Arc<Sourced<TcpRoute>>>,
    pub reference_grants: BTreeMap<ObjectKey, Arc<Sourced<ReferenceGrant>>>,
    pub namespaces: BTreeMap<ObjectKey, Arc<Sourced<Namespace>>>,
    pub services: BTreeMap<ObjectKey, Arc<Sourced<Service>>>,
    pub endpoint_slices: BTreeMap<ObjectKey, Arc<Sourced<EndpointSlice>>>,
    pub gateway_configs: BTreeMap<ObjectKey, Arc<Sourced<GatewayConfig>>>,
    /// Objects that are there but left out, because of what was found in them.
    pub left_out: BTreeMap<ObjectKey, LeftOut>,
}

/// An object that is there and is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it stands.
    pub place: Place,
    /// The first that is wrong with it, unless that was one finding too many.
    pub why: Option<Box<Diagnostic>>,
}

impl Objects {
    /// Adds objects whose names are not taken yet.
    pub fn complete(&mut self, others: Self) {
        fn add<T>(
            own: &mut BTreeMap<ObjectKey, Arc<Sourced<T>>>,
            others: BTreeMap<ObjectKey, Arc<Sourced<T>>>,
        ) {
            for (key, object) in others {
                own.entry(key).or_insert(object);
            }
        }
        add(&mut self.gateway_classes, others.gateway_classes);
        add(&mut self.gateways, others.gateways);
        add(&mut self.tcp_routes, others.tcp_routes);
        add(&mut self.reference_grants, others.reference_grants);
        add(&mut self.namespaces, others.namespaces);
        add(&mut self.services, others.services);
        add(&mut self.endpoint_slices, others.endpoint_slices);
        add(&mut self.gateway_configs, others.gateway_configs);
    }

    /// Makes these the same values as `others`, at the cost of what differs, where few do. What is left
    /// out stays as it is.
    pub fn catch_up(&mut self, others: &Self) {
        fn renew<T>(
            own: &mut BTreeMap<ObjectKey, Arc<Sourced<T>>>,
            others: &BTreeMap<ObjectKey, Arc<Sourced<T>>>,
        ) {
            if !own.keys().eq(others.keys()) {
                own.clone_from(others);
                return;
            }
            for (own, other) in own.values_mut().zip(others.values()) {
                if !Arc::ptr_eq(own, other) {
                    *own = Arc::clone(other);
                }
            }
        }
        renew(&mut self.gateway_classes, &others.gateway_classes);
        renew(&mut self.gateways, &others.gateways);
        renew(&mut self.tcp_routes, &others.tcp_routes);
        renew(&mut self.reference_grants, &others.reference_grants);
        renew(&mut self.namespaces, &others.namespaces);
        renew(&mut self.services, &others.services);
        renew(&mut self.endpoint_slices, &others.endpoint_slices);
        renew(&mut self.gateway_configs, &others.gateway_configs);
    }

    /// The object of a name, if it is left out, with its key.
    pub fn find_left_out(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
    ) -> Option<(ObjectKey, &LeftOut)> {
        let key = ObjectKey {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        };
        let found = self.left_out.get(&key)?;
        Some((key, found))
    }

    /// The object of a key as it was given.
    pub fn given(&self, key: &ObjectKey) -> Option<&Given> {
        Some(match key.kind {
            Kind::GatewayClass => &self.gateway_classes.get(key)?.given,
            Kind::Gateway => &self.gateways.get(key)?.given,
            Kind::TcpRoute => &self.tcp_routes.get(key)?.given,
            Kind::ReferenceGrant => &self.reference_grants.get(key)?.given,
            Kind::Namespace => &self.namespaces.get(key)?.given,
            Kind::Service => &self.services.get(key)?.given,
            Kind::EndpointSlice => &self.endpoint_slices.get(key)?.given,
            Kind::GatewayConfig => &self.gateway_configs.get(key)?.given,
        })
    }

    /// Where the object of a key was written.
    pub fn origin(&self, key: &ObjectKey) -> Option<&Origin> {
        Some(match key.kind {
            Kind::GatewayClass => &self.gateway_classes.get(key)?.origin,
            Kind::Gateway => &self.gateways.get(key)?.origin,
            Kind::TcpRoute => &self.tcp_routes.get(key)?.origin,
            Kind::ReferenceGrant => &self.reference_grants.get(key)?.origin,
            Kind::Namespace => &self.namespaces.get(key)?.origin,
            Kind::Service => &self.services.get(key)?.origin,
            Kind::EndpointSlice => &self.endpoint_slices.get(key)?.origin,
            Kind::GatewayConfig => &self.gateway_configs.get(key)?.origin,
        })
    }
}

/// Facts that came back from the world; empty for `check`.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What the data plane has done.
    pub applied: Applied,
    /// Whether objects that are referred to may be elsewhere.
    pub coverage: Coverage,
    /// Sockets that could not be bound, with the reason in words; `PortUnavailable`.
    pub unbound: BTreeMap<SocketAddr, String>,
    /// Sockets that nobody can want: this host has no IPv6, and IPv4 has the same port.
    pub absent: BTreeSet<SocketAddr>,
    /// Where this instance's own admin server listens, or would; `PortUnavailable` for others.
    pub admin: Vec<SocketAddr>,
    /// Addresses of this host that listeners may bind to, where known (`spec.addresses`).
    pub host_addresses: Option<BTreeSet<IpAddr>>,
    /// Addresses that FQDN endpoints resolved to.
    pub resolved: BTreeMap<Arc<str>, Vec<IpAddr>>,
    /// What a cluster says; `None` on a host, and where no cluster was asked.
    pub cluster: Option<ClusterFacts>,
}

impl Facts {
    /// The address of the own admin server that keeps a listener from `socket`.
    pub fn admin_at(&self, socket: SocketAddr) -> Option<SocketAddr> {
        let mut admin = self.admin.iter().copied();
        admin.find(|admin| {
            let (ip, own) = (socket.ip(), admin.ip());
            let is_one = ip == own || ip.is_unspecified() || own.is_unspecified();
            socket.port() == admin.port() && socket.is_ipv4() == admin.is_ipv4() && is_one
        })
    }
}

/// What a cluster says about itself and about the proxies in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterFacts {
    /// The installed CRDs of Gateway API.
    pub bundle: Bundle,
    /// By Gateway; one that is absent has no proxies yet.
    pub gateways: BTreeMap<ObjectKey, GatewayFacts>,
}

/// What the CRDs of Gateway API say of themselves; `None` = not annotated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    /// `gateway.networking.k8s.io/bundle-version`: their release.
    pub version: Option<String>,
    /// `gateway.networking.k8s.io/channel`: `standard` or `experimental`.
    pub channel: Option<String>,
}

/// What became of one Gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatewayFacts {
    /// What the cluster refused to take for it, in words.
    pub refused: Option<String>,
    /// Addresses its Service got.
    pub addresses: Vec<GatewayAddress>,
    /// Ready proxies that its Service sends connections to.
    pub n_ready: usize,
    /// Why not all of these serve what this translation gives, each in words; empty = they do.
    pub missing: Vec<String>,
}

/// Whether the data plane has acknowledged what this translation gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Applied {
    /// Suppose it has: what `check` shows.
    #[default]
    Assumed,
    /// Not yet: `Programmed` is Unknown/`Pending` for what would be True.
    Pending,
    /// All workers have.
    Acknowledged,
}
