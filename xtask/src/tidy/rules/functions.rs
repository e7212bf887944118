//! Functions: how long they are and what they take.
//!
//! Clippy has these limits too; here they hold whatever its settings are. Nesting is left to it.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, FnArg, ImplItemFn, ItemFn, ItemImpl, Signature, TraitItemFn, Type, Visibility};

use crate::source::Source;
use crate::tidy::finding::Finding;
use crate::tree::Tree;

/// Lines of code of a function's body; comments and empty lines do not count.
const LINES_MAX: usize = 70;

/// Arguments of a function, `self` counted.
const ARGUMENTS_MAX: usize = 5;

/// A function as it is declared.
struct Function<'ast> {
    signature: &'ast Signature,
    visibility: Option<&'ast Visibility>,
    body: Option<&'ast Block>,
    /// A trait decides what it takes.
    is_of_trait: bool,
}

pub(super) fn sizes(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|it| !it.is_generated()) {
        let lines: Vec<&str> = source.text.lines().collect();
        each_function(&source.all, &mut |function| {
            let Function {
                signature, body, ..
            } = function;
            let name = &signature.ident;
            let line = line_of(name.span());
            let n_lines = body.map_or(0, |body| code_lines(&lines, body));
            if n_lines > LINES_MAX {
                let what = format!("`{name}` has {n_lines} lines of code, at most {LINES_MAX}");
                let way_out = "split it by meaning: the parent keeps the ifs and the state";
                findings.push(Finding::at(&source.path, line, what, way_out));
            }
            let n_arguments = signature.inputs.len();
            if n_arguments > ARGUMENTS_MAX && !function.is_of_trait {
                let what =
                    format!("`{name}` takes {n_arguments} arguments, at most {ARGUMENTS_MAX}");
                let way_out = "what belongs together is a type";
                findings.push(Finding::at(&source.path, line, what, way_out));
            }
        });
    }
    findings
}

pub(super) fn bools(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ours = |source: &&Source| !source.is_test && !source.is_generated();
    for source in tree.sources.iter().filter(ours) {
        each_function(&source.code, &mut |function| {
            let Function { signature, .. } = function;
            let is_private = matches!(function.visibility, None | Some(Visibility::Inherited));
            // One value and nothing else says by the function's name what it is.
            if function.is_of_trait || is_private || n_values(signature) < 2 {
                return;
            }
            for argument in &signature.inputs {
                let FnArg::Typed(argument) = argument else {
                    continue;
                };
                if is_bool(&argument.ty) {
                    let what = format!("`{}` takes a bool", signature.ident);
                    let way_out = "an enum with two variants says at the call what is meant";
                    let line = line_of(argument.span());
                    findings.push(Finding::at(&source.path, line, what, way_out));
                }
            }
        });
    }
    findings
}

/// Arguments without `self`.
fn n_values(signature: &Signature) -> usize {
    let inputs = signature.inputs.iter();
    inputs.filter(|it| matches!(it, FnArg::Typed(_))).count()
}

fn is_bool(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("bool"))
}

/// Lines between the braces that are neither empty nor only a comment.
fn code_lines(lines: &[&str], body: &Block) -> usize {
    let first = body.brace_token.span.open().start().line;
    let last = body.brace_token.span.close().start().line;
    let within = lines.get(first..last.saturating_sub(1)).unwrap_or_default();
    let is_code = |line: &&&str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with("//")
    };
    within.iter().filter(is_code).count()
}

fn line_of(span: Span) -> usize {
    span.start().line
}

fn each_function<'ast>(file: &'ast syn::File, look: &mut dyn FnMut(&Function<'ast>)) {
    let mut walk = Walk {
        look,
        is_of_trait: false,
    };
    walk.visit_file(file);
}

struct Walk<'look, 'ast> {
    look: &'look mut dyn FnMut(&Function<'ast>),
    is_of_trait: bool,
}

impl<'ast> Visit<'ast> for Walk<'_, 'ast> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        (self.look)(&Function {
            signature: &item.sig,
            visibility: Some(&item.vis),
            body: Some(&item.block),
            is_of_trait: false,
        });
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let outer = std::mem::replace(&mut self.is_of_trait, item.trait_.is_some());
        visit::visit_item_impl(self, item);
        self.is_of_trait = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        (self.look)(&Function {
            signature: &item.sig,
            visibility: Some(&item.vis),
            body: Some(&item.block),
            is_of_trait: self.is_of_trait,
        });
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        (self.look)(&Function {
            signature: &item.sig,
            visibility: None,
            body: item.default.as_ref(),
            is_of_trait: false,
        });
        visit::visit_trait_item_fn(self, item);
    }
}
