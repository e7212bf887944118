//! What is the same for objects of all kinds, and where each kind is kept.
//!
//! In: an [`Object`]. Out: its name, its origin, its place among all. Never: a look into its spec.

use std::sync::Arc;

use super::object::Object;
use crate::api::ObjectMeta;
use crate::origin::{Given, ObjectKey, Origin, Sourced};
use crate::snapshot::Objects;

impl Object {
    /// Its name.
    pub(super) fn key(&self) -> &ObjectKey {
        self.parts().0
    }

    /// Where it was written.
    pub(super) fn origin(&self) -> &Origin {
        self.parts().1
    }

    /// As it was given.
    pub(super) fn given(&self) -> &Given {
        self.parts().2
    }

    fn parts(&self) -> (&ObjectKey, &Origin, &Given) {
        match self {
            Self::GatewayClass(it) => parts(it),
            Self::Gateway(it) => parts(it),
            Self::TcpRoute(it) => parts(it),
            Self::ReferenceGrant(it) => parts(it),
            Self::Namespace(it) => parts(it),
            Self::Service(it) => parts(it),
            Self::EndpointSlice(it) => parts(it),
            Self::GatewayConfig(it) => parts(it),
        }
    }

    /// Its generation, for kinds whose statuses name one.
    pub(super) fn generation(&self) -> Option<i64> {
        match self {
            Self::GatewayClass(it) => Some(it.object.metadata.generation()),
            Self::Gateway(it) => Some(it.object.metadata.generation()),
            Self::TcpRoute(it) => Some(it.object.metadata.generation()),
            Self::ReferenceGrant(_)
            | Self::Namespace(_)
            | Self::Service(_)
            | Self::EndpointSlice(_)
            | Self::GatewayConfig(_) => None,
        }
    }

    /// Counts it up; of other kinds nothing is counted.
    pub(super) fn set_generation(&mut self, generation: i64) {
        let meta: &mut ObjectMeta = match self {
            Self::GatewayClass(it) => &mut Arc::make_mut(it).object.metadata,
            Self::Gateway(it) => &mut Arc::make_mut(it).object.metadata,
            Self::TcpRoute(it) => &mut Arc::make_mut(it).object.metadata,
            Self::ReferenceGrant(_)
            | Self::Namespace(_)
            | Self::Service(_)
            | Self::EndpointSlice(_)
            | Self::GatewayConfig(_) => return,
        };
        meta.generation = Some(generation);
    }

    /// Gives it its place in the order of input.
    pub(super) fn set_order(&mut self, order: u64) {
        match self {
            Self::GatewayClass(it) => Arc::make_mut(it).origin.order = order,
            Self::Gateway(it) => Arc::make_mut(it).origin.order = order,
            Self::TcpRoute(it) => Arc::make_mut(it).origin.order = order,
            Self::ReferenceGrant(it) => Arc::make_mut(it).origin.order = order,
            Self::Namespace(it) => Arc::make_mut(it).origin.order = order,
            Self::Service(it) => Arc::make_mut(it).origin.order = order,
            Self::EndpointSlice(it) => Arc::make_mut(it).origin.order = order,
            Self::GatewayConfig(it) => Arc::make_mut(it).origin.order = order,
        }
    }

    /// Puts it where its kind is kept, in place of another of its name.
    pub(super) fn insert_into(&self, objects: &mut Objects) {
        let key = self.key().clone();
        match self {
            Self::GatewayClass(it) => drop(objects.gateway_classes.insert(key, it.clone())),
            Self::Gateway(it) => drop(objects.gateways.insert(key, it.clone())),
            Self::TcpRoute(it) => drop(objects.tcp_routes.insert(key, it.clone())),
            Self::ReferenceGrant(it) => drop(objects.reference_grants.insert(key, it.clone())),
            Self::Namespace(it) => drop(objects.namespaces.insert(key, it.clone())),
            Self::Service(it) => drop(objects.services.insert(key, it.clone())),
            Self::EndpointSlice(it) => drop(objects.endpoint_slices.insert(key, it.clone())),
            Self::GatewayConfig(it) => drop(objects.gateway_configs.insert(key, it.clone())),
        }
    }

    /// Takes away what is kept by its name.
    pub(super) fn remove_from(&self, objects: &mut Objects) {
        let key = self.key();
        match self {
            Self::GatewayClass(_) => drop(objects.gateway_classes.remove(key)),
            Self::Gateway(_) => drop(objects.gateways.remove(key)),
            Self::TcpRoute(_) => drop(objects.tcp_routes.remove(key)),
            Self::ReferenceGrant(_) => drop(objects.reference_grants.remove(key)),
            Self::Namespace(_) => drop(objects.namespaces.remove(key)),
            Self::Service(_) => drop(objects.services.remove(key)),
            Self::EndpointSlice(_) => drop(objects.endpoint_slices.remove(key)),
            Self::GatewayConfig(_) => drop(objects.gateway_configs.remove(key)),
        }
    }
}

fn parts<T>(source: &Sourced<T>) -> (&ObjectKey, &Origin, &Given) {
    (&source.key, &source.origin, &source.given)
}
