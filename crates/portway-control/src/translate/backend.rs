//! Where the streams of a route go: every backendRef becomes endpoints or a rejection.
//!
//! In: routes, Services, EndpointSlices, grants. Out: [`Backends`] for each route. An invalid
//! reference keeps its share, and that share is accepted and reset. Never: whether the route is
//! Accepted. Spec: `BackendRef`, `RouteConditionResolvedRefs` (`shared_types.go`,
//! v1.7.0).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portway_engine::limits::{ENDPOINTS_MAX, ENDPOINTS_PER_BACKEND_MAX};
use portway_engine::table::{BackendSpec, RejectReason, TargetSpec};

use super::endpoint::{self, Endpoints};
use super::index::Index;
use super::own::OwnSockets;
use super::plan::{GatewayPlan, Refusal, RoutePlan};
use super::report::{Report, error, left_out, warning};
use super::winner::score;
use super::words;
use crate::api::{BackendRef, Kind, Service, ServicePort};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::limits::{NAMES_SHOWN_MAX, OBJECT_NAME_BYTES_MAX};
use crate::origin::{Place, Sourced};
use crate::snapshot::Target;
use crate::status::reason;

/// What the backendRefs of a route come to.
#[derive(Debug, Default)]
pub(super) struct Backends {
    /// One for each reference.
    pub(super) resolved: Vec<BackendSpec>,
    /// Why the share of a reference is rejected, by the index of the reference.
    faults: BTreeMap<usize, String>,
    /// `name:port` of endpoints that show when Portway runs, by the index of the reference.
    unasked: BTreeMap<usize, BTreeSet<String>>,
    /// Why not all references are resolved.
    pub(super) problem: Option<Refusal>,
    /// Whether the route gets connections, so that it stands in a table.
    is_served: bool,
}

/// What the backendRefs of all routes come to.
#[derive(Debug)]
pub(super) struct AllBackends {
    /// One for each route.
    pub(super) routes: Vec<Backends>,
    /// The sockets that none of them leads to.
    pub(super) own: OwnSockets,
    /// Whether endpoints were left out for want of room: then each depends on all others.
    pub(super) lacks_room: bool,
}

impl Backends {
    /// For the table; empty if the route gets no connections.
    pub(super) fn specs(&self) -> &[BackendSpec] {
        if self.is_served { &self.resolved } else { &[] }
    }

    /// The same for all references, by the name of the backend.
    pub(super) fn all_unasked(&self) -> impl Iterator<Item = (Arc<str>, BTreeSet<String>)> {
        let all = self.unasked.iter();
        all.map(|(at, names)| (Arc::clone(&self.resolved[*at].name), names.clone()))
    }

    /// Why the shares of references are rejected, by the name of the backend.
    pub(super) fn all_faults(&self) -> impl Iterator<Item = (Arc<str>, String)> {
        let all = self.faults.iter();
        all.map(|(at, why)| (Arc::clone(&self.resolved[*at].name), why.clone()))
    }

    /// `name:port` of endpoints whose names nobody has asked for yet, of a reference.
    pub(super) fn unasked(&self, index: usize) -> Option<&BTreeSet<String>> {
        self.unasked.get(&index)
    }

    /// Why the share of a reference is rejected.
    pub(super) fn fault(&self, index: usize) -> Option<&str> {
        self.faults.get(&index).map(String::as_str)
    }
}

/// Resolves the backendRefs of every route.
pub(super) fn resolve(
    index: &Index<'_>,
    gateways: &[GatewayPlan<'_>],
    routes: &[RoutePlan<'_>],
    report: &mut Report,
) -> AllBackends {
    let mut resolver = Resolver {
        index,
        own: OwnSockets::of(index.snapshot, gateways),
        known: BTreeMap::new(),
        namespaces: None,
        n_endpoints: 0,
        lacks_room: false,
        report,
    };
    let routes = routes.iter().enumerate();
    let routes = routes.map(|(at, route)| resolver.route(gateways, at, route));
    let routes = routes.collect();
    AllBackends {
        routes,
        own: resolver.own,
        lacks_room: resolver.lacks_room,
    }
}

/// A backendRef that is not resolved; reasons in the order in which the first one is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unresolved {
    Kind,
    Permission,
    Missing,
    Protocol,
    Value,
}

impl Unresolved {
    const fn reason(self) -> &'static str {
        match self {
            Self::Kind => reason::INVALID_KIND,
            Self::Permission => reason::REF_NOT_PERMITTED,
            Self::Missing => reason::BACKEND_NOT_FOUND,
            Self::Protocol => reason::UNSUPPORTED_PROTOCOL,
            Self::Value => reason::UNSUPPORTED_VALUE,
        }
    }
}

/// A finding at a backendRef, and what the share gets.
struct Problem {
    unresolved: Option<Unresolved>,
    reject: RejectReason,
    diagnostic: Box<Diagnostic>,
}

impl Problem {
    /// The reference is no object, or not one that may be used.
    fn invalid(unresolved: Unresolved, diagnostic: Diagnostic) -> Self {
        let reject = match unresolved {
            Unresolved::Permission => RejectReason::NotPermitted,
            _ => RejectReason::InvalidBackend,
        };
        Self {
            unresolved: Some(unresolved),
            reject,
            diagnostic: Box::new(diagnostic),
        }
    }

    /// The reference is resolved, but there is nothing to connect to.
    fn useless(reject: RejectReason, diagnostic: Diagnostic) -> Self {
        Self {
            unresolved: None,
            reject,
            diagnostic: Box::new(diagnostic),
        }
    }
}

/// One backendRef of one route.
#[derive(Debug, Clone, Copy)]
struct Reference<'r> {
    route: &'r RoutePlan<'r>,
    index: usize,
    spec: &'r BackendRef,
    /// Whether its route gets connections, so that it will stand in a table.
    is_served: bool,
}

impl Reference<'_> {
    fn place(&self, field: &str) -> Place {
        let path = format!("spec.rules[0].backendRefs[{}]{field}", self.index);
        self.route.source.origin.place(&path)
    }

    fn namespace(&self) -> &str {
        let own = &self.route.source.key.namespace;
        self.spec.namespace.as_deref().unwrap_or(own)
    }

    /// Its name in tables, logs and metrics. The API bounds the letters of what is written, a table
    /// the bytes: what is longer than an object's name can be is cut, and names nothing anyway.
    fn name(&self) -> String {
        let (namespace, name) = (self.namespace(), &self.spec.name);
        let name = &name[..name.floor_char_boundary(OBJECT_NAME_BYTES_MAX)];
        let mut text = format!("{namespace}/{name}");
        if !self.is_service() {
            text = format!("{} {text}", self.spec.kind);
        }
        match self.spec.port {
            Some(port) => format!("{text}:{port}"),
            None => text,
        }
    }

    fn is_service(&self) -> bool {
        self.spec.group.is_empty() && self.spec.kind == "Service"
    }
}

/// Namespace and name of a Service, and its port.
type PortKey<'a> = (&'a str, &'a str, u16);

struct Resolver<'a, 'i> {
    index: &'i Index<'a>,
    own: OwnSockets,
    /// Ports that are already resolved: many routes share a Service.
    known: BTreeMap<PortKey<'a>, Arc<Endpoints>>,
    /// A namespace for each name of a Service, once one was looked for.
    namespaces: Option<BTreeMap<&'a str, &'a str>>,
    n_endpoints: usize,
    /// Whether endpoints were left out for want of room.
    lacks_room: bool,
    report: &'i mut Report,
}

impl<'a> Resolver<'a, '_> {
    fn route(
        &mut self,
        gateways: &[GatewayPlan<'_>],
        at: usize,
        route: &RoutePlan<'_>,
    ) -> Backends {
        let Some(rule) = route.source.object.spec.rules.first() else {
            return Backends::default();
        };
        self.report_more_rules(route);
        let served = served(gateways, at, route);
        let sum = rule.backend_refs.iter().map(|of| u64::from(of.weight));
        let sum: u64 = sum.sum();
        self.report_weightless(route, sum, &served);
        let (mut resolved, mut faults) = (Vec::new(), BTreeMap::new());
        let mut unasked = BTreeMap::new();
        let mut problems: Vec<(Unresolved, String)> = Vec::new();
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for (index, spec) in rule.backend_refs.iter().enumerate() {
            let reference = Reference {
                route,
                index,
                spec,
                is_served: !served.is_empty(),
            };
            let target = self.target(reference).unwrap_or_else(|problem| {
                let effect = words::closed_share(spec.weight, sum, &served);
                let what = problem.diagnostic.what.clone();
                faults.insert(index, what.clone());
                problems.extend(problem.unresolved.map(|unresolved| (unresolved, what)));
                self.report.add(problem.diagnostic.effect(effect));
                TargetSpec::Reject(problem.reject)
            });
            let later = self
                .unasked(reference)
                .filter(|_| !faults.contains_key(&index));
            unasked.extend(later.map(|later| (index, later)));
            let mut name = reference.name();
            let n_before = names.entry(name.clone()).or_default();
            *n_before += 1;
            if *n_before > 1 {
                name = format!("{name}#{n_before}");
            }
            resolved.push(BackendSpec {
                name: name.into(),
                weight: spec.weight,
                target,
            });
        }
        problems.sort_by_key(|(unresolved, _)| *unresolved);
        let problem = problems.first().map(|(first, _)| Refusal {
            reason: first.reason(),
            message: problems
                .iter()
                .map(|(_, what)| what.as_str())
                .collect::<Vec<_>>()
                .join("; "),
        });
        Backends {
            resolved,
            faults,
            unasked,
            problem,
            is_served: !served.is_empty(),
        }
    }

    fn target(&mut self, reference: Reference<'_>) -> Result<TargetSpec, Problem> {
        if !reference.is_service() {
            return Err(self.unknown_kind(reference));
        }
        let (from, to) = (
            &*reference.route.source.key.namespace,
            reference.namespace(),
        );
        if !self.index.grants.allow(from, to, &reference.spec.name) {
            return Err(self.not_permitted(reference));
        }
        let name = (to, reference.spec.name.as_str());
        let Some(service) = self.index.services.get(&name).copied() else {
            return Err(self.missing(reference));
        };
        if service.object.spec.kind.as_deref() == Some("ExternalName") {
            return Err(external_name(reference, service));
        }
        let port = service_port(reference, service)?;
        self.endpoints(reference, service, port)
    }

    fn endpoints(
        &mut self,
        reference: Reference<'_>,
        service: &'a Sourced<Service>,
        port: &ServicePort,
    ) -> Result<TargetSpec, Problem> {
        let key = (&*service.key.namespace, &*service.key.name, port.port);
        let found = self.known.entry(key).or_insert_with(|| {
            let found = endpoint::find(self.index, &self.own, service, port, self.report);
            if !found.usable.is_empty() {
                report_loops(&found, self.report);
            }
            Arc::new(found)
        });
        let found = Arc::clone(found);
        if found.usable.is_empty() {
            return Err(match found.loops.first() {
                Some(_) => only_loops(reference, service, &found),
                None if !found.unasked.is_empty() => return Ok(found.target()),
                None => self.no_endpoint(reference, service, &found),
            });
        }
        if reference.is_served {
            self.n_endpoints += found.usable.len();
        }
        if found.usable.len() > ENDPOINTS_PER_BACKEND_MAX || self.n_endpoints > ENDPOINTS_MAX {
            self.lacks_room = true;
            return Err(too_many(reference, service));
        }
        Ok(found.target())
    }

    /// Endpoints of a reference that was just resolved whose names nobody has asked for yet.
    fn unasked(&self, reference: Reference<'_>) -> Option<BTreeSet<String>> {
        let key = (
            reference.namespace(),
            &*reference.spec.name,
            reference.spec.port?,
        );
        let found = self.known.get(&key).filter(|_| reference.is_service())?;
        Some(found.unasked.clone()).filter(|names| !names.is_empty())
    }

    fn unknown_kind(&mut self, reference: Reference<'_>) -> Problem {
        let (group, kind) = (&reference.spec.group, &reference.spec.kind);
        let (field, what) = match group.as_str() {
            "" => (".kind", format!("a TCPRoute cannot send to kind `{kind}`")),
            group => {
                let what = format!("a TCPRoute cannot send to kind `{kind}` of group `{group}`");
                (".group", what)
            }
        };
        let guess = self.report.guess(kind, ["Service"]);
        let help = match kind.as_str() {
            "Service" => "leave out `group`: Services are of the core group".to_owned(),
            _ => guess.unwrap_or_else(|| "name a Service".to_owned()),
        };
        let found = error(201, reference.place(field), what);
        Problem::invalid(Unresolved::Kind, found.label("not a Service").help(help))
    }

    /// Says nothing of whether the Service exists.
    fn not_permitted(&self, reference: Reference<'_>) -> Problem {
        let (from, to) = (&reference.route.source.key.namespace, reference.namespace());
        let what = format!(
            "namespace `{to}` does not let TCPRoutes of namespace `{from}` refer to Service `{}`",
            reference.spec.name
        );
        let help = format!(
            "add a ReferenceGrant in namespace `{to}`: from TCPRoute in `{from}`, to Service `{}`",
            reference.spec.name
        );
        let mut found = error(202, reference.place(".namespace"), what)
            .label("no ReferenceGrant allows it")
            .help(help);
        for grant in self
            .index
            .grants
            .in_namespace(to)
            .iter()
            .take(NAMES_SHOWN_MAX)
        {
            let words = format!("`{}` grants something else", grant.key.name);
            found = found.related(grant.origin.place("spec"), words);
        }
        Problem::invalid(Unresolved::Permission, found)
    }

    fn missing(&mut self, reference: Reference<'_>) -> Problem {
        let (namespace, name) = (reference.namespace(), reference.spec.name.as_str());
        let objects = &self.index.snapshot.objects;
        if let Some((key, it)) = objects.find_left_out(Kind::Service, namespace, name) {
            let found = left_out(204, reference.place(".name"), &key, it);
            return Problem::invalid(Unresolved::Missing, found);
        }
        let what = format!("there is no Service `{namespace}/{name}`");
        let mut found = warning(204, reference.place(".name"), what).label(self.index.absent());
        let guess = self.report.guess(name, self.index.services_in(namespace));
        found.help = guess.or_else(|| {
            let other = self.service_namespaces().get(name)?;
            let grant = "a ReferenceGrant there is needed, too";
            Some(format!(
                "there is one in namespace `{other}`: name it in `namespace`; {grant}"
            ))
        });
        let otherwise = || self.index.help_absent("Service");
        found.help = found.help.or_else(|| Some(otherwise()));
        Problem::invalid(Unresolved::Missing, found)
    }

    /// A namespace that has a Service of a name, for each name: made when the first is missing.
    fn service_namespaces(&mut self) -> &BTreeMap<&'a str, &'a str> {
        self.namespaces.get_or_insert_with(|| {
            let services = self.index.services.keys().rev();
            services
                .map(|(namespace, name)| (*name, *namespace))
                .collect()
        })
    }

    /// Pods fill the slices of a Service with a selector, so in a cluster that is nothing to fear.
    fn no_endpoint(
        &self,
        reference: Reference<'_>,
        service: &Sourced<Service>,
        found: &Endpoints,
    ) -> Problem {
        let (why, help) = &found.why_none;
        let what = format!("{} has no endpoint: {why}", service.key);
        let has_pods = !service.object.spec.selector.is_empty();
        let (severity, help) = match self.index.snapshot.target {
            Target::Cluster if has_pods => (Severity::Note, "its Pods will give it some"),
            _ => (Severity::Warning, help.as_str()),
        };
        let diagnostic = Diagnostic::new(severity, Code(208), reference.place(""), what)
            .label("nothing to connect to")
            .help(help)
            .related(service.origin.place(""), "the Service");
        Problem::useless(RejectReason::NoEndpoint, diagnostic)
    }

    fn report_more_rules(&mut self, route: &RoutePlan<'_>) {
        if route.source.object.spec.rules.len() > 1 {
            let what = format!("{} has more than one rule", route.source.key);
            self.report.add(
                warning(406, route.source.origin.place("spec.rules[1]"), what)
                    .label("dropped: a stream has nothing to choose a rule by")
                    .effect("only the first rule gets connections")
                    .help("keep one rule, with all backendRefs in it"),
            );
        }
    }

    fn report_weightless(&mut self, route: &RoutePlan<'_>, sum: u64, served: &[Arc<str>]) {
        if sum > 0 {
            return;
        }
        let place = route.source.origin.place("spec.rules[0].backendRefs");
        let effect = match served {
            [] => "none now: no listener gives connections to this route".to_owned(),
            served => {
                let to = words::listeners(served);
                format!("every connection to {to} is closed right after accept")
            }
        };
        self.report.add(
            warning(215, place, "all weights are 0")
                .label("nothing gets connections")
                .effect(effect)
                .help("give at least one backend a weight above 0"),
        );
    }
}

/// Listeners whose connections the route gets.
fn served(gateways: &[GatewayPlan<'_>], at: usize, route: &RoutePlan<'_>) -> Vec<Arc<str>> {
    let mut names = BTreeSet::new();
    for parent in &route.parents {
        let listeners = &gateways[parent.gateway].listeners;
        let served = score(gateways, at, parent).served;
        names.extend(served.iter().map(|at| Arc::clone(&listeners[*at].name)));
    }
    names.into_iter().collect()
}

/// Following a name that a namespace chose would lend it our place in the network
/// (CVE-2021-25740).
fn external_name(reference: Reference<'_>, service: &Sourced<Service>) -> Problem {
    let what = format!("{} is an ExternalName", service.key);
    let found = error(205, reference.place(".name"), what)
        .label("ExternalName Services are refused: they reach past namespaces")
        .help("write an EndpointSlice with the addresses, or with `addressType: FQDN` on a host")
        .related(service.origin.place("spec.type"), "the Service's type");
    Problem::invalid(Unresolved::Value, found)
}

fn service_port<'s>(
    reference: Reference<'_>,
    service: &'s Sourced<Service>,
) -> Result<&'s ServicePort, Problem> {
    let ports = &service.object.spec.ports;
    let Some(number) = reference.spec.port else {
        let what = format!("the reference to {} names no port", service.key);
        let found = error(203, reference.place(""), what)
            .label(format!("it has {}", ports_of(service)))
            .help("name a port of the Service, not the `targetPort` of its Pods")
            .related(service.origin.place("spec.ports"), "its ports");
        return Err(Problem::invalid(Unresolved::Missing, found));
    };
    if let Some(port) = tcp_port(service, number) {
        return Ok(port);
    }
    let Some(other) = ports.iter().find(|port| port.port == number) else {
        let what = format!("{} has no port {number}", service.key);
        let found = error(203, reference.place(".port"), what)
            .label(format!("it has {}", ports_of(service)))
            .help("name a port of the Service, not the `targetPort` of its Pods")
            .related(service.origin.place("spec.ports"), "its ports");
        return Err(Problem::invalid(Unresolved::Missing, found));
    };
    let what = format!("port {number} of {} is {}", service.key, other.protocol);
    let found = error(206, reference.place(".port"), what)
        .label("a TCPRoute needs a TCP port")
        .help(format!("the Service has {}", ports_of(service)))
        .related(service.origin.place("spec.ports"), "its ports");
    Err(Problem::invalid(Unresolved::Protocol, found))
}

/// The TCP port of a Service with this number.
pub(super) fn tcp_port(service: &Sourced<Service>, number: u16) -> Option<&ServicePort> {
    let mut ports = service.object.spec.ports.iter();
    ports.find(|port| port.port == number && port.protocol == "TCP")
}

/// "5433 (`sql`), 53 (`dns`, UDP)".
fn ports_of(service: &Sourced<Service>) -> String {
    let ports = &service.object.spec.ports;
    if ports.is_empty() {
        return "no ports".to_owned();
    }
    let shown = ports.iter().take(NAMES_SHOWN_MAX).map(|port| {
        let protocol = match port.protocol.as_str() {
            "TCP" => None,
            other => Some(other.to_owned()),
        };
        let name = Some(format!("`{}`", port.name)).filter(|_| !port.name.is_empty());
        let more: Vec<String> = name.into_iter().chain(protocol).collect();
        match more.as_slice() {
            [] => port.port.to_string(),
            more => format!("{} ({})", port.port, more.join(", ")),
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Some endpoints are ours; the others still serve.
fn report_loops(found: &Endpoints, report: &mut Report) {
    for (socket, listener, place) in &found.loops {
        let what = format!("endpoint {socket} is listener `{listener}` of this instance");
        report.add(
            error(504, place.clone(), what)
                .label("a connection would come back and be sent here again")
                .effect("it is left out; the other endpoints of the Service get its connections")
                .help("name the address and port where the backend itself listens"),
        );
    }
}

fn only_loops(reference: Reference<'_>, service: &Sourced<Service>, found: &Endpoints) -> Problem {
    let what = format!(
        "every endpoint of {} is a listener of this instance",
        service.key
    );
    let mut diagnostic = error(504, reference.place(""), what)
        .label("a connection would come back and be sent here again")
        .help("name the address and port where the backend itself listens");
    for (socket, listener, place) in found.loops.iter().take(NAMES_SHOWN_MAX) {
        let words = format!("{socket} is listener `{listener}`");
        diagnostic = diagnostic.related(place.clone(), words);
    }
    Problem::useless(RejectReason::Loop, diagnostic)
}

fn too_many(reference: Reference<'_>, service: &Sourced<Service>) -> Problem {
    let what = format!("no room for the endpoints of {}", service.key);
    let diagnostic = error(208, reference.place(""), what)
        .label(format!(
            "a backend may have {ENDPOINTS_PER_BACKEND_MAX}, all together {ENDPOINTS_MAX}"
        ))
        .help("spread the routes over several instances");
    Problem::useless(RejectReason::NoEndpoint, diagnostic)
}
