//! Reports of results that stand here.

use super::{aims, chart, figure, summary};
use crate::bench::results::Lines;
use crate::bench::sample::Spread;
use crate::bench::targets::Kind;

/// Two targets, two jobs, two rounds.
fn lines() -> Lines {
    let mut text = String::from(
        "{\"kind\":\"run\",\"date\":\"2026-01-02T03:04:05Z\"}\n\
         {\"kind\":\"target\",\"target\":\"nginx\",\"version\":\"1.2.3\"}\n\
         {\"kind\":\"target\",\"target\":\"portway\",\"version\":\"0.1.0\"}\n",
    );
    for (target, gigabytes) in [("portway", 8), ("portway", 10), ("nginx", 4), ("nginx", 5)] {
        text += &format!(
            "{{\"kind\":\"sample\",\"target\":\"{target}\",\"job\":\"up\",\"load\":{{\"seconds\":1.0,\
             \"bytes\":{gigabytes}000000000,\"cpu\":{{\"busy\":2.0,\"others\":0.2,\"capacity\":2.0,\
             \"gateway\":0.8}}}}}}\n"
        );
    }
    Lines::parse(&text).unwrap()
}

#[test]
fn the_short_table_has_medians_in_the_order_of_targets() {
    let text = summary(&lines());
    let rows: Vec<&str> = text.lines().skip(2).take(2).collect();
    assert_eq!(
        rows,
        [
            "| **Portway** | 72.0 (0.203) | – | – | – |",
            "| nginx | 36.0 (0.405) | – | – | – |"
        ]
    );
}

#[test]
fn an_aim_is_met_or_said_to_be_short() {
    let text = aims::section(&lines());
    assert!(text.contains("1 of 2 are met"), "{text}");
    assert!(text.contains("over nginx | ≥ 1.80 | 2.00 | met"), "{text}");
    assert!(
        text.contains("for each GB | ≤ 0.045 | 0.090 | **short**"),
        "{text}"
    );
}

#[test]
fn samples_that_others_disturbed_are_counted() {
    assert_eq!(lines().noisy(0.12), (0, 4));
    assert_eq!(lines().noisy(0.05), (4, 4));
}

#[test]
fn a_line_that_is_not_json_is_an_error() {
    assert!(Lines::parse("{\"kind\":\"run\"}\nnot json\n").is_err());
}

#[test]
fn numbers_keep_three_digits() {
    let told = [0.0451, 1.234, 12.34, 123.4, 1234.5, 123_456.0].map(figure);
    assert_eq!(told, ["0.045", "1.23", "12.3", "123", "1234", "123.5k"]);
}

#[test]
fn a_chart_has_a_bar_for_each_target_and_escapes_its_heading() {
    let spread = Spread {
        min: 1.0,
        median: 2.0,
        max: 4.0,
        n: 3,
    };
    let bar = |kind| chart::Bar { kind, spread };
    let svg = chart::draw("a < b", &[bar(Kind::Portway), bar(Kind::Nginx)]);
    assert_eq!(svg.matches("<line").count(), 2);
    assert!(svg.contains("a &lt; b") && svg.contains(">Portway<"));
}
