//! A module re-exports only what lies in it.

use proc_macro2::Span;
use syn::visit::Visit;
use syn::{Item, ItemUse, UseTree, Visibility};

use crate::source::Source;
use crate::tidy::finding::Finding;
use crate::tidy::rooms::room;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        if source.is_test || source.is_generated() {
            continue;
        }
        let mut walk = Walk {
            source,
            children: children(source),
            findings: &mut findings,
        };
        walk.visit_file(&source.code);
    }
    findings
}

fn children(source: &Source) -> Vec<String> {
    let items = source.code.items.iter();
    let modules = items.filter_map(|item| match item {
        Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    modules.collect()
}

struct Walk<'a> {
    source: &'a Source,
    children: Vec<String>,
    findings: &'a mut Vec<Finding>,
}

impl Walk<'_> {
    fn find(&mut self, span: Span, what: String, way_out: &str) {
        let line = span.start().line;
        let finding = Finding::at(&self.source.path, line, what, way_out);
        self.findings.push(finding);
    }

    /// The room around `sys` passes on names of the system's crates, so that nobody else needs
    /// them.
    fn is_in_sys(&self) -> bool {
        let room = room(self.source.package());
        let unsafe_in = room.and_then(|room| room.unsafe_in);
        unsafe_in.is_some_and(|dir| self.source.path.starts_with(dir))
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if matches!(item.vis, Visibility::Inherited) || self.is_in_sys() {
            return;
        }
        let first = match &item.tree {
            UseTree::Path(path) if path.ident == "self" => match &*path.tree {
                UseTree::Path(path) => path.ident.to_string(),
                _ => return,
            },
            UseTree::Path(path) => path.ident.to_string(),
            _ => return,
        };
        if !self.children.contains(&first) {
            let what = format!("`{first}` is re-exported, and it is not a module of this one");
            let way_out = "import it where it is used, from where it is";
            self.find(item.use_token.span, what, way_out);
        }
    }
}
