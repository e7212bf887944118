//! What `peers` promises.

use super::is_version;

#[test]
fn versions_are_told_from_other_words() {
    let said = "HAProxy version 2.8.25-5cf5d0683 2026/06/26 - https://haproxy.org/";
    let words = said.split(|it: char| it.is_whitespace() || it == '/');
    let versions: Vec<_> = words.filter(|it| is_version(it)).collect();
    assert_eq!(versions, ["2.8.25-5cf5d0683"]);
}
