//! Which module of a crate uses which: a graph, and the cycles in it.
//!
//! A use is a path that leads to an item of another module, wherever it stands: in `use`, in an
//! expression, a type, an attribute, or among the tokens of a macro. A path through a re-export
//! leads to where the item is declared. Code that is only for tests uses what it likes.
//!
//! In: the sources of one crate. Out: a [`Graph`]. Never: names that only the compiler can resolve:
//! methods, and items that a macro declares, are not seen.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, Macro, MetaList, UseTree, Visibility};

use crate::source::Source;

/// A module by its path from the root of its crate.
pub(super) type Module = Vec<String>;

/// Where one module uses another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) line: usize,
}

/// Which module uses which, with one place of each.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) edges: BTreeMap<Module, BTreeMap<Module, Place>>,
}

/// What a module declares and imports.
#[derive(Debug, Default)]
struct Scope {
    children: BTreeSet<String>,
    items: BTreeSet<String>,
    /// Names that `use` brings, with the path as written.
    imports: BTreeMap<String, Vec<String>>,
}

/// A path as written in a module.
#[derive(Debug)]
struct Mention {
    module: Module,
    segments: Vec<String>,
    place: Place,
}

impl Graph {
    /// The graph of one crate.
    pub(super) fn of<'a>(sources: impl Iterator<Item = &'a Source>) -> Self {
        let mut reader = Reader::default();
        for source in sources {
            reader.module = source.module.clone();
            reader.path.clone_from(&source.path);
            reader.scopes.entry(source.module.clone()).or_default();
            reader.visit_file(&source.code);
        }
        let Reader {
            scopes, mentions, ..
        } = reader;
        let mut graph = Self::default();
        for mention in mentions {
            let Some(used) = resolve(&scopes, &mention.module, &mention.segments, 0) else {
                continue;
            };
            if used != mention.module {
                let uses = graph.edges.entry(mention.module).or_default();
                uses.entry(used).or_insert(mention.place);
            }
        }
        graph
    }

    /// For each module with children: how these use each other, each with all that is below it.
    /// What the module itself declares is left out, since it stands above them.
    pub(super) fn siblings(&self) -> BTreeMap<Module, BTreeMap<String, BTreeMap<String, Place>>> {
        let mut levels: BTreeMap<Module, BTreeMap<String, BTreeMap<String, Place>>> =
            BTreeMap::new();
        for (from, uses) in &self.edges {
            for (to, place) in uses {
                let n_shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
                let (Some(one), Some(other)) = (from.get(n_shared), to.get(n_shared)) else {
                    continue;
                };
                let level = levels.entry(from[..n_shared].to_vec()).or_default();
                let uses = level.entry(one.clone()).or_default();
                uses.entry(other.clone()).or_insert_with(|| place.clone());
            }
        }
        levels
    }
}

/// A cycle in a graph, each member with the place where it uses the next; the shortest through the
/// first member that is in one.
pub(super) fn cycle<N: Ord + Clone>(
    edges: &BTreeMap<N, BTreeMap<N, Place>>,
) -> Option<Vec<(N, Place)>> {
    edges
        .keys()
        .find_map(|start| shortest_way_back(edges, start))
}

/// Breadth first from `start` until it is reached again.
fn shortest_way_back<N: Ord + Clone>(
    edges: &BTreeMap<N, BTreeMap<N, Place>>,
    start: &N,
) -> Option<Vec<(N, Place)>> {
    let mut ways: Vec<Vec<(N, Place)>> = vec![Vec::new()];
    let mut ends = vec![start.clone()];
    let mut seen = BTreeSet::new();
    let mut at = 0;
    while at < ends.len() {
        let from = ends[at].clone();
        for (to, place) in edges.get(&from).into_iter().flatten() {
            let mut way = ways[at].clone();
            way.push((from.clone(), place.clone()));
            if to == start {
                return Some(way);
            }
            if seen.insert(to.clone()) {
                ends.push(to.clone());
                ways.push(way);
            }
        }
        at += 1;
    }
    None
}

/// Longest chain of re-exports that is followed.
const REEXPORTS_MAX: usize = 16;

/// The module in which the item at the end of a path is declared; `None` for other crates'.
fn resolve(
    scopes: &BTreeMap<Module, Scope>,
    module: &Module,
    segments: &[String],
    n_followed: usize,
) -> Option<Module> {
    let (mut at, rest) = start(scopes, module, segments)?;
    for (index, segment) in rest.iter().enumerate() {
        let scope = scopes.get(&at)?;
        if scope.children.contains(segment) {
            at.push(segment.clone());
            continue;
        }
        let import = scope.imports.get(segment);
        let Some(import) = import.filter(|_| !scope.items.contains(segment)) else {
            break;
        };
        if n_followed == REEXPORTS_MAX {
            break;
        }
        let mut through = import.clone();
        through.extend_from_slice(&rest[index + 1..]);
        return resolve(scopes, &at, &through, n_followed + 1);
    }
    Some(at)
}

/// Where a path starts, and what is left of it.
fn start<'a>(
    scopes: &BTreeMap<Module, Scope>,
    module: &Module,
    segments: &'a [String],
) -> Option<(Module, &'a [String])> {
    let (first, rest) = segments.split_first()?;
    let mut at = module.clone();
    match first.as_str() {
        "crate" => Some((Vec::new(), rest)),
        "self" => Some((at, rest)),
        "super" => {
            at.pop()?;
            let mut rest = rest;
            while let Some((next, further)) = rest.split_first()
                && next == "super"
            {
                at.pop()?;
                rest = further;
            }
            Some((at, rest))
        }
        child if scopes.get(module)?.children.contains(child) => Some((at, segments)),
        _ => None,
    }
}

/// Reads declarations, imports and mentions.
#[derive(Debug, Default)]
struct Reader {
    module: Module,
    path: String,
    scopes: BTreeMap<Module, Scope>,
    mentions: Vec<Mention>,
}

impl Reader {
    fn scope(&mut self) -> &mut Scope {
        self.scopes.entry(self.module.clone()).or_default()
    }

    fn mention(&mut self, segments: Vec<String>, line: usize) {
        if segments.len() < 2 {
            return;
        }
        let place = Place {
            path: self.path.clone(),
            line,
        };
        self.mentions.push(Mention {
            module: self.module.clone(),
            segments,
            place,
        });
    }

    fn import(&mut self, tree: &UseTree, prefix: &[String]) {
        let with = |name: String| {
            let mut path = prefix.to_vec();
            if name != "self" || path.is_empty() {
                path.push(name);
            }
            path
        };
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(path.ident.to_string())),
            UseTree::Name(name) => {
                let path = with(name.ident.to_string());
                let alias = path.last().cloned().unwrap_or_default();
                self.mention(path.clone(), name.ident.span().start().line);
                self.scope().imports.insert(alias, path);
            }
            UseTree::Rename(name) => {
                let path = with(name.ident.to_string());
                self.mention(path.clone(), name.ident.span().start().line);
                self.scope().imports.insert(name.rename.to_string(), path);
            }
            UseTree::Glob(glob) => self.mention(prefix.to_vec(), glob.span().start().line),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix);
                }
            }
        }
    }

    /// `a::b::c` among the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut n_colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if n_colons != 2 {
                        self.mention(std::mem::take(&mut path), line);
                        line = ident.span().start().line;
                    }
                    path.push(ident.to_string());
                    n_colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => n_colons += 1,
                TokenTree::Group(group) => {
                    self.mention(std::mem::take(&mut path), line);
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.mention(std::mem::take(&mut path), line);
                    n_colons = 0;
                }
            }
        }
        self.mention(path, line);
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            _ => None,
        };
        if let Some(name) = name {
            self.scope().items.insert(name.to_string());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let name = item.ident.to_string();
        self.scope().children.insert(name.clone());
        if item.content.is_some() {
            self.module.push(name);
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&item.tree, &[]);
    }

    /// `pub(super)` is no use.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|it| it.ident.to_string());
            self.mention(segments.collect(), path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, it: &'ast Macro) {
        self.tokens(it.tokens.clone());
    }

    fn visit_meta_list(&mut self, it: &'ast MetaList) {
        self.tokens(it.tokens.clone());
    }
}
