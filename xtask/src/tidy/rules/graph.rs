//! The modules of a crate use each other without cycles.
//!
//! Siblings are compared, each with all that is below it. What a module itself declares stands
//! above its children, which may use it.

use std::collections::BTreeMap;

use crate::tidy::finding::Finding;
use crate::tidy::modules::{Graph, Module, Place, cycle};
use crate::tree::Tree;

pub(super) fn cycles(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.packages() {
        let graph = Graph::of(tree.sources_of(package));
        for (parent, siblings) in graph.siblings() {
            findings.extend(one_cycle(&parent, &siblings));
        }
    }
    findings
}

fn one_cycle(
    parent: &Module,
    siblings: &BTreeMap<String, BTreeMap<String, Place>>,
) -> Option<Finding> {
    let cycle = cycle(siblings)?;
    let place = cycle.first().map(|(_, place)| place.clone())?;
    let mut ways: Vec<String> = Vec::new();
    for (index, (from, place)) in cycle.iter().enumerate() {
        let (to, _) = &cycle[(index + 1) % cycle.len()];
        ways.push(format!(
            "`{from}` uses `{to}` at {}:{}",
            place.path, place.line
        ));
    }
    let within = match parent.is_empty() {
        true => "the crate".to_owned(),
        false => format!("`{}`", parent.join("::")),
    };
    Some(Finding::at(
        &place.path,
        place.line,
        format!(
            "modules of {within} use each other in a cycle: {}",
            ways.join(", ")
        ),
        "move what both need into a module below both, or turn one use into an argument",
    ))
}
