//! The steps from one state of a table to another.
//!
//! In: two states. Out: [`Step`]s, of which a route is one, however many of its endpoints changed.
//! [`crate::chunks`] makes the messages of them, one at a time: a list of steps is small even when
//! what they carry is not. Never: a step for what is equal.

use std::collections::BTreeMap;
use std::sync::Arc;

use portway_engine::table::{DrainSpec, ListenerSpec, RouteSpec};

use crate::resources::Resources;

/// One listener, one route or its drains, that is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    SetListener(Arc<ListenerSpec>),
    RemoveListener(Arc<str>),
    SetRoute {
        before: Option<Arc<RouteSpec>>,
        after: Arc<RouteSpec>,
    },
    RemoveRoute(Arc<str>),
    SetDrains(Arc<Vec<DrainSpec>>),
    RemoveDrains(Arc<str>),
}

/// What leads from `before` to `after`.
pub(crate) fn diff(before: &Resources, after: &Resources) -> Vec<Step> {
    let mut steps = Vec::new();
    steps.extend(gone(&before.listeners, &after.listeners).map(Step::RemoveListener));
    steps.extend(gone(&before.routes, &after.routes).map(Step::RemoveRoute));
    steps.extend(gone(&before.drains, &after.drains).map(Step::RemoveDrains));
    for (listener, _) in changed(&before.listeners, &after.listeners) {
        steps.push(Step::SetListener(Arc::clone(listener)));
    }
    for (route, before) in changed(&before.routes, &after.routes) {
        steps.push(Step::SetRoute {
            before: before.map(Arc::clone),
            after: Arc::clone(route),
        });
    }
    for (drains, _) in changed(&before.drains, &after.drains) {
        steps.push(Step::SetDrains(Arc::clone(drains)));
    }
    steps
}

fn gone<'a, T>(
    before: &'a BTreeMap<Arc<str>, T>,
    after: &'a BTreeMap<Arc<str>, T>,
) -> impl Iterator<Item = Arc<str>> {
    let names = before.keys().filter(|it| !after.contains_key(*it));
    names.map(Arc::clone)
}

/// What is new or different in `after`, with what it was. `Arc`s of a type that is `Eq` compare by
/// pointer first, so what two states share costs one comparison.
fn changed<'a, T: Eq>(
    before: &'a BTreeMap<Arc<str>, Arc<T>>,
    after: &'a BTreeMap<Arc<str>, Arc<T>>,
) -> impl Iterator<Item = (&'a Arc<T>, Option<&'a Arc<T>>)> {
    let with_before = after.iter().map(|(name, it)| (it, before.get(name)));
    with_before.filter(|(after, before)| *before != Some(*after))
}
