//! What the page of `bench-control` promises.

use super::{figure, number, rounds};
use crate::bench::results::Lines;

/// Rounds of Portway with these samples.
fn lines(samples: &[&str]) -> Lines {
    let line =
        |it: &&str| format!("{{\"kind\":\"control\",\"sample\":{{\"class\":\"portway\",{it}}}}}\n");
    Lines::parse(&samples.iter().map(line).collect::<String>()).unwrap()
}

#[test]
fn the_median_of_an_even_number_of_rounds_lies_between_the_two() {
    let four = ["\"ms\":1.0", "\"ms\":2.0", "\"ms\":4.0", "\"ms\":9.0"];
    assert_eq!(figure(&lines(&four), "portway", "/ms"), "3 (1–9)");
    assert_eq!(rounds(&lines(&four)), "Rounds: 4.");
}

#[test]
fn small_figures_keep_three_digits() {
    let told = [0.05, 0.57, 12.648, 433.596, 0.0, 16328.0].map(number);
    assert_eq!(told, ["0.050", "0.570", "12.6", "434", "0", "16328"]);
}

#[test]
fn what_was_not_measured_is_a_dash() {
    let lines = lines(&["\"ms\":1.5", "\"other\":2"]);
    assert_eq!(figure(&lines, "portway", "/ms"), "–");
    assert_eq!(figure(&lines, "traefik", "/ms"), "–");
}

#[test]
fn a_row_may_add_two_figures() {
    let lines = lines(&["\"create_ms\":6000,\"accepted_ms\":500"]);
    let told = figure(&lines, "portway", "/create_ms + /accepted_ms");
    assert_eq!(told, "6500");
}
