//! Objects → routing tables, statuses and diagnostics: pure, total, deterministic.
//!
//! In: a [`Snapshot`]. Out: a [`Translation`]. Never: a clock; an object that breaks the others;
//! a decision by the order of input, except for the age of objects without a creationTimestamp.
//! The steps stand in `decide`, in order; each is a module, `plan` is what they hand on.
//! [`succession`] makes only tables, one after the other, and saves what it can.

mod age;
mod index;
mod plan;
mod report;
mod words;

mod parameters;

mod class;
mod listener;

mod conflict;
mod host;

mod admit;
mod attach;
mod winner;

mod grant;
mod own;

mod slices;

mod endpoint;

mod backend;
mod drain;

mod annotations;

mod fleet;
mod outcome;
mod table;

pub mod explain;
pub mod succession;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portway_engine::table::TableSpec;

use crate::diagnostic::Diagnostic;
use crate::origin::ObjectKey;
use crate::provision::Fleet;
use crate::snapshot::{Snapshot, Target};
use crate::status::Statuses;

/// What a snapshot means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Translation {
    /// One table a Gateway for [`crate::snapshot::Target::Cluster`]; for a host one table in all,
    /// under [`Translation::host_table`].
    pub tables: BTreeMap<ObjectKey, TableSpec>,
    /// The one table of this host ([`crate::snapshot::Target::Standalone`]); empty for a cluster.
    /// [`succession::Succession`] gives the same without the rest.
    pub host_table: TableSpec,
    /// What each Gateway needs in a cluster; one that is refused keeps what it has and is not here.
    pub fleets: BTreeMap<ObjectKey, Fleet>,
    /// Statuses of every object of ours.
    pub statuses: Statuses,
    /// `name:port` of endpoints whose names nobody has asked for yet, by the name of their backend:
    /// they show when Portway runs.
    pub unasked: BTreeMap<Arc<str>, BTreeSet<String>>,
    /// Why the share of a backend is rejected, by the names of its route and its own.
    pub faults: BTreeMap<(Arc<str>, Arc<str>), String>,
    /// Findings, in order of place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Translates a snapshot.
pub fn translate(snapshot: &Snapshot) -> Translation {
    translate_tables_first(snapshot, |_| {})
}

/// Translates a snapshot. `hand_out` is called as soon as tables and fleets are there, and may take
/// them: what is said of them takes about as long again.
pub fn translate_tables_first(
    snapshot: &Snapshot,
    hand_out: impl FnOnce(&mut Translation),
) -> Translation {
    let mut report = report::Report::default();
    let index = index::Index::of(snapshot);
    let decided = decide(&index, &mut report);
    let Decided {
        classes,
        gateways,
        routes,
        backends,
        ..
    } = &decided;

    let mut translation = Translation::default();
    match snapshot.target {
        Target::Standalone => {
            translation.host_table = table::one(&index, gateways, routes, backends)
        }
        Target::Cluster => {
            translation.tables = table::one_each(&index, gateways, routes, backends);
            translation.fleets = fleet::one_each(&index, gateways);
        }
    }
    hand_out(&mut translation);
    tell(&decided, &mut report);
    translation.statuses = class::statuses(&index, classes);
    let more = outcome::gateways(snapshot, gateways);
    translation.statuses.extend(more);
    let more = outcome::routes(snapshot, gateways, routes, backends);
    translation.statuses.extend(more);
    translation.unasked = backends
        .iter()
        .flat_map(backend::Backends::all_unasked)
        .collect();
    for (route, backends) in routes.iter().zip(backends) {
        let faults = backends.all_faults();
        let faults = faults.map(|(name, why)| ((Arc::clone(&route.name), name), why));
        translation.faults.extend(faults);
    }
    translation.diagnostics = report.finish();
    translation
}

/// Everything that is decided about a snapshot, before it becomes tables, statuses or a story.
#[derive(Debug)]
struct Decided<'a> {
    index: &'a index::Index<'a>,
    classes: BTreeMap<&'a str, class::Class<'a>>,
    gateways: Vec<plan::GatewayPlan<'a>>,
    routes: Vec<plan::RoutePlan<'a>>,
    /// One for each route.
    backends: Vec<backend::Backends>,
    /// The sockets that none of them leads to.
    own: own::OwnSockets,
    /// Whether endpoints were left out for want of room: then each backend depends on all others.
    lacks_room: bool,
}

/// The steps, in order. They report what they find on their way.
fn decide<'a>(index: &'a index::Index<'a>, report: &mut report::Report) -> Decided<'a> {
    // Which Gateways are ours, and what their listeners can be.
    let classes = class::judge(index, report);
    let mut gateways = listener::declared(index, &classes, report);
    conflict::find(&mut gateways, report);
    host::bind(index.snapshot, &mut gateways, report);

    // Which routes attach, and which of them gets the connections.
    let routes = attach::attach(index, &mut gateways, report);
    winner::choose(&mut gateways, &routes);

    // Where they send them.
    let backend::AllBackends {
        routes: backends,
        own,
        lacks_room,
    } = backend::resolve(index, &gateways, &routes, report);
    Decided {
        index,
        classes,
        gateways,
        routes,
        backends,
        own,
        lacks_room,
    }
}

/// Reports what decides nothing, but is not as somebody meant it.
fn tell(decided: &Decided<'_>, report: &mut report::Report) {
    let Decided {
        index,
        gateways,
        routes,
        ..
    } = decided;
    admit::check(gateways, report);
    winner::report_superseded(gateways, routes, report);
    winner::report_not_serving(gateways, routes, report);
    winner::report_empty(gateways, report);
    slices::check(index, report);
    drain::check(index, routes, report);
    annotations::check(index, report);
}
