//! Texts of logs and errors: lower case, without a full stop; in logs also constant, so that lines
//! can be found and counted.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, LitStr, Macro};

use crate::source::Source;
use crate::tidy::finding::Finding;
use crate::tree::Tree;

/// Macros of `tracing`; the message is the argument that is only a text.
const LOGS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "event"];

/// Macros of `anyhow` that begin with a text.
const ERRORS: [&str; 2] = ["anyhow", "bail"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|source| !source.is_test) {
        let mut walk = Walk {
            source,
            findings: &mut findings,
        };
        walk.visit_file(&source.code);
    }
    findings
}

struct Walk<'a> {
    source: &'a Source,
    findings: &'a mut Vec<Finding>,
}

impl Walk<'_> {
    fn text(&mut self, text: &LitStr) {
        let value = text.value();
        let first = value.split(' ').next().unwrap_or_default();
        let way_out = match () {
            () if is_capitalized(first) => "begin in lower case: texts are put together",
            () if value.ends_with('.') => "leave the full stop out: texts are put together",
            () => return,
        };
        self.find(text, way_out);
    }

    fn find(&mut self, text: &LitStr, way_out: &str) {
        let line = text.span().start().line;
        let what = format!("text {:?}", text.value());
        let finding = Finding::at(&self.source.path, line, what, way_out);
        self.findings.push(finding);
    }
}

/// `Bind` is, `IPv6`, `SIGTERM`, `EOF` and `GatewayClass` are names.
fn is_capitalized(word: &str) -> bool {
    let mut letters = word.chars();
    let is_upper = letters.next().is_some_and(char::is_uppercase);
    is_upper && word.len() > 1 && letters.all(char::is_lowercase) && !NAMES.contains(&word)
}

/// Names of kinds are written as their API writes them, wherever they stand.
const NAMES: [&str; 9] = [
    "Endpoint",
    "Gateway",
    "Go",
    "Kubernetes",
    "Linux",
    "Namespace",
    "Portway",
    "Secret",
    "Service",
];

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_macro(&mut self, it: &'ast Macro) {
        let name = it.path.segments.last().map(|last| last.ident.to_string());
        let name = name.unwrap_or_default();
        if LOGS.contains(&name.as_str()) {
            for text in lone_texts(&it.tokens) {
                self.text(&text);
                let value = text.value();
                let is_one = value.matches('{').count() == 1;
                // `"{phrase}"` is a constant that was chosen before.
                if value.contains('{')
                    && !(is_one && value.starts_with('{') && value.ends_with('}'))
                {
                    self.find(
                        &text,
                        "what varies is a field: `warn!(%addr, \"not bound\")`",
                    );
                }
            }
        }
        if ERRORS.contains(&name.as_str())
            && let Some(text) = it.tokens.clone().into_iter().next().and_then(literal)
        {
            self.text(&text);
        }
        visit::visit_macro(self, it);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("error")
            && let Ok(text) = attribute.parse_args::<LitStr>()
        {
            self.text(&text);
        }
    }
}

/// Arguments that are a text and nothing else.
fn lone_texts(tokens: &TokenStream) -> Vec<LitStr> {
    let mut texts = Vec::new();
    let mut argument: Vec<TokenTree> = Vec::new();
    let mut end = |argument: &mut Vec<TokenTree>| {
        if let [only] = argument.as_slice() {
            texts.extend(literal(only.clone()));
        }
        argument.clear();
    };
    for token in tokens.clone() {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => end(&mut argument),
            _ => argument.push(token),
        }
    }
    end(&mut argument);
    texts
}

fn literal(token: TokenTree) -> Option<LitStr> {
    syn::parse2(token.into()).ok()
}
