//! Whose an object is.
//!
//! In: an object as it is stored. Out: its uid, the Gateway that owns it. Never: what is to be done
//! with it then.

use portway_control::api::Kind;
use portway_control::origin::ObjectKey;
use portway_control::provision::names;
use serde_json::Value;

use crate::store::FleetKey;

pub(super) fn uid(object: &Value) -> Option<&str> {
    object["metadata"]["uid"].as_str()
}

/// The Gateway that owns an object of ours.
pub(super) fn owner(key: &FleetKey, value: &Value, controller: &str) -> Option<ObjectKey> {
    let metadata = &value["metadata"];
    if metadata["labels"][names::CONTROLLER_LABEL] != *controller {
        return None;
    }
    let mut owners = metadata["ownerReferences"].as_array()?.iter();
    let owner = owners.find(|owner| owner["kind"] == Kind::Gateway.name())?;
    Some(ObjectKey {
        kind: Kind::Gateway,
        namespace: key.namespace.as_str().into(),
        name: owner["name"].as_str()?.into(),
    })
}

/// Whether an object has the same controller as the one that is to be applied: the very Gateway, by
/// its uid. Labels may be lost, but none says that another made it.
pub(super) fn has_controller_of(stored: &Value, wanted: &Value) -> bool {
    let controller = |object: &Value| -> Option<String> {
        let mut owners = object["metadata"]["ownerReferences"].as_array()?.iter();
        let owner = owners.find(|it| it["controller"] == true)?;
        owner["uid"].as_str().map(str::to_owned)
    };
    let labels = [names::MANAGED_BY_LABEL, names::CONTROLLER_LABEL];
    let says_otherwise = labels.iter().any(|label| {
        let of = |object: &Value| object["metadata"]["labels"][*label].clone();
        of(stored).is_string() && of(stored) != of(wanted)
    });
    !says_otherwise && controller(wanted).is_some_and(|uid| controller(stored) == Some(uid))
}
