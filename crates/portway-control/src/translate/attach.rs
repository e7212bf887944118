//! Which routes attach to which listeners.
//!
//! In: planned Gateways, all TCPRoutes. Out: a [`RoutePlan`] for each route with a parent of ours;
//! the listeners know their routes. Never: the health of a listener: a route attaches to a broken
//! one too. Spec: `ParentReference` (`shared_types.go`), `ListenerStatus.attachedRoutes`
//! (`gateway_types.go`, v1.7.0).

use std::collections::BTreeMap;

use super::admit::{Admission, admit};
use super::age::Age;
use super::index::{Index, Name};
use super::listener::TCP_ROUTE;
use super::plan::{GatewayPlan, ListenerPlan, ParentPlan, Refusal, RoutePlan};
use super::report::{Report, error, left_out, warning};
use super::words;
use crate::api::{From, GATEWAY_GROUP, Gateway, Kind, ParentReference, TcpRoute};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::limits::NAMES_SHOWN_MAX;
use crate::origin::{Place, Sourced};
use crate::snapshot::Coverage;
use crate::status::reason;

/// Judges every parentRef of every route.
pub(super) fn attach<'a>(
    index: &Index<'a>,
    gateways: &mut [GatewayPlan<'a>],
    report: &mut Report,
) -> Vec<RoutePlan<'a>> {
    let ours: BTreeMap<Name<'a>, usize> = gateways
        .iter()
        .enumerate()
        .map(|(at, plan)| ((&*plan.source.key.namespace, &*plan.source.key.name), at))
        .collect();
    let mut routes = Vec::new();
    for source in index.snapshot.objects.tcp_routes.values() {
        let parents = parents(index, &ours, gateways, source, report);
        if parents.is_empty() {
            continue;
        }
        for parent in &parents {
            for at in parent.attached.iter().flatten() {
                let listener = &mut gateways[parent.gateway].listeners[*at];
                // Counted per route, not per parentRef.
                if listener.routes.last() != Some(&routes.len()) {
                    listener.routes.push(routes.len());
                }
            }
        }
        routes.push(RoutePlan {
            source,
            age: Age::of(source, &source.object.metadata),
            name: format!("{TCP_ROUTE} {}/{}", source.key.namespace, source.key.name).into(),
            parents,
        });
    }
    routes
}

fn parents<'a>(
    index: &Index<'a>,
    ours: &BTreeMap<Name<'a>, usize>,
    gateways: &[GatewayPlan<'a>],
    source: &'a Sourced<TcpRoute>,
    report: &mut Report,
) -> Vec<ParentPlan<'a>> {
    let mut plans: Vec<ParentPlan<'a>> = Vec::new();
    let references = &source.object.spec.parent_refs;
    if references.is_empty() {
        let what = format!("{} has no parentRefs", source.key);
        report.add(
            warning(408, source.origin.place("spec.parentRefs"), what)
                .label("attached to nothing")
                .effect("it gets no connections")
                .help("name a Gateway in `spec.parentRefs`"),
        );
    }
    for (at, reference) in references.iter().enumerate() {
        if plans.iter().any(|plan| plan.reference == reference) {
            continue;
        }
        let parent = Parent {
            route: source,
            index: at,
            reference,
        };
        let Some(gateway) = parent.gateway(index, ours, report) else {
            continue;
        };
        let selected = parent.selected(&gateways[gateway]);
        let attached = parent.judge(index, &gateways[gateway], &selected, report);
        plans.push(ParentPlan {
            index: at,
            reference,
            gateway,
            n_selected: selected.len(),
            attached,
        });
    }
    plans
}

/// One parentRef of one route.
#[derive(Debug, Clone, Copy)]
struct Parent<'a> {
    route: &'a Sourced<TcpRoute>,
    index: usize,
    reference: &'a ParentReference,
}

impl Parent<'_> {
    fn place(&self, field: &str) -> Place {
        let path = format!("spec.parentRefs[{}]{field}", self.index);
        self.route.origin.place(&path)
    }

    fn namespace(&self) -> &str {
        let own = &self.route.key.namespace;
        self.reference.namespace.as_deref().unwrap_or(own)
    }

    /// The Gateway of ours that is named; for anything else nothing is written.
    fn gateway(
        &self,
        index: &Index<'_>,
        ours: &BTreeMap<Name<'_>, usize>,
        report: &mut Report,
    ) -> Option<usize> {
        let reference = self.reference;
        if reference.group != GATEWAY_GROUP || reference.kind != "Gateway" {
            self.report_kind(report);
            return None;
        }
        let name = (self.namespace(), reference.name.as_str());
        let gateway = ours.get(&name).copied();
        if gateway.is_none() {
            match index.gateways.get(&name) {
                None => self.report_missing(index, report),
                Some(gateway) => self.report_classless(index, gateway, report),
            }
        }
        gateway
    }

    fn report_kind(&self, report: &mut Report) {
        let kind = words::kind(&self.reference.group, &self.reference.kind);
        let label = match (&*self.reference.group, &*self.reference.kind) {
            (GATEWAY_GROUP, "ListenerSet") => "not supported yet",
            ("", "Service") => "meshes are not Portway's",
            _ => "not a Gateway",
        };
        let guess = report.guess(&self.reference.kind, ["Gateway"]);
        let mut found = warning(
            402,
            self.place(".kind"),
            format!("{} names a parent of kind `{kind}`", self.route.key),
        )
        .label(label)
        .effect("the route gets no connections from it, and no status for it");
        found.help = guess.or_else(|| Some("name a Gateway".to_owned()));
        report.add(found);
    }

    fn report_missing(&self, index: &Index<'_>, report: &mut Report) {
        let (namespace, name) = (self.namespace(), self.reference.name.as_str());
        let effect = "the route gets no connections from it, and no status for it";
        let objects = &index.snapshot.objects;
        if let Some((key, it)) = objects.find_left_out(Kind::Gateway, namespace, name) {
            let found = left_out(401, self.place(".name"), &key, it);
            report.add(found.effect(effect));
            return;
        }
        let guess = match index.gateway_namespaces.get(name) {
            Some(other) => Some(format!(
                "there is one in namespace `{other}`: name it in `namespace`"
            )),
            None => report.guess(name, index.gateways_in(namespace)),
        };
        let mut found = warning(
            401,
            self.place(".name"),
            format!("there is no Gateway `{namespace}/{name}`"),
        )
        .label(index.absent())
        .effect(effect);
        found.help = guess.or_else(|| Some(index.help_absent("Gateway")));
        report.add(found);
    }

    /// Where the Gateway is the cluster's and the route is a file's, nothing else would tell.
    fn report_classless(&self, index: &Index<'_>, gateway: &Sourced<Gateway>, report: &mut Report) {
        let class = gateway.object.spec.gateway_class_name.as_str();
        let is_known = index.classes.contains_key(&("", class));
        if is_known || index.snapshot.facts.coverage == Coverage::Part {
            return;
        }
        let what = format!("no controller takes {}", gateway.key);
        report.add(
            warning(301, self.place(".name"), what)
                .label(format!("of class `{class}`, which is not there"))
                .effect("the route gets no connections from it, and no status for it")
                .help("name a class that is there, in the Gateway"),
        );
    }

    /// The name of a listener, if it names one; the API takes an empty one for none.
    fn section(&self) -> Option<&str> {
        let section = self.reference.section_name.as_deref();
        section.filter(|name| !name.is_empty())
    }

    /// Listeners that the reference selects by name and port, as far as it says.
    fn selected(&self, gateway: &GatewayPlan<'_>) -> Vec<usize> {
        let selects = |listener: &ListenerPlan<'_>| {
            let named = self.section().is_none_or(|name| listener.spec.name == name);
            let port = self.reference.port;
            named && port.is_none_or(|port| listener.spec.port == port)
        };
        let listeners = gateway.listeners.iter().enumerate();
        listeners
            .filter(|(_, listener)| selects(listener))
            .map(|(at, _)| at)
            .collect()
    }

    /// The listeners that take the route, or why none does.
    fn judge(
        &self,
        index: &Index<'_>,
        gateway: &GatewayPlan<'_>,
        selected: &[usize],
        report: &mut Report,
    ) -> Result<Vec<usize>, Refusal> {
        if selected.is_empty() {
            return Err(self.no_such_listener(gateway, report));
        }
        let (mut attached, mut refused) = (Vec::new(), Vec::new());
        for at in selected {
            let listener = &gateway.listeners[*at];
            let allowed = &listener.spec.allowed_routes.namespaces;
            let (from, to) = (&self.route.key.namespace, &gateway.source.key.namespace);
            let admission = admit(index, allowed, to, from);
            let takes_kind = listener.kinds.iter().any(|kind| kind.kind == TCP_ROUTE);
            if !takes_kind {
                refused.push((*at, None));
            } else if admission != Admission::Admitted {
                refused.push((*at, Some(admission)));
            } else {
                attached.push(*at);
            }
        }
        if attached.is_empty() {
            return Err(self.not_allowed(gateway, &refused, report));
        }
        Ok(attached)
    }

    fn no_such_listener(&self, gateway: &GatewayPlan<'_>, report: &mut Report) -> Refusal {
        let key = &gateway.source.key;
        let (field, wanted) = match (self.section(), self.reference.port) {
            (Some(name), Some(port)) => (".sectionName", format!("`{name}` on port {port}")),
            (Some(name), None) => (".sectionName", format!("`{name}`")),
            (None, Some(port)) => (".port", format!("on port {port}")),
            (None, None) => ("", "at all".to_owned()),
        };
        let message = format!("{key} has no listener {wanted}");
        let declared = gateway.listeners.iter();
        let declared: Vec<String> = declared
            .map(|l| format!("`{}` ({})", l.spec.name, l.spec.port))
            .take(NAMES_SHOWN_MAX)
            .collect();
        let names = gateway.listeners.iter().map(|l| l.spec.name.as_str());
        let section = self.section().unwrap_or_default();
        let mut found = error(403, self.place(field), message.clone())
            .label(format!("it has {}", declared.join(", ")))
            .effect("the route gets no connections by this parentRef")
            .related(
                gateway.source.origin.place("spec.listeners"),
                "its listeners",
            );
        let is_named = |listener: &&ListenerPlan<'_>| listener.spec.name == section;
        found.help = match gateway.listeners.iter().find(is_named) {
            Some(named) => Some(format!("`{section}` is on port {}", named.spec.port)),
            None if section.is_empty() => None,
            None => report.guess(section, names),
        };
        let otherwise = "name one of these, or none to attach to every listener";
        found.help = found.help.or_else(|| Some(otherwise.to_owned()));
        report.add(found);
        Refusal {
            reason: reason::NO_MATCHING_PARENT,
            message,
        }
    }

    /// `refused`: listeners with why their namespaces differ, or `None` where the kind does.
    fn not_allowed(
        &self,
        gateway: &GatewayPlan<'_>,
        refused: &[(usize, Option<Admission>)],
        report: &mut Report,
    ) -> Refusal {
        let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (at, admission) in refused {
            let listener = &gateway.listeners[*at];
            let why = self.why_not(gateway, listener, *admission);
            reasons.entry(why).or_default().push(&listener.spec.name);
        }
        let reasons: Vec<String> = reasons
            .iter()
            .map(|(why, names)| format!("{} {why}", words::listeners(names)))
            .collect();
        let message = reasons.join("; ");
        let perhaps = refused
            .iter()
            .any(|(_, why)| *why == Some(Admission::LabelsUnknown));
        let namespaces = refused.iter().any(|(_, why)| why.is_some());
        let (severity, help) = if perhaps {
            let help = "add the Namespace with its labels, if it has them";
            (Severity::Warning, help)
        } else if namespaces {
            let help = "allow the namespace in the listener's `allowedRoutes.namespaces`";
            (Severity::Error, help)
        } else {
            (
                Severity::Error,
                "attach to a `TCP` listener that takes `TCPRoute`",
            )
        };
        let field = match self.section() {
            Some(_) => ".sectionName",
            None => "",
        };
        let mut found = Diagnostic::new(severity, Code(404), self.place(field), message.clone())
            .label("no listener takes this route")
            .effect("the route gets no connections by this parentRef")
            .help(help);
        for (at, why) in refused.iter().take(NAMES_SHOWN_MAX) {
            let listener = &gateway.listeners[*at];
            let field = match why {
                Some(_) => ".allowedRoutes.namespaces",
                None if listener.spec.allowed_routes.kinds.is_empty() => ".protocol",
                None => ".allowedRoutes.kinds",
            };
            let place = gateway.listener_place(listener.index, field);
            found = found.related(place, format!("what `{}` takes", listener.spec.name));
        }
        report.add(found);
        Refusal {
            reason: reason::NOT_ALLOWED_BY_LISTENERS,
            message,
        }
    }

    fn why_not(
        &self,
        gateway: &GatewayPlan<'_>,
        listener: &ListenerPlan<'_>,
        admission: Option<Admission>,
    ) -> String {
        let namespace = &self.route.key.namespace;
        match admission {
            None => match listener.spec.allowed_routes.kinds.as_slice() {
                [] => format!("of protocol `{}` takes no TCPRoute", listener.spec.protocol),
                _ => "takes no TCPRoute".to_owned(),
            },
            Some(Admission::OtherNamespace) => format!(
                "takes routes of namespace `{}` only (`from: Same`)",
                gateway.source.key.namespace
            ),
            Some(Admission::LabelsUnknown) => format!(
                "selects namespaces by labels, and those of `{namespace}` are not in the input"
            ),
            Some(_) if listener.spec.allowed_routes.namespaces.from == From::Selector => {
                format!("selects namespaces by labels that `{namespace}` does not have")
            }
            Some(_) => format!("takes no routes of namespace `{namespace}`"),
        }
    }
}
