//! What `up` promises.

use super::*;

/// A name that is misspelt in a file would reach a part as `{name}`.
#[test]
fn no_file_of_configuration_has_a_gap_left() {
    let gaps = |text: &str| {
        let words = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'));
        let named = |word: &str| word.chars().all(|it| it.is_ascii_lowercase() || it == '-');
        words
            .map(|(word, _)| word.to_owned())
            .filter(|it| !it.is_empty() && named(it))
            .count()
    };
    let site = Site::here();
    for (name, template) in CONFIGURATION {
        assert_eq!(gaps(&site.fill(template)), 0, "{name}");
    }
    assert_eq!(gaps("a: {run}/b"), 1);
}
