//! An object that is there and is not used, for what is wrong with it.

use super::{Explanation, Story, Verdict};
use crate::api::Kind;
use crate::limits::NAMES_SHOWN_MAX;
use crate::origin::ObjectKey;
use crate::snapshot::{LeftOut, Snapshot};

/// A subject that is left out; `None` if it is not.
pub(super) fn explain(snapshot: &Snapshot, key: &ObjectKey) -> Option<Explanation> {
    let it = snapshot.objects.left_out.get(key)?;
    let mut story = Story::default();
    tell(&mut story, 0, key, it);
    let outcome = match key.kind {
        Kind::Gateway => "none of its listeners listens",
        _ => "it gets no connections",
    };
    Some(story.end(key.to_string(), outcome))
}

/// Adds to what is said of a used object that there is another of its name, which is left out.
pub(super) fn beside(mut used: Explanation, snapshot: &Snapshot, key: &ObjectKey) -> Explanation {
    if let Some(it) = snapshot.objects.left_out.get(key) {
        let mut story = Story { steps: used.steps };
        let what = "another object of this name is left out for what is wrong with it";
        story.tell(0, Verdict::Fact, what, it.place.clone());
        used.steps = story.steps;
    }
    used
}

/// That an object is left out, and the first reason.
pub(super) fn tell(story: &mut Story, depth: u8, key: &ObjectKey, it: &LeftOut) {
    let what = format!("{key} is left out for what is wrong with it");
    story.tell(depth, Verdict::No, what, it.place.clone());
    if let Some(why) = &it.why {
        let what = format!("{}: {}", why.code, why.what);
        story.tell(depth + 1, Verdict::No, what, why.place.clone());
    }
}

/// Gateways whose listeners nobody knows.
pub(super) fn tell_gateways(story: &mut Story, snapshot: &Snapshot) {
    let all = snapshot.objects.left_out.iter();
    let gateways = all.filter(|(key, _)| key.kind == Kind::Gateway);
    for (key, it) in gateways.take(NAMES_SHOWN_MAX) {
        tell(story, 0, key, it);
    }
}
