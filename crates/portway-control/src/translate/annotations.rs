//! Annotations that look like Portway's and are none.
//!
//! In: every object but EndpointSlices, which controllers write. Out: a finding for each that does
//! nothing where it stands. Never: a look at its value, which is who reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::drain;
use super::index::Index;
use super::report::{Report, warning};
use crate::api::{Kind, ObjectMeta};
use crate::origin::{ObjectKey, Sourced};

/// How the domain of ours begins, and of those that are meant to be ours.
const DOMAIN: &str = "portway";

/// Objects of one kind.
type Objects<T> = BTreeMap<ObjectKey, Arc<Sourced<T>>>;

/// Says which annotations do nothing.
pub(super) fn check(index: &Index<'_>, report: &mut Report) {
    let all = &index.snapshot.objects;
    check_all(&all.gateway_classes, |it| &it.metadata, report);
    check_all(&all.gateways, |it| &it.metadata, report);
    check_all(&all.tcp_routes, |it| &it.metadata, report);
    check_all(&all.reference_grants, |it| &it.metadata, report);
    check_all(&all.namespaces, |it| &it.metadata, report);
    check_all(&all.services, |it| &it.metadata, report);
    check_all(&all.gateway_configs, |it| &it.metadata, report);
}

fn check_all<T>(objects: &Objects<T>, meta: fn(&T) -> &ObjectMeta, report: &mut Report) {
    for source in objects.values() {
        let names = meta(&source.object).annotations.keys();
        for name in names.filter(|name| name.starts_with(DOMAIN)) {
            check_one(source, name, report);
        }
    }
}

fn check_one<T>(source: &Sourced<T>, name: &str, report: &mut Report) {
    let (known, kind) = (drain::ANNOTATION, source.key.kind);
    let Some((domain, last)) = name.split_once('/') else {
        return;
    };
    let (_, known_last) = known.split_once('/').unwrap_or_default();
    let is_near = last == known_last || report.guess(last, [known_last]).is_some();
    let place = source.origin.place(&format!("metadata.annotations.{name}"));
    let unknown = || format!("there is no annotation `{name}`");
    let found = if name == known {
        if matches!(kind, Kind::TcpRoute | Kind::Service) {
            return;
        }
        warning(219, place, format!("`{known}` on a {}", kind.name()))
            .label("it is read of TCPRoutes and Services")
            .help("write it on the TCPRoute or Service whose connections are meant")
    } else if is_near {
        warning(219, place, unknown())
            .label(format!("did you mean `{known}`?"))
            .help(format!("write `{known}`, or remove it"))
    } else if domain == "portway.dev" {
        warning(219, place, unknown())
            .label("Portway does not know it")
            .help(format!("remove it; `{known}` is the only one there is"))
    } else {
        return;
    };
    report.add(found.effect("it does nothing"));
}
