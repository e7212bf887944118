//! One Rust file: its text, its syntax, and which of it is only for tests.
//!
//! In: path and text. Out: a [`Source`]. Never: macros expanded; what stands in them is tokens.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::{Attribute, File, Item};

/// Columns from which a literal of one line is a text that stands as it must.
const WIDE_LITERAL: usize = 50;

/// A Rust file.
pub(crate) struct Source {
    /// From the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
    /// All of it.
    pub(crate) all: File,
    /// Without what is only for tests.
    pub(crate) code: File,
    /// Lines of what is only for tests.
    pub(crate) test_lines: Vec<RangeInclusive<usize>>,
    /// All of it is only for tests.
    pub(crate) is_test: bool,
    /// Which module of its crate it is; empty for the root.
    pub(crate) module: Vec<String>,
}

impl Source {
    /// Parses a file.
    ///
    /// # Errors
    /// When it is not Rust.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self> {
        let all = syn::parse_file(text).with_context(|| format!("parse {path}"))?;
        let mut test_lines = Vec::new();
        let mut code = all.clone();
        strip_tests(&mut code.items, &mut test_lines);
        let is_test = is_in_tests_dir(path) || has_cfg_test(&all.attrs);
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
            module: module_of(path),
            all,
            code,
            test_lines,
            is_test,
        })
    }

    /// The package it belongs to: `crates/portway-engine`.
    pub(crate) fn package(&self) -> &str {
        let ends = [
            "/src/",
            "/tests/",
            "/benches/",
            "/examples/",
            "/fuzz_targets/",
        ];
        let end = ends.iter().filter_map(|part| self.path.find(part)).min();
        end.map_or("", |end| &self.path[..end])
    }

    /// Whether a line is only for tests.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.is_test || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// Whether a program wrote it.
    pub(crate) fn is_generated(&self) -> bool {
        self.text
            .lines()
            .take(5)
            .any(|line| line.contains("@generated"))
    }

    /// Lines of string literals that are wide or have several lines: text that stands as it must.
    pub(crate) fn literal_lines(&self) -> BTreeSet<usize> {
        let mut lines = BTreeSet::new();
        // The attributes of a file are not among its tokens twice: this is all of it, once.
        if let Ok(tokens) = self.text.parse::<TokenStream>() {
            walk_literals(tokens, &mut lines);
        }
        lines
    }
}

fn walk_literals(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => walk_literals(group.stream(), lines),
            TokenTree::Literal(literal) => {
                let span = literal.span();
                let (first, last) = (span.start().line, span.end().line);
                if last > first || span.end().column - span.start().column > WIDE_LITERAL {
                    lines.extend(first..=last);
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// A file is only for tests when the module it belongs to was declared so.
pub(crate) fn mark_tests(sources: &mut [Source]) {
    let mut test_modules: BTreeSet<(String, Vec<String>)> = BTreeSet::new();
    for source in sources.iter() {
        for item in &source.all.items {
            if let Item::Mod(module) = item
                && module.content.is_none()
                && has_cfg_test(&module.attrs)
            {
                let mut path = source.module.clone();
                path.push(module.ident.to_string());
                test_modules.insert((source.package().to_owned(), path));
            }
        }
    }
    for source in sources {
        let package = source.package().to_owned();
        let mut above = (1..=source.module.len()).map(|n| source.module[..n].to_vec());
        if source.path.contains("/src/")
            && above.any(|path| test_modules.contains(&(package.clone(), path)))
        {
            source.is_test = true;
        }
    }
}

/// Removes the items that are only for tests.
fn strip_tests(items: &mut Vec<Item>, lines: &mut Vec<RangeInclusive<usize>>) {
    items.retain_mut(|item| {
        if attributes(item).is_some_and(has_cfg_test) {
            let span = item.span();
            lines.push(span.start().line..=span.end().line);
            return false;
        }
        if let Item::Mod(module) = item
            && let Some((_, items)) = &mut module.content
        {
            strip_tests(items, lines);
        }
        true
    });
}

fn attributes(item: &Item) -> Option<&[Attribute]> {
    Some(match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return None,
    })
}

/// `#[cfg(test)]`, alone.
pub(crate) fn has_cfg_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

fn is_in_tests_dir(path: &str) -> bool {
    path.split('/')
        .any(|part| part == "tests" || part == "benches")
        && !path.contains("/src/")
}

/// `crates/x/src/a/b.rs` and `crates/x/src/a/b/mod.rs` are module `a::b`.
fn module_of(path: &str) -> Vec<String> {
    let Some((_, within)) = path.split_once("/src/") else {
        return Vec::new();
    };
    let stem = within.strip_suffix(".rs").unwrap_or(within);
    let mut parts: Vec<String> = stem.split('/').map(ToOwned::to_owned).collect();
    let is_front = |last: &String| matches!(last.as_str(), "mod" | "lib" | "main");
    if parts.last().is_some_and(is_front) {
        parts.pop();
    }
    parts
}
