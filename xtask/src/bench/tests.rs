//! What is refused before anything is built or measured.

use super::Args;

fn refusal(arguments: &[&str]) -> String {
    let command = <Args as clap::Args>::augment_args(clap::Command::new("bench"));
    let words = ["bench"].iter().chain(arguments);
    command.try_get_matches_from(words).unwrap_err().to_string()
}

#[track_caller]
fn check(arguments: &[&str], want: &[&str]) {
    let said = refusal(arguments);
    for want in want {
        assert!(said.contains(want), "not in {said:?}: {want}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_refused_beside_those_that_do() {
    check(
        &["--only", "portway,nosuch"],
        &["'nosuch'", "haproxy-spliced"],
    );
    check(
        &["--jobs", ""],
        &["[possible values: up, down", "integrity"],
    );
}

#[test]
fn numbers_with_which_nothing_would_be_measured_are_refused() {
    check(&["--rounds", "0"], &["0 is not in 1..=100"]);
    check(&["--measure-ms", "0"], &["0 is not in 50..=120000"]);
}
