//! Sentences, shares and guesses, where a golden case would say little more.

use super::report::Report;
use super::words::{closed_share, names};

fn check_share(weight: u32, sum: u64, want: &str) {
    let effect = closed_share(weight, sum, &["a"]);
    let want = format!("{want} connections to listener `a` are closed right after accept");
    assert_eq!(effect, want);
}

#[test]
fn a_share_is_told_as_people_count() {
    check_share(40, 100, "40 of 100");
    check_share(2, 10, "20 of 100");
    check_share(1, 2, "1 of 2");
    check_share(2, 6, "1 of 3");
    check_share(333_333, 1_000_000, "about 33.33 of 100");
    check_share(999_999, 1_999_999, "about 49.99 of 100");
}

#[test]
fn a_whole_share_is_every_connection() {
    let effect = closed_share(7, 7, &["a", "b"]);
    assert_eq!(
        effect,
        "every connection to listeners `a` and `b` is closed right after accept"
    );
}

#[test]
fn a_long_list_says_how_many_more_there_are() {
    assert_eq!(names(["a"]), "`a`");
    assert_eq!(names(["a", "b", "c"]), "`a`, `b` and `c`");
    assert_eq!(
        names(0..10),
        "`0`, `1`, `2`, `3`, `4`, `5`, `6`, `7` and 2 more"
    );
}

fn check_guess(wanted: &str, candidates: &[&str], want: Option<&str>) {
    let guess = Report::default().guess(wanted, candidates.iter().copied());
    let want = want.map(|name| format!("did you mean `{name}`?"));
    assert_eq!(guess, want, "for {wanted}");
}

#[test]
fn a_slip_of_the_hand_is_guessed() {
    check_guess("postgras", &["mysql", "postgres"], Some("postgres"));
    check_guess("egde", &["edge"], Some("edge"));
    check_guess("tcp", &["TCP"], Some("TCP"));
    check_guess("db-2", &["db-3", "db-1"], Some("db-1"));
}

#[test]
fn another_word_is_no_slip() {
    check_guess("postgres", &["mysql", "redis"], None);
    check_guess("postgres", &["postgres"], None);
    check_guess("a", &["b"], None);
    check_guess("", &["db", "web"], None);
}

/// Hostile input could ask for a guess at every reference, over every name there is.
#[test]
fn guessing_ends_when_its_budget_is_used_up() {
    let mut report = Report::default();
    let many = std::iter::repeat_n("x", crate::limits::NEAREST_COMPARISONS_MAX);
    assert_eq!(report.guess("postgras", many), None);
    assert_eq!(report.guess("postgras", ["postgres"]), None);
}
