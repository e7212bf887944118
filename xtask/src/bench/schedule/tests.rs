//! What `schedule` promises.

use super::{ask, in_turn};
use crate::bench::targets::Kind;

#[test]
fn each_round_begins_with_another_and_turns_the_rest() {
    let kinds = [Kind::Direct, Kind::Portway, Kind::Nginx];
    let first = |round| in_turn(&kinds, round).first().copied();
    let firsts = [0, 1, 2, 3].map(|round| first(round).unwrap());
    let [a, b, c] = kinds;
    assert_eq!(firsts, [a, b, c, a]);
    assert_eq!(in_turn(&kinds, 1), [b, a, c]);
    assert_eq!(in_turn(&kinds, 2), [c, a, b]);
    assert!(in_turn(&[], 1).is_empty());
}

#[test]
fn the_load_tool_is_not_to_tell_where_in_the_code_it_was() {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "echo \"[$RUST_BACKTRACE]\""]);
    shell.env("RUST_BACKTRACE", "1");
    let said = ask(shell).unwrap();
    assert_eq!(said, serde_json::json!([0]));
}
