//! Every package has the workspace's lints, and no place lifts the limits.

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Attribute, Expr, Lit, Meta, Token};
use toml::Table;

use crate::source::Source;
use crate::tidy::finding::Finding;
use crate::tree::Tree;

/// Lints that no place may lift: the way out is in the code.
const NEVER_LIFTED: [&str; 5] = [
    "clippy::too_many_lines",
    "clippy::too_many_arguments",
    "clippy::excessive_nesting",
    "clippy::todo",
    "clippy::dbg_macro",
];

/// Only those whose job it is write to stdout and stderr.
const PRINTS: [&str; 2] = ["clippy::print_stdout", "clippy::print_stderr"];
const PRINTERS: [&str; 5] = [
    "crates/portway/src/render/",
    "xtask/src/tally.rs",
    "bench/",
    "fuzz/",
    "/build.rs",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.packages() {
        findings.extend(inherited(tree, package));
        findings.extend(thresholds(tree, package));
    }
    for source in &tree.sources {
        let mut walk = Walk {
            source,
            findings: &mut findings,
        };
        walk.visit_file(&source.all);
    }
    findings
}

/// `[lints] workspace = true`, for every package of the workspace; and no features.
fn inherited(tree: &Tree, package: &str) -> Vec<Finding> {
    let path = format!("{package}/Cargo.toml");
    let Some(manifest) = table(tree, &path) else {
        return vec![Finding::of(
            &path,
            "it is not TOML",
            "`cargo metadata` says where",
        )];
    };
    let mut findings = Vec::new();
    let lints = manifest.get("lints").and_then(|it| it.get("workspace"));
    if lints != Some(&true.into()) && !manifest.contains_key("workspace") {
        let way_out = "add `[lints]` with `workspace = true`";
        findings.push(Finding::of(
            &path,
            "it does not take the workspace's lints",
            way_out,
        ));
    }
    if manifest.contains_key("features") {
        let way_out = "what is built is what is tested: one form, no switches";
        findings.push(Finding::of(&path, "it has Cargo features", way_out));
    }
    findings
}

/// A `clippy.toml` of a package replaces the workspace's: it must say the same and may say more.
fn thresholds(tree: &Tree, package: &str) -> Vec<Finding> {
    let path = format!("{package}/clippy.toml");
    let (Some(whole), Some(own)) = (table(tree, "clippy.toml"), table(tree, &path)) else {
        return Vec::new();
    };
    let missing = whole
        .iter()
        .filter(|(key, value)| own.get(*key) != Some(*value));
    let finding = |key: &str| {
        let what = format!("it replaces the workspace's and lacks {key}");
        Finding::of(&path, what, "copy that line from there")
    };
    missing.map(|(key, _)| finding(key)).collect()
}

fn table(tree: &Tree, path: &str) -> Option<Table> {
    tree.files.get(path)?.parse().ok()
}

struct Walk<'a> {
    source: &'a Source,
    findings: &'a mut Vec<Finding>,
}

impl Walk<'_> {
    fn lifted(&mut self, lint: &str, line: usize) {
        let path = &self.source.path;
        let prints = PRINTS.contains(&lint) && !self.source.is_test_line(line);
        let is_printer = PRINTERS.iter().any(|printer| path.contains(printer));
        let way_out = match () {
            () if NEVER_LIFTED.contains(&lint) => {
                "mend the code; the limit is there for its reader"
            }
            () if prints && !is_printer => "`portway::render` prints; give it a value",
            () => return,
        };
        let what = format!("lint {lint} is lifted");
        self.findings.push(Finding::at(path, line, what, way_out));
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if !attribute.path().is_ident("allow") && !attribute.path().is_ident("expect") {
            return;
        }
        let list = Punctuated::<Meta, Token![,]>::parse_terminated;
        let Ok(lints) = attribute.parse_args_with(list) else {
            return;
        };
        // A program that wrote a file knows nothing of our limits.
        if reason(&lints).is_some_and(|reason| reason.contains("generated")) {
            return;
        }
        let line = attribute.span().start().line;
        for lint in lints {
            if let Meta::Path(path) = lint {
                let names = path.segments.iter().map(|it| it.ident.to_string());
                self.lifted(&names.collect::<Vec<_>>().join("::"), line);
            }
        }
    }
}

fn reason(lints: &Punctuated<Meta, Token![,]>) -> Option<String> {
    lints.iter().find_map(|lint| match lint {
        Meta::NameValue(pair) if pair.path.is_ident("reason") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
}
