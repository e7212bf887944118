//! ARCHITECTURE.md is the map: it names every crate, and every module at the top of each.

use syn::Item;

use crate::source::Source;
use crate::tidy::finding::Finding;
use crate::tree::Tree;

const MAP: &str = "ARCHITECTURE.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let map = tree.files.get(MAP).map_or("", String::as_str);
    let mut findings = Vec::new();
    for package in tree.packages() {
        let Some(section) = section(map, package) else {
            let what = format!("it does not name {package}");
            let way_out = "give it a heading, what it does and what it must not know";
            findings.push(Finding::of(MAP, what, way_out));
            continue;
        };
        // What stands beside the crates is one paragraph.
        if !package.starts_with("crates/") {
            continue;
        }
        for module in top_modules(tree, package) {
            if !section.contains(&format!("`{module}`")) {
                let what = format!("the section of {package} does not name its module `{module}`");
                findings.push(Finding::of(MAP, what, "say in a few words what it is for"));
            }
        }
    }
    findings
}

/// What the map says of a package: from its heading to the next, or all of it if it only names it.
fn section<'a>(map: &'a str, package: &str) -> Option<&'a str> {
    if !package.starts_with("crates/") {
        let first = package.split('/').next().unwrap_or(package);
        return map.contains(&format!("`{first}/`")).then_some(map);
    }
    let heading = format!("\n### {package}:");
    let start = map.find(&heading)? + heading.len();
    let rest = &map[start..];
    Some(&rest[..rest.find("\n#").unwrap_or(rest.len())])
}

fn top_modules(tree: &Tree, package: &str) -> Vec<String> {
    let sources = tree.sources_of(package);
    let roots = sources.filter(|source| source.module.is_empty());
    let modules = roots.flat_map(|source: &Source| source.code.items.iter());
    let names = modules.filter_map(|item| match item {
        Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    names.collect()
}
