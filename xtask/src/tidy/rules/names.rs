//! Names are words of docs/LEXICON.md, and none of those that say nothing.

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{
    Field, ImplItemFn, ItemConst, ItemEnum, ItemFn, ItemImpl, ItemMod, ItemStatic, ItemStruct,
    ItemTrait, ItemType, PatIdent, TraitItemFn, Variant,
};

use crate::source::Source;
use crate::tidy::finding::Finding;
use crate::tree::Tree;

/// Words that are not used, with what to say instead.
const WORDS: [(&str, &str); 13] = [
    ("manager", "what does it do? applier, worker, slab"),
    ("handler", "what does it do? name the act"),
    ("helper", "what does it do? name the act"),
    ("util", "name what it is about"),
    ("utils", "name what it is about"),
    ("info", "name what it tells"),
    ("data", "name what it is: bytes, objects, facts"),
    ("context", "name what it holds"),
    ("common", "name what it is about"),
    ("misc", "name what it is about"),
    ("downstream", "client side"),
    ("upstream", "backend side"),
    ("frontend", "listener"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        if source.is_test || source.is_generated() {
            continue;
        }
        let mut walk = Walk {
            source,
            findings: &mut findings,
            is_of_trait: false,
        };
        walk.visit_file(&source.code);
    }
    findings
}

struct Walk<'a> {
    source: &'a Source,
    findings: &'a mut Vec<Finding>,
    /// Names of a trait are its author's.
    is_of_trait: bool,
}

impl Walk<'_> {
    fn name(&mut self, name: &Ident) {
        let text = name.to_string();
        let line = name.span().start().line;
        for word in words(&text) {
            // `cargo xtask upstream` is about the project of that name, not about a direction.
            let is_project = word == "upstream" && self.source.path.starts_with("xtask/");
            let found = WORDS.iter().find(|(banned, _)| *banned == word);
            if let Some((_, instead)) = found.filter(|_| !is_project) {
                let what =
                    format!("`{text}` holds the word {word}, which docs/LEXICON.md does not use");
                let finding = Finding::at(&self.source.path, line, what, *instead);
                self.findings.push(finding);
            }
        }
    }

    fn function(&mut self, name: &Ident) {
        self.name(name);
        let text = name.to_string();
        let is_get = text.strip_prefix("get_").is_some_and(|rest| rest != "mut");
        if is_get {
            let what = format!("`{text}`: a getter is called by what it gives");
            let line = name.span().start().line;
            let finding = Finding::at(&self.source.path, line, what, "leave `get_` out");
            self.findings.push(finding);
        }
    }
}

/// The words of a name in snake or camel case, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if letter != '_'
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase() || letter.is_ascii_digit();
    }
    words
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig.ident);
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let outer = std::mem::replace(&mut self.is_of_trait, item.trait_.is_some());
        visit::visit_item_impl(self, item);
        self.is_of_trait = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !self.is_of_trait {
            self.function(&item.sig.ident);
        }
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.function(&item.sig.ident);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.name(&item.ident);
        visit::visit_item_mod(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.name(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        self.name(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.name(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        self.name(&item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.name(&item.ident);
        visit::visit_item_const(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        self.name(&item.ident);
        visit::visit_item_static(self, item);
    }

    fn visit_variant(&mut self, item: &'ast Variant) {
        self.name(&item.ident);
        visit::visit_variant(self, item);
    }

    fn visit_field(&mut self, item: &'ast Field) {
        // Fields of Kubernetes' own objects are called as Kubernetes calls them.
        let is_of_api = self.source.path.contains("/src/api/");
        if let Some(name) = item.ident.as_ref().filter(|_| !is_of_api) {
            self.name(name);
        }
        visit::visit_field(self, item);
    }

    fn visit_pat_ident(&mut self, item: &'ast PatIdent) {
        self.name(&item.ident);
        visit::visit_pat_ident(self, item);
    }
}
