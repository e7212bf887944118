//! A page of `status`: lines on 80 columns, and the words of a JSON value.
//!
//! In: values, names of anybody. Out: text. Never: control characters from names on a terminal.

use std::fmt::Write;

use annotate_snippets::normalize_untrusted_str;
use serde_json::Value;

use super::paint::Paint;
use super::words::count;
use crate::limits::STATUS_ROWS;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What is wrong, and the busiest of the rest.
    WhatMatters,
    /// Everything.
    All,
}

/// Columns of a terminal that nobody made wider.
pub(super) const COLUMNS: usize = 80;

/// Text that grows line by line.
pub(super) struct Page {
    pub(super) text: String,
    pub(super) extent: Extent,
    pub(super) paint: Paint,
}

impl Page {
    pub(super) fn new(extent: Extent, paint: Paint) -> Self {
        Self {
            text: String::new(),
            extent,
            paint,
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Lines with a sentence, broken between words.
    pub(super) fn wrapped(&mut self, indent: usize, sentence: &str) {
        let mut line = String::new();
        for word in sentence.split_whitespace() {
            let length = indent + line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && length > COLUMNS {
                self.line(&format!("{:indent$}{line}", ""));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&format!("{:indent$}{line}", ""));
    }

    /// A sentence that begins on a line of its own and goes on below its beginning.
    pub(super) fn sentence_after(&mut self, head: &str, indent: usize, sentence: &str) {
        let begun = self.text.len();
        self.wrapped(indent, sentence);
        let rest: String = self.text.split_off(begun).chars().skip(indent).collect();
        self.text.push_str(head);
        self.text.push_str(&rest);
    }

    pub(super) fn problem(&mut self, indent: usize, condition: &Value) {
        let mark = self.paint.bad("✗");
        let (reason, message) = (word(&condition["reason"]), word(&condition["message"]));
        self.wrapped(indent, &format!("{mark} {reason}: {message}"));
    }

    pub(super) fn rows(&self, n: usize) -> usize {
        match self.extent {
            Extent::All => n,
            Extent::WhatMatters => n.min(STATUS_ROWS),
        }
    }

    pub(super) fn more(&mut self, n_all: usize, n_shown: usize, what: &str) {
        let n = n_all.saturating_sub(n_shown);
        if n > 0 {
            let more = format!(
                "  … and {}; --all shows them",
                count(n, &format!("more {what}"))
            );
            let more = self.paint.aside(&more);
            self.line(&more);
        }
    }
}

/// The items of a list; none of anything else.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A whole number; 0 of anything else.
pub(crate) fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// A whole number as `shown`, or `-` where it is not known.
pub(super) fn known(value: &Value, shown: impl Fn(u64) -> String) -> String {
    value.as_u64().map_or_else(|| "-".to_owned(), shown)
}

/// A number; 0 of anything else.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// A text without control characters; empty of anything else.
pub(crate) fn word(value: &Value) -> String {
    clean(value.as_str().unwrap_or_default())
}

pub(super) fn clean(text: &str) -> String {
    normalize_untrusted_str(text)
}

/// A name in so many columns; what is left out is in the middle, since ends tell names apart.
pub(crate) fn shortened(name: &str, columns: usize) -> String {
    let n = name.chars().count();
    if n <= columns {
        return name.to_owned();
    }
    let (head, tail) = ((columns - 1) / 2, columns / 2);
    let mut short: String = name.chars().take(head).collect();
    let _ = write!(short, "…");
    short.extend(name.chars().skip(n - tail));
    short
}
