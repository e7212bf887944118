//! Packages depend on what their row in the table of rooms allows, and all together on few.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::tidy::finding::Finding;
use crate::tidy::rooms::{DIRECT_MAX, LOCKED_MAX, May, room};
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.packages() {
        let path = format!("{package}/Cargo.toml");
        let Some(room) = room(package) else {
            let way_out = "give it a row in xtask/src/tidy/rooms.rs, a section in ARCHITECTURE.md \
                           and a page in docs/decisions";
            findings.push(Finding::of(
                &path,
                "a room that the map does not know",
                way_out,
            ));
            continue;
        };
        let Some(manifest) = manifest(tree, &path) else {
            continue;
        };
        for name in dependencies(&manifest, &["dependencies", "build-dependencies"]) {
            let is_allowed = match room.may_use {
                May::Only(these) => these.contains(&name.as_str()),
                May::AllBut(these) => !these.contains(&name.as_str()),
            };
            if !is_allowed {
                let what = format!("it depends on {name}, which its row does not allow");
                let way_out = "put the code where it may, or change the row in \
                               xtask/src/tidy/rooms.rs with a page in docs/decisions";
                findings.push(Finding::of(&path, what, way_out));
            }
        }
    }
    findings
}

pub(super) fn budget(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (n_direct, n_locked) = n_dependencies(tree);
    let way_out = "leave one out, or raise the budget in xtask/src/tidy/rooms.rs with a reason";
    if n_direct > DIRECT_MAX {
        let what = format!("{n_direct} direct dependencies, at most {DIRECT_MAX}");
        findings.push(Finding::of("Cargo.toml", what, way_out));
    }
    if n_locked > LOCKED_MAX {
        let what = format!("{n_locked} locked packages, at most {LOCKED_MAX}");
        findings.push(Finding::of("Cargo.lock", what, way_out));
    }
    findings
}

/// Direct dependencies of the crates, which are what users get; and packages in Cargo.lock, which
/// is all that is built here. Ours are not counted.
pub(in crate::tidy) fn n_dependencies(tree: &Tree) -> (usize, usize) {
    let mut direct = BTreeSet::new();
    let mut own = BTreeSet::new();
    for package in tree.packages().filter(|it| it.starts_with("crates/")) {
        let Some(manifest) = manifest(tree, &format!("{package}/Cargo.toml")) else {
            continue;
        };
        let name = manifest.get("package").and_then(|it| it.get("name"));
        own.extend(name.and_then(Value::as_str).map(ToOwned::to_owned));
        let kinds = ["dependencies", "build-dependencies"];
        direct.extend(dependencies(&manifest, &kinds));
    }
    let n_direct = direct.difference(&own).count();
    let lock = manifest(tree, "Cargo.lock").unwrap_or_default();
    let locked = lock.get("package").and_then(Value::as_array);
    let n_locked = locked.map_or(0, |packages| {
        let foreign = packages.iter().filter(|it| it.get("source").is_some());
        foreign.count()
    });
    (n_direct, n_locked)
}

fn manifest(tree: &Tree, path: &str) -> Option<Table> {
    tree.files.get(path)?.parse().ok()
}

/// Names of the packages, wherever a manifest may say them.
pub(super) fn dependencies(manifest: &Table, kinds: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let tables = targets.filter_map(Value::as_table).chain([manifest]);
    for table in tables {
        for kind in kinds {
            let listed = table.get(*kind).and_then(Value::as_table);
            for (key, value) in listed.into_iter().flatten() {
                let renamed = value.get("package").and_then(Value::as_str);
                names.insert(renamed.unwrap_or(key).to_owned());
            }
        }
    }
    names
}
