//! Which finalizers a class gets.

use serde_json::Value;

use super::{FINALIZER, finalizers};
use crate::store::Stored;

fn stored(finalizers: &[&str], is_ending: bool) -> Stored {
    Stored {
        api_version: "gateway.networking.k8s.io/v1".to_owned(),
        resource_version: "1".to_owned(),
        status: Value::Null,
        finalizers: finalizers.iter().map(|it| (*it).to_owned()).collect(),
        uid: String::new(),
        is_ending,
    }
}

#[test]
fn a_class_has_our_finalizer_while_gateways_use_it_and_keeps_those_of_others() {
    let used = |class: Stored| finalizers(&class, true);
    let unused = |class: Stored| finalizers(&class, false);
    let (other, both) = (["other"], ["other", FINALIZER]);
    assert_eq!(used(stored(&other, false)).unwrap(), both);
    assert_eq!(used(stored(&both, false)), None);
    assert_eq!(unused(stored(&both, false)).unwrap(), other);
    assert_eq!(unused(stored(&other, false)), None);
    // One that is being deleted takes no new ones, and is let go.
    assert_eq!(used(stored(&other, true)), None);
    assert_eq!(used(stored(&both, true)), None);
    assert_eq!(unused(stored(&both, true)).unwrap(), other);
}
