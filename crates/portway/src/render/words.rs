//! Words that several texts share.

/// `1 listener`, `2 listeners`.
pub(crate) fn count(n: usize, one: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {one}{s}")
}
