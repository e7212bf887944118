//! The snapshot by name: every look-up that a step needs, none of them a search.
//!
//! In: a [`Snapshot`]. Out: objects. Never: a decision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::grant::Grants;
use crate::api::{
    EndpointSlice, Gateway, GatewayClass, GatewayConfig, Namespace, SERVICE_NAME_LABEL, Service,
};
use crate::origin::{ObjectKey, Sourced};
use crate::snapshot::{Coverage, Snapshot};

/// `namespace`, `name`; the namespace is empty for cluster-scoped kinds.
pub(super) type Name<'a> = (&'a str, &'a str);

/// A slice and the number of one of its ports.
pub(super) type Numbered<'a> = (&'a Sourced<EndpointSlice>, u16);

/// The slices of one Service.
#[derive(Debug, Default)]
pub(super) struct Slices<'a> {
    /// How many there are.
    pub(super) n_slices: usize,
    /// Slices by the name and protocol of a port, in order of their names, with its number.
    pub(super) by_port: BTreeMap<(&'a str, &'a str), Vec<Numbered<'a>>>,
}

impl<'a> Slices<'a> {
    /// A port without a number means all of them, which is none to dial.
    fn add(&mut self, slice: &'a Sourced<EndpointSlice>) {
        self.n_slices += 1;
        for port in &slice.object.ports {
            let key = (port.name.as_str(), port.protocol.as_str());
            let number = port.port.filter(|number| *number != 0);
            let numbered = self.by_port.entry(key).or_default();
            numbered.extend(number.map(|number| (slice, number)));
        }
    }
}

/// The snapshot by name.
#[derive(Debug)]
pub(super) struct Index<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) classes: BTreeMap<Name<'a>, &'a Sourced<GatewayClass>>,
    pub(super) gateways: BTreeMap<Name<'a>, &'a Sourced<Gateway>>,
    /// A namespace that has a Gateway of that name.
    pub(super) gateway_namespaces: BTreeMap<&'a str, &'a str>,
    pub(super) gateway_configs: BTreeMap<Name<'a>, &'a Sourced<GatewayConfig>>,
    pub(super) services: BTreeMap<Name<'a>, &'a Sourced<Service>>,
    pub(super) namespaces: BTreeMap<Name<'a>, &'a Sourced<Namespace>>,
    pub(super) grants: Grants<'a>,
    slices: BTreeMap<Name<'a>, Slices<'a>>,
}

impl<'a> Index<'a> {
    /// Indexes a snapshot.
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let objects = &snapshot.objects;
        let mut slices: BTreeMap<Name<'a>, Slices<'a>> = BTreeMap::new();
        for (name, slice) in named_slices(snapshot) {
            slices.entry(name).or_default().add(slice);
        }
        Self {
            snapshot,
            classes: by_name(&objects.gateway_classes),
            gateways: by_name(&objects.gateways),
            gateway_namespaces: objects
                .gateways
                .keys()
                .map(|key| (&*key.name, &*key.namespace))
                .collect(),
            gateway_configs: by_name(&objects.gateway_configs),
            services: by_name(&objects.services),
            namespaces: by_name(&objects.namespaces),
            grants: Grants::of(objects),
            slices,
        }
    }

    /// An index of nothing but the slices of these Services.
    pub(super) fn of_slices(snapshot: &'a Snapshot, services: &BTreeSet<Name<'_>>) -> Self {
        let mut index = Self::empty(snapshot);
        for (name, slice) in named_slices(snapshot) {
            if services.contains(&name) {
                index.slices.entry(name).or_default().add(slice);
            }
        }
        index
    }

    fn empty(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            classes: BTreeMap::new(),
            gateways: BTreeMap::new(),
            gateway_namespaces: BTreeMap::new(),
            gateway_configs: BTreeMap::new(),
            services: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            grants: Grants::default(),
            slices: BTreeMap::new(),
        }
    }

    /// Where an object is missing, as a label.
    pub(super) const fn absent(&self) -> &'static str {
        match self.snapshot.facts.coverage {
            Coverage::Part => "not in the input",
            Coverage::Whole => "neither in the files nor in the cluster",
        }
    }

    /// What to do about a reference to an object of `kind` that is missing.
    pub(super) fn help_absent(&self, kind: &str) -> String {
        match self.snapshot.facts.coverage {
            Coverage::Part => format!("add the {kind} to the files, or remove the reference"),
            Coverage::Whole => format!("make the {kind}, or remove the reference"),
        }
    }

    /// The slices of a Service; none if it has none.
    pub(super) fn slices<'s>(&'s self, service: Name<'s>) -> Option<&'s Slices<'a>> {
        self.slices.get(&service)
    }

    /// Names of the Services in `namespace`.
    pub(super) fn services_in<'s>(
        &'s self,
        namespace: &'s str,
    ) -> impl Iterator<Item = &'a str> + 's {
        names_in(&self.services, namespace)
    }

    /// Names of the Gateways in `namespace`.
    pub(super) fn gateways_in<'s>(
        &'s self,
        namespace: &'s str,
    ) -> impl Iterator<Item = &'a str> + 's {
        names_in(&self.gateways, namespace)
    }
}

/// The Service that a slice belongs to, if it names one.
pub(super) fn service_of(slice: &Sourced<EndpointSlice>) -> Option<Name<'_>> {
    let name = slice.object.metadata.labels.get(SERVICE_NAME_LABEL)?;
    Some((&*slice.key.namespace, name.as_str()))
}

fn named_slices(snapshot: &Snapshot) -> impl Iterator<Item = (Name<'_>, &Sourced<EndpointSlice>)> {
    let slices = snapshot.objects.endpoint_slices.values();
    slices.filter_map(|slice| Some((service_of(slice)?, &**slice)))
}

fn by_name<T>(objects: &BTreeMap<ObjectKey, Arc<Sourced<T>>>) -> BTreeMap<Name<'_>, &Sourced<T>> {
    let named = |(key, source): (_, _)| {
        let (key, source): (&ObjectKey, &Arc<Sourced<T>>) = (key, source);
        ((&*key.namespace, &*key.name), &**source)
    };
    objects.iter().map(named).collect()
}

fn names_in<'s, 'a, T>(
    objects: &'s BTreeMap<Name<'a>, &'a T>,
    namespace: &'s str,
) -> impl Iterator<Item = &'a str> + 's {
    objects
        .range((namespace, "")..)
        .take_while(move |((of, _), _)| *of == namespace)
        .map(|((_, name), _)| *name)
}
