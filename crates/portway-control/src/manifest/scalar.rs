//! What a plain scalar means.
//!
//! In: the text between the marks of YAML. Out: its value, as kubectl reads it: YAML 1.1, so
//! `yes`, `on` and `y` are booleans, `0o17`, `017`, `0x1f` and `1_000` are numbers, and dates are
//! text. Spec: yaml.org/type/bool.html and int.html as `sigs.k8s.io/yaml` takes them.

use crate::origin::Written;

/// The value of an unquoted scalar.
pub(super) fn plain(text: &str) -> Written {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Written::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
            Written::Bool(true)
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
            Written::Bool(false)
        }
        _ if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            number(text).unwrap_or_else(|| Written::Text(text.into()))
        }
        _ => Written::Text(text.into()),
    }
}

fn number(text: &str) -> Option<Written> {
    let text = match text.contains('_') {
        true => &text.replace('_', ""),
        false => text,
    };
    if let Some(whole) = whole(text) {
        return Some(Written::Int(whole));
    }
    let digits = text.trim_start_matches(['+', '-']);
    let is_decimal = digits
        .chars()
        .all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    if !is_decimal || text.len() - digits.len() > 1 {
        return None;
    }
    let float: f64 = text.parse().ok()?;
    // Whole numbers that i64 holds stay whole, as in JSON.
    let is_whole = float.fract() == 0.0 && float.abs() < 9e15;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "held to what f64 counts exactly"
    )]
    Some(match is_whole {
        true => Written::Int(float as i64),
        false if float.is_finite() => Written::Float(float),
        false => return None,
    })
}

fn whole(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', b'o' | b'O', ..] => (&digits[2..], 8),
        [b'0', b'b' | b'B', ..] => (&digits[2..], 2),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let value = i64::from_str_radix(digits, radix).ok()?;
    Some(if negative { -value } else { value })
}
