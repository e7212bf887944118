//! `/api/v1/explain`: why an object or address is as it is, in the instance that serves it.
//!
//! In: what is [`Shown`], a subject. Out: a JSON value, as `portway explain --output json` prints it.
//! Never: other decisions than those of the table that is served; they are made once more from the
//! same objects and facts.

use portway_control::snapshot::{CONTROLLER_NAME, Snapshot, Target};
use portway_control::translate::explain::explain;
use serde_json::Value;

use super::Shown;
use crate::admin::Unexplained;
use crate::render;
use crate::subject::Wanted;

/// The decisions about `subject`.
pub(super) fn of(shown: &Shown, subject: &str) -> Result<Value, Unexplained> {
    let wanted: Result<Wanted, _> = subject.parse();
    let wanted = wanted.map_err(|error| Unexplained::NoSubject(error.to_string()))?;
    let subject = wanted.subject(&shown.objects);
    let subject = subject.map_err(|error| Unexplained::Unknown(error.to_string()))?;
    let Some(subject) = subject else {
        let why = "that is about no object".to_owned();
        return Err(Unexplained::NoSubject(why));
    };
    let snapshot = Snapshot {
        target: Target::Standalone,
        controller_name: CONTROLLER_NAME.into(),
        objects: shown.objects.clone(),
        facts: shown.facts.clone(),
    };
    let explanation = explain(&snapshot, &subject);
    let explanation =
        explanation.ok_or_else(|| Unexplained::Unknown("there is no such object".to_owned()))?;
    Ok(render::explain::value(&explanation))
}
