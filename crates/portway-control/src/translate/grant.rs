//! ReferenceGrants: which namespaces let TCPRoutes of which others refer to their Services.
//!
//! In: all grants. Out: yes or no for a reference. Never: whether its target exists, which nobody
//! without a grant may learn. Spec: `referencegrant_types.go` (v1.7.0).

use std::collections::{BTreeMap, BTreeSet};

use super::listener::TCP_ROUTE;
use crate::api::{GATEWAY_GROUP, ReferenceGrant};
use crate::origin::Sourced;
use crate::snapshot::Objects;

/// The grants, by the namespace they open and the namespace they trust.
#[derive(Debug)]
pub(super) struct Grants<'a> {
    granted: BTreeMap<(&'a str, &'a str), Granted<'a>>,
    in_namespace: BTreeMap<&'a str, Vec<&'a Sourced<ReferenceGrant>>>,
}

#[derive(Debug, Default)]
struct Granted<'a> {
    every: bool,
    names: BTreeSet<&'a str>,
}

impl<'a> Grants<'a> {
    /// Indexes the grants.
    pub(super) fn of(objects: &'a Objects) -> Self {
        let mut grants = Self {
            granted: BTreeMap::new(),
            in_namespace: BTreeMap::new(),
        };
        for source in objects.reference_grants.values() {
            grants.add(source);
        }
        grants
    }

    /// Any `from` may refer to any `to`.
    fn add(&mut self, source: &'a Sourced<ReferenceGrant>) {
        let opened = &*source.key.namespace;
        self.in_namespace.entry(opened).or_default().push(source);
        let spec = &source.object.spec;
        for from in &spec.from {
            if from.group != GATEWAY_GROUP || from.kind != TCP_ROUTE {
                continue;
            }
            let key = (opened, from.namespace.as_str());
            let granted = self.granted.entry(key).or_default();
            for to in &spec.to {
                match to.name.as_deref() {
                    _ if !to.group.is_empty() || to.kind != "Service" => {}
                    None | Some("") => granted.every = true,
                    Some(name) => _ = granted.names.insert(name),
                }
            }
        }
    }

    /// Whether a TCPRoute in `from` may refer to the Service `name` in `to`.
    pub(super) fn allow(&self, from: &str, to: &str, name: &str) -> bool {
        let granted = self.granted.get(&(to, from));
        from == to || granted.is_some_and(|to| to.every || to.names.contains(name))
    }

    /// The grants in a namespace, fitting or not.
    pub(super) fn in_namespace(&self, namespace: &str) -> &[&'a Sourced<ReferenceGrant>] {
        self.in_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }
}
