//! Tests: where they stand, what they are called, and that they wait for signals.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ExprPath, ItemFn, ItemMod, Meta};

use crate::source::{Source, has_cfg_test};
use crate::tidy::finding::Finding;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        let mut walk = Walk {
            source,
            findings: &mut findings,
        };
        walk.visit_file(&source.all);
    }
    findings
}

struct Walk<'a> {
    source: &'a Source,
    findings: &'a mut Vec<Finding>,
}

impl Walk<'_> {
    fn find(&mut self, line: usize, what: String, way_out: &str) {
        let finding = Finding::at(&self.source.path, line, what, way_out);
        self.findings.push(finding);
    }

    fn name(&mut self, item: &ItemFn) {
        let name = item.sig.ident.to_string();
        let is_sentence = name.matches('_').count() >= 2;
        if name.starts_with("test_") || !is_sentence {
            let what = format!("test `{name}` has no sentence for a name");
            let way_out = "say what is so: `weight_zero_receives_nothing`";
            self.find(item.sig.ident.span().start().line, what, way_out);
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() && has_cfg_test(&item.attrs) {
            let what = format!("module `{}` of tests stands among the code", item.ident);
            let way_out = "move it to tests.rs in a directory with this file's name";
            self.find(item.ident.span().start().line, what, way_out);
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if item.attrs.iter().any(is_test_attribute) {
            self.name(item);
        }
        for attribute in &item.attrs {
            if attribute.path().is_ident("ignore") && matches!(attribute.meta, Meta::Path(_)) {
                let line = attribute.span().start().line;
                let what = "a test is ignored without a reason".to_owned();
                self.find(line, what, "say it: `#[ignore = \"why\"]`");
            }
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        let last = path.path.segments.last();
        let line = path.span().start().line;
        if last.is_some_and(|last| last.ident == "sleep") && self.source.is_test_line(line) {
            let way_out = "wait for the signal itself: a line, a channel, a read that returns";
            self.find(line, "a test sleeps".to_owned(), way_out);
        }
        visit::visit_expr_path(self, path);
    }
}

/// `#[test]`, also another crate's: `#[tokio::test]`.
fn is_test_attribute(attribute: &Attribute) -> bool {
    let last = attribute.path().segments.last();
    last.is_some_and(|last| last.ident == "test")
}
