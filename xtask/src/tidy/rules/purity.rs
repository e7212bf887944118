//! What decides touches no clock, file, socket or thread, and speaks only its own words.
//!
//! Clippy bans single functions there; this bans the modules they come from.

use syn::visit::{self, Visit};
use syn::{ItemUse, UseTree};

use crate::source::Source;
use crate::tidy::finding::Finding;
use crate::tidy::rooms::{Nature, ROOMS, Room};
use crate::tree::Tree;

/// Paths of the standard library behind which the world is.
const WORLD: [&str; 11] = [
    "std::env",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tracing",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for room in ROOMS {
        for source in tree.sources_of(room.root) {
            if room.nature == Nature::Pure {
                let mut walk = Walk {
                    source,
                    findings: &mut findings,
                };
                walk.visit_file(&source.code);
            }
            findings.extend(foreign_words(room, source));
        }
    }
    findings
}

fn foreign_words(room: &Room, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(source.text.lines()) {
        if source.is_test_line(number) {
            continue;
        }
        let line = line.to_lowercase();
        let words = line.split(|letter: char| !letter.is_alphanumeric());
        for word in words {
            let singular = word.strip_suffix('s').unwrap_or(word);
            if room.foreign_words.contains(&word) || room.foreign_words.contains(&singular) {
                let what = format!("the word {word} belongs to another room");
                let way_out = "say it in the words of docs/LEXICON.md for this room";
                findings.push(Finding::at(&source.path, number, what, way_out));
            }
        }
    }
    findings
}

struct Walk<'a> {
    source: &'a Source,
    findings: &'a mut Vec<Finding>,
}

impl Walk<'_> {
    fn path(&mut self, path: &[String], line: usize) {
        let path = path.join("::");
        let within = |world: &str| {
            let rest = path.strip_prefix(world);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        if WORLD.iter().any(|world| within(world)) {
            let what = format!("`{path}` in a room that only decides");
            let way_out = "let whoever does hand it in as a value, or do it there";
            let finding = Finding::at(&self.source.path, line, what, way_out);
            self.findings.push(finding);
        }
    }

    fn import(&mut self, tree: &UseTree, prefix: &[String]) {
        let with = |name: &proc_macro2::Ident| {
            let mut path = prefix.to_vec();
            path.push(name.to_string());
            path
        };
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(&path.ident)),
            UseTree::Name(name) if name.ident == "self" => {
                self.path(prefix, name.ident.span().start().line);
            }
            UseTree::Name(name) => self.path(&with(&name.ident), name.ident.span().start().line),
            UseTree::Rename(name) => self.path(&with(&name.ident), name.ident.span().start().line),
            UseTree::Glob(glob) => self.path(prefix, glob.star_token.spans[0].start().line),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|it| it.ident.to_string());
        let first = path.segments.first();
        let line = first.map_or(0, |it| it.ident.span().start().line);
        self.path(&names.collect::<Vec<_>>(), line);
        visit::visit_path(self, path);
    }
}
