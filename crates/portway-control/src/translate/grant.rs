//! ReferenceGrants: which namespaces let TCPRoutes of which others refer to their Services.
//!
//! In: all grants. Out: yes or no for a reference, and what a table is told of them. Never: whether
//! its target exists, which nobody without a grant may learn. Spec: `referencegrant_types.go` (v1.7.0).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portway_engine::limits::GRANTS_MAX;
use portway_engine::table::GrantSpec;

use crate::api::{GATEWAY_GROUP, Kind, ReferenceGrant};
use crate::limits::OBJECT_NAME_BYTES_MAX;
use crate::origin::Sourced;
use crate::snapshot::Objects;

/// The grants, by the namespace they open and the namespace they trust.
#[derive(Debug, Default)]
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
            if from.group != GATEWAY_GROUP || from.kind != Kind::TcpRoute.name() {
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

    /// All of them for a table, by how routes and backends are named there; `None`: more than one holds.
    pub(super) fn specs(&self) -> Option<Arc<[GrantSpec]>> {
        let others = self.granted.iter().filter(|((to, from), _)| to != from);
        let all = others.flat_map(|((to, from), granted)| {
            let routes: Arc<str> = format!("{} {from}/", Kind::TcpRoute.name()).into();
            let every = granted.every.then(|| format!("{to}/"));
            // What is longer than a name can be names nothing.
            let names = granted.names.iter();
            let names = names.filter(|name| name.len() <= OBJECT_NAME_BYTES_MAX);
            let backends = every
                .into_iter()
                .chain(names.map(move |name| format!("{to}/{name}:")));
            let backends = backends.filter(|_| from.len() <= OBJECT_NAME_BYTES_MAX);
            backends.map(move |backends| GrantSpec {
                routes: Arc::clone(&routes),
                backends: backends.into(),
            })
        });
        let all: BTreeSet<GrantSpec> = all.take(GRANTS_MAX + 1).collect();
        (all.len() <= GRANTS_MAX).then(|| all.into_iter().collect())
    }

    /// The grants in a namespace, fitting or not.
    pub(super) fn in_namespace(&self, namespace: &str) -> &[&'a Sourced<ReferenceGrant>] {
        self.in_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }
}
