//! `unsafe` stands only where a room may have it; every other crate forbids it to itself.

use proc_macro2::{TokenStream, TokenTree};

use crate::source::Source;
use crate::tidy::finding::Finding;
use crate::tidy::rooms::room;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        let may = room(source.package()).and_then(|room| room.unsafe_in);
        let is_allowed = may.is_some_and(|dir| source.path.starts_with(dir));
        if !is_allowed {
            for line in unsafe_lines(source) {
                let what = "`unsafe`, or a lint that would allow it";
                let way_out = "a call of the kernel belongs into portway-proxy's `sys`; \
                               else there is a safe crate for it";
                findings.push(Finding::at(&source.path, line, what, way_out));
            }
        }
        if may.is_none() && is_crate_root(&source.path) && !forbids(source) {
            let what = "the crate does not forbid unsafe code";
            let way_out = "write `#![forbid(unsafe_code)]` below the first comment";
            findings.push(Finding::at(&source.path, 1, what, way_out));
        }
    }
    findings
}

fn is_crate_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs") || path.contains("/src/bin/")
}

fn forbids(source: &Source) -> bool {
    source.all.attrs.iter().any(|attribute| {
        attribute.path().is_ident("forbid")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("unsafe_code"))
    })
}

/// Lines with `unsafe`, or `allow` or `expect` of `unsafe_code`.
fn unsafe_lines(source: &Source) -> Vec<usize> {
    let mut lines = Vec::new();
    if source.text.contains("unsafe")
        && let Ok(tokens) = source.text.parse::<TokenStream>()
    {
        walk(tokens, &mut lines);
    }
    lines
}

fn walk(tokens: TokenStream, lines: &mut Vec<usize>) {
    let mut lifts = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let stream = group.stream();
                let names = |token: TokenTree| token.to_string() == "unsafe_code";
                if lifts && stream.clone().into_iter().any(names) {
                    lines.push(group.span().start().line);
                }
                walk(stream, lines);
            }
            TokenTree::Ident(ident) => {
                lifts = ident == "allow" || ident == "expect" || ident == "warn";
                if ident == "unsafe" {
                    lines.push(ident.span().start().line);
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => lifts = false,
        }
    }
}
