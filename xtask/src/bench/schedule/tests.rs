//! What `schedule` promises.

use super::{ask, in_turn, is_whole};
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

#[test]
fn a_sample_in_which_something_broke_is_not_whole() {
    let of = |text: &str| is_whole(&serde_json::from_str(text).unwrap());
    assert!(of("{\"failures\":0,\"units\":7}"));
    assert!(of("{\"transfers\":2000,\"bad\":0}"));
    assert!(of("{\"next_client\":\"served\"}"));
    assert!(!of("{\"failures\":1,\"units\":7}"));
    assert!(!of("{\"transfers\":2000,\"bad\":1}"));
    assert!(!of("{\"next_client\":\"read its answer\"}"));
}
