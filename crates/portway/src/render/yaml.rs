//! Objects as YAML, as `kubectl get -o yaml` shows them: keys in order of the alphabet, lists at
//! the indentation of their key, strings quoted only where they must be.
//!
//! In: JSON values. Out: YAML 1.2 that YAML 1.1 readers take for the same. Never: a string that
//! comes back as something else; the tests read everything again.

use std::fmt::Write;

use serde_json::{Map, Value};

/// One document, with a line break at its end.
pub(crate) fn document(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => push_map(&mut text, map, 0),
        Value::Array(items) if !items.is_empty() => push_list(&mut text, items, 0),
        scalar => {
            push_scalar(&mut text, scalar, 0);
            text.push('\n');
        }
    }
    text
}

fn push_map(text: &mut String, map: &Map<String, Value>, indent: usize) {
    let mut keys: Vec<(&String, &Value)> = map.iter().collect();
    keys.sort_by_key(|(key, _)| *key);
    for (at, (key, value)) in keys.into_iter().enumerate() {
        // The first key of a map in a list stands beside the dash.
        if at > 0 || !text.ends_with("- ") {
            push_indent(text, indent);
        }
        text.push_str(&quoted(key));
        text.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                text.push('\n');
                push_map(text, map, indent + 1);
            }
            Value::Array(items) if !items.is_empty() => {
                text.push('\n');
                push_list(text, items, indent);
            }
            scalar => {
                text.push(' ');
                push_scalar(text, scalar, indent + 1);
                text.push('\n');
            }
        }
    }
}

fn push_list(text: &mut String, items: &[Value], indent: usize) {
    for item in items {
        if !text.ends_with("- ") {
            push_indent(text, indent);
        }
        text.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => push_map(text, map, indent + 1),
            Value::Array(items) if !items.is_empty() => push_list(text, items, indent + 1),
            scalar => {
                push_scalar(text, scalar, indent + 1);
                text.push('\n');
            }
        }
    }
}

fn push_scalar(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(string) if is_block(string) => push_block(text, string, indent),
        Value::String(string) => text.push_str(&quoted(string)),
        Value::Object(_) => text.push_str("{}"),
        Value::Array(_) => text.push_str("[]"),
        plain => text.push_str(&plain.to_string()),
    }
}

fn push_indent(text: &mut String, indent: usize) {
    for _ in 0..indent {
        text.push_str("  ");
    }
}

/// Whether a string of several lines can stand as a literal block and come back the same.
fn is_block(string: &str) -> bool {
    let is_text = |c: char| c == '\n' || c == '\t' || !needs_escape(c);
    let starts_well = !string.starts_with([' ', '\n', '\t']);
    string.trim_end_matches('\n').contains('\n')
        && starts_well
        && string.chars().all(is_text)
        && string.lines().all(|line| !line.ends_with([' ', '\t']))
}

fn push_block(text: &mut String, string: &str, indent: usize) {
    let body = string.trim_end_matches('\n');
    // Chomping: none, one, or all of the line breaks at the end are content.
    text.push_str(match string.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in body.split('\n') {
        text.push('\n');
        if !line.is_empty() {
            push_indent(text, indent);
            text.push_str(line);
        }
    }
    for _ in 1..(string.len() - body.len()) {
        text.push('\n');
    }
}

/// A string as it must be written: plain if it reads as itself, else quoted.
fn quoted(string: &str) -> String {
    if string.chars().any(needs_escape) {
        return escaped(string);
    }
    if reads_as_other(string) {
        return format!("\"{string}\"");
    }
    if is_plain(string) {
        return string.to_owned();
    }
    format!("'{}'", string.replace('\'', "''"))
}

fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

fn escaped(string: &str) -> String {
    let mut text = String::from('"');
    for c in string.chars() {
        let _ = match c {
            '"' => text.write_str("\\\""),
            '\\' => text.write_str("\\\\"),
            '\n' => text.write_str("\\n"),
            '\t' => text.write_str("\\t"),
            c if needs_escape(c) => write!(text, "\\u{:04X}", u32::from(c)),
            c => text.write_char(c),
        };
    }
    text.push('"');
    text
}

/// Whether a reader of YAML 1.1 or 1.2 would take the plain text for a number, a boolean, null or a
/// time. Generous: quotes too many do no harm.
fn reads_as_other(string: &str) -> bool {
    let words = [
        "true", "false", "yes", "no", "on", "off", "y", "n", "null", "~", ".nan", ".inf", "-.inf",
        "+.inf",
    ];
    let is_word = words.iter().any(|word| string.eq_ignore_ascii_case(word));
    let body = string.strip_prefix(['-', '+']).unwrap_or(string);
    let first = body.strip_prefix('.').unwrap_or(body).chars().next();
    let is_numeric = first.is_some_and(|c| c.is_ascii_digit())
        // `1.2.3` and addresses are no numbers to anybody.
        && body.matches('.').count() < 2
        && body
            .chars()
            .all(|c| c.is_ascii_hexdigit() || ".:_-+xXoTtZz ".contains(c));
    is_word || is_numeric
}

/// Whether the text may stand without quotes.
fn is_plain(string: &str) -> bool {
    let indicator = |c: char| "-?:,[]{}#&*!|>'\"%@`=<".contains(c);
    let Some(first) = string.chars().next() else {
        return false;
    };
    let mut rest = string.chars();
    rest.next();
    let dash_word = first == '-' && rest.next().is_some_and(|c| !c.is_whitespace() && c != '-');
    (!indicator(first) || dash_word)
        && !string.starts_with(char::is_whitespace)
        && !string.ends_with(char::is_whitespace)
        && !string.ends_with(':')
        && !string.contains(": ")
        && !string.contains(" #")
}
