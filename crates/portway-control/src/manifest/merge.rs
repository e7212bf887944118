//! What several sources gave → one [`Reading`].
//!
//! In: [`SourceReading`]s in order. Out: objects by key with their place in the order of input;
//! an object that is there twice is told with both places, and the first counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::object::Object;
use super::{Reading, SourceReading};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::limits::DIAGNOSTICS_MAX;
use crate::origin::{ObjectKey, Origin, Place, Sourced, Span};

/// Merges.
pub(super) fn merge<'a>(sources: impl Iterator<Item = &'a SourceReading>) -> Reading {
    let mut reading = Reading::default();
    let mut order = 0;
    let mut n_more = 0;
    for source in sources {
        for object in &source.objects {
            add(&mut reading, object, order);
            order += 1;
        }
        let left_out = source.left_out.iter().cloned();
        reading.objects.left_out.extend(left_out);
        for (kind, n) in &source.skipped {
            *reading.skipped.entry(kind.clone()).or_default() += n;
        }
        reading.diagnostics.extend_from_slice(&source.diagnostics);
        reading.for_clusters.extend_from_slice(&source.for_clusters);
        n_more += source.n_more;
    }
    let n_over = reading.diagnostics.len().saturating_sub(DIAGNOSTICS_MAX);
    reading.diagnostics.truncate(DIAGNOSTICS_MAX);
    n_more += n_over;
    if n_more > 0
        && let Some(last) = reading.diagnostics.last()
    {
        let what = format!("{n_more} more problems are not shown");
        let finding = Diagnostic::new(Severity::Error, Code(12), last.place.clone(), what)
            .effect("all objects that have one are left out")
            .help("see to those that are shown first");
        reading.diagnostics.push(finding);
    }
    reading
}

fn add(reading: &mut Reading, object: &Object, order: u64) {
    let all = &mut reading.objects;
    let added = match object {
        Object::GatewayClass(object) => put(&mut all.gateway_classes, object, order),
        Object::Gateway(object) => put(&mut all.gateways, object, order),
        Object::TcpRoute(object) => put(&mut all.tcp_routes, object, order),
        Object::ReferenceGrant(object) => put(&mut all.reference_grants, object, order),
        Object::Namespace(object) => put(&mut all.namespaces, object, order),
        Object::Service(object) => put(&mut all.services, object, order),
        Object::EndpointSlice(object) => put(&mut all.endpoint_slices, object, order),
        Object::GatewayConfig(object) => put(&mut all.gateway_configs, object, order),
    };
    match added {
        Ok(key) => reading.in_order.push(key),
        Err(twice) => tell(&mut reading.diagnostics, *twice),
    }
}

fn put<T: Clone>(
    objects: &mut BTreeMap<ObjectKey, Arc<Sourced<T>>>,
    object: &Arc<Sourced<T>>,
    order: u64,
) -> Result<ObjectKey, Box<Diagnostic>> {
    if let Some(first) = objects.get(&object.key) {
        let finding = there_twice(&object.key, &object.origin, &first.origin);
        return Err(Box::new(finding));
    }
    let mut object = object.clone();
    if object.origin.order != order {
        Arc::make_mut(&mut object).origin.order = order;
    }
    let key = object.key.clone();
    objects.insert(key.clone(), object);
    Ok(key)
}

/// Adds what [`there_twice`] says: of a file that is given twice it says the same for each object.
pub(super) fn tell(diagnostics: &mut Vec<Diagnostic>, twice: Diagnostic) {
    let mut told = diagnostics.iter().rev();
    let is_told = twice.severity == Severity::Note && told.any(|it| *it == twice);
    if !is_told {
        diagnostics.push(twice);
    }
}

/// What is said of an object that another of its name comes before.
pub(super) fn there_twice(key: &ObjectKey, second: &Origin, first: &Origin) -> Diagnostic {
    let place = second.place("metadata.name");
    let first = first.place("metadata.name");
    if let Some(file) = place.source.as_ref().filter(|_| place == first) {
        let start = Place {
            source: Some(file.clone()),
            span: Span {
                line: 1,
                column: 1,
                ..Span::default()
            },
            field: String::new(),
        };
        return Diagnostic::new(
            Severity::Note,
            Code(7),
            start,
            format!("`{file}` is given twice"),
        )
        .label("its objects count once")
        .help("give it once: a directory is read with all in it");
    }
    let what = format!("{key} is there twice");
    Diagnostic::new(Severity::Error, Code(7), place, what)
        .label("the second, which is left out")
        .effect("only the first of the two is used")
        .help("remove or rename one of them")
        .related(first, "the first")
}
