//! What `--kube` means for where objects are used.

use portway_control::snapshot::{Coverage, Objects, Target};

use super::KubeArgs;
use crate::cli::input::{Input, Strictness};

#[test]
fn objects_of_a_cluster_are_used_there_unless_it_is_said_otherwise() {
    let of = |kube, said: Option<Target>| {
        let args = KubeArgs {
            kube,
            kube_entry: None,
        };
        said.unwrap_or(args.target())
    };
    assert_eq!(of(true, None), Target::Cluster);
    assert_eq!(of(true, Some(Target::Standalone)), Target::Standalone);
    assert_eq!(of(false, None), Target::Standalone);
    assert_eq!(of(false, Some(Target::Cluster)), Target::Cluster);
}

/// What is missing then is nowhere.
#[test]
fn objects_of_a_cluster_are_all_there_are() {
    let of = |cluster| {
        let mut input = Input::read(&[], Strictness::Usual).unwrap();
        input.complete(cluster);
        input.snapshot(Target::Cluster).facts.coverage
    };
    assert_eq!(of(Some(Objects::default())), Coverage::Whole);
    assert_eq!(of(None), Coverage::Part);
}
